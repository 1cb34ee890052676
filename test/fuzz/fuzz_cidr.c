// fuzz_cidr.c - any text as a list of address ranges; each that is read has its own first address.
#include "base/assert.h"
#include "guard/cidr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_range(const struct kp_cidr *cidr)
{
	kp_assert(cidr->bits <= 128 && kp_cidr_has(cidr, &cidr->ip));
	char text[KP_IP_TEXT_MAX];
	kp_ip_format(&cidr->ip, text);
	struct kp_cidr again;
	kp_assert(kp_cidr_parse(kp_str(text), &again, NULL) == KP_OK);
	kp_assert(memcmp(&again.ip, &cidr->ip, sizeof(again.ip)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kp_cidr_list list = {0};
	struct kp_why why = {0};
	kp_err err = kp_cidr_list_parse((struct kp_str){(const char *)data, size}, &list, &why);
	if (err != KP_OK) {
		kp_assert(why.text[0] && list.len == 0);
		return 0;
	}
	for (size_t i = 0; i < list.len; i++)
		check_range(&list.items[i]);
	kp_cidr_list_fini(&list);
	return 0;
}
