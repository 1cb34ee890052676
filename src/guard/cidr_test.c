// cidr_test.c - who is in a range, and what is no range.
#include "guard/cidr.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

static struct kp_ip ip(const char *text)
{
	struct kp_cidr cidr;
	assert_int_equal(kp_cidr_parse(kp_str(text), &cidr, NULL), KP_OK);
	return cidr.ip;
}

static bool has(const char *range, const char *address)
{
	struct kp_cidr cidr;
	assert_int_equal(kp_cidr_parse(kp_str(range), &cidr, NULL), KP_OK);
	struct kp_ip one = ip(address);
	return kp_cidr_has(&cidr, &one);
}

static void a_range_has_its_addresses(void **state)
{
	assert_true(has("10.0.0.0/8", "10.255.0.1"));
	assert_false(has("10.0.0.0/8", "11.0.0.1"));
	assert_true(has("192.168.1.7", "192.168.1.7"));
	assert_false(has("192.168.1.7", "192.168.1.6"));
	assert_true(has("192.168.1.4/30", "192.168.1.7"));
	assert_false(has("192.168.1.4/30", "192.168.1.8"));
	assert_true(has("0.0.0.0/0", "255.1.2.3"));
	assert_false(has("0.0.0.0/0", "fd00::1"));
	assert_true(has("::/0", "10.0.0.1"));
	assert_true(has("fd00::/8", "fdff::1"));
	assert_false(has("fd00::/8", "fc00::1"));
	assert_true(has("10.0.0.0/8", "::ffff:10.1.2.3"));
	assert_true(has("::ffff:10.0.0.0/104", "10.1.2.3"));
}

static void what_is_no_range_is_told_apart(void **state)
{
	static const char *const bad[] = {"",           "10",          "10.0.0",     "10.0.0.256",
	                                  "10.0.0.0/",  "10.0.0.0/33", "10.1.0.0/8", "fd00::/129",
	                                  "fd00::1/64", "/8",          "10.0.0.0/x", "host",
	                                  "1.2.3.4/-1", "::1/0x10",    "fd00:::1",   "010.0.0.1x"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct kp_cidr cidr;
		struct kp_why why = {0};
		assert_int_equal(kp_cidr_parse(kp_str(bad[i]), &cidr, &why), KP_ERR_INVALID);
		assert_non_null(strstr(why.text, bad[i]));
	}
}

static void a_list_says_which_item_is_wrong_and_where(void **state)
{
	struct kp_cidr_list list = {0};
	struct kp_why why;
	assert_int_equal(kp_cidr_list_parse(kp_str("10.0.0.0/8, 1.2.3"), &list, &why),
	                 KP_ERR_INVALID);
	assert_string_equal(why.text,
	                    "range 2, at character 13: \"1.2.3\" is no IPv4 or IPv6 address");
	assert_int_equal(list.len, 0);
}

static bool permits(const char *allow, const char *deny, const char *address)
{
	struct kp_cidr_list allowed = {0}, denied = {0};
	assert_int_equal(kp_cidr_list_parse(kp_str(allow), &allowed, NULL), KP_OK);
	assert_int_equal(kp_cidr_list_parse(kp_str(deny), &denied, NULL), KP_OK);
	struct kp_ip one = ip(address);
	bool result = kp_cidr_permits(&allowed, &denied, &one);
	kp_cidr_list_fini(&allowed);
	kp_cidr_list_fini(&denied);
	return result;
}

static void deny_beats_allow_and_an_empty_allow_lets_all_in(void **state)
{
	assert_true(permits("", "", "1.2.3.4"));
	assert_true(permits(" , ", "", "fd00::1"));
	assert_false(permits("", "1.2.3.0/24", "1.2.3.4"));
	assert_true(permits("10.0.0.0/8, 192.168.1.7, fd00::/8", "", "fd12::1"));
	assert_false(permits("10.0.0.0/8, 192.168.1.7, fd00::/8", "", "192.168.1.8"));
	assert_false(permits("10.0.0.0/8", "10.0.0.0/24", "10.0.0.9"));
	assert_true(permits("10.0.0.0/8", "10.0.0.0/24", "10.0.1.9"));
}

static void a_list_that_is_too_long_is_refused(void **state)
{
	static char text[(KP_CIDR_LIST_MAX + 1) * 8];
	size_t len = 0;
	for (int i = 0; i <= KP_CIDR_LIST_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "1.2.3.4,");
	struct kp_cidr_list list = {0};
	assert_int_equal(kp_cidr_list_parse((struct kp_str){text, len}, &list, NULL), KP_ERR_LIMIT);
	assert_int_equal(kp_cidr_list_parse((struct kp_str){text, len - 8}, &list, NULL), KP_OK);
	assert_int_equal(list.len, KP_CIDR_LIST_MAX);
	kp_cidr_list_fini(&list);
}

static void running_out_of_memory_leaves_nothing_behind(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_cidr_list list = {0};
		kp_err err = kp_cidr_list_parse(kp_str("10.0.0.0/8 fd00::/8"), &list, NULL);
		assert_int_equal(err, fault ? KP_ERR_NOMEM : KP_OK);
		kp_cidr_list_fini(&list);
		assert_int_equal(kp_mem_live(), 0);
	}
}

// A range has an address exactly if their first bits are the same.
static void ranges_compare_bit_by_bit(void **state)
{
	uint64_t seed = (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 100000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		struct kp_cidr cidr = {.bits = (unsigned)(seed >> 40) % 129};
		for (int j = 0; j < 16; j++)
			cidr.ip.bytes[j] = (uint8_t)(seed >> (j * 3));
		struct kp_ip one = cidr.ip;
		unsigned flipped = (unsigned)(seed >> 50) % 128;
		one.bytes[flipped / 8] ^= (uint8_t)(0x80U >> flipped % 8);
		assert_true(kp_cidr_has(&cidr, &cidr.ip));
		assert_int_equal(kp_cidr_has(&cidr, &one), flipped >= cidr.bits);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_range_has_its_addresses),
	        cmocka_unit_test(what_is_no_range_is_told_apart),
	        cmocka_unit_test(a_list_says_which_item_is_wrong_and_where),
	        cmocka_unit_test(deny_beats_allow_and_an_empty_allow_lets_all_in),
	        cmocka_unit_test(a_list_that_is_too_long_is_refused),
	        cmocka_unit_test(running_out_of_memory_leaves_nothing_behind),
	        cmocka_unit_test(ranges_compare_bit_by_bit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
