// fuzz_endpoint.c - any text as an endpoint, a list of them, and an object.
#include "base/assert.h"
#include "tars/endpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What is read and written reads the same again, alone and in a list.
static void check_travel(const struct kp_endpoint *endpoint)
{
	struct kp_buf out = {0};
	struct kp_endpoint again;
	if (kp_endpoint_format(endpoint, &out) == KP_OK) {
		kp_assert(kp_endpoint_parse(kp_buf_str(&out), &again, NULL) == KP_OK);
		kp_assert(kp_endpoint_equal(endpoint, &again));
		kp_buf_append_str(&out, kp_str(":tcp -h a -p 1"));
		struct kp_str rest = kp_buf_str(&out);
		kp_assert(kp_endpoint_next(&rest, &again, NULL) == KP_OK);
		kp_assert(kp_endpoint_equal(endpoint, &again));
		kp_assert(kp_endpoint_next(&rest, &again, NULL) == KP_OK);
		kp_assert(kp_str_equal(again.host, kp_str("a")) && rest.len == 0);
	}
	kp_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kp_str text = {(const char *)data, size};
	struct kp_endpoint endpoint;
	struct kp_object object;
	struct kp_why why = {0};
	kp_err err = kp_endpoint_parse(text, &endpoint, &why);
	kp_assert(err == KP_OK || (err == KP_ERR_INVALID && why.text[0]));
	if (err == KP_OK) {
		kp_assert(kp_endpoint_is_text(text));
		check_travel(&endpoint);
	}
	struct kp_str rest = text;
	while ((err = kp_endpoint_next(&rest, &endpoint, &why)) == KP_OK)
		check_travel(&endpoint);
	kp_assert(err == KP_ERR_NOTFOUND || err == KP_ERR_INVALID);
	why.text[0] = '\0';
	err = kp_object_parse(text, &object, &why);
	kp_assert(err == KP_OK || (err == KP_ERR_INVALID && why.text[0]));
	if (err == KP_OK)
		while ((err = kp_endpoint_next(&object.endpoints, &endpoint, &why)) == KP_OK)
			continue;
	kp_assert(err != KP_OK);
	return 0;
}
