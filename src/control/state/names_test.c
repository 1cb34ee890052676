// names_test.c - what may be called how.
#include "control/state/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void names_are_letters_digits_and_underscores(void **state)
{
	const struct {
		const char *name;
		bool is_valid;
	} rows[] = {
	        {"Book", true},    {"_x", true},   {"a1", true},   {"", false},
	        {"1a", false},     {"a.b", false}, {"a-b", false}, {"a b", false},
	        {"../etc", false}, {"a/b", false}, {"a\n", false}, {"caf\xc3\xa9", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(name_is_valid(kp_str(rows[i].name)), rows[i].is_valid);

	char longest[NAME_SIZE_MAX + 1];
	memset(longest, 'a', sizeof(longest));
	assert_true(name_is_valid((struct kp_str){longest, NAME_SIZE_MAX}));
	assert_false(name_is_valid((struct kp_str){longest, NAME_SIZE_MAX + 1}));
	assert_false(name_is_valid((struct kp_str){"a\0b", 3}));
}

static void node_names_may_be_hosts_and_addresses(void **state)
{
	assert_true(node_name_is_valid(kp_str("node-a.example")));
	assert_true(node_name_is_valid(kp_str("10.0.0.7")));
	assert_true(node_name_is_valid(kp_str("fe80::1")));
	assert_false(node_name_is_valid(kp_str("")));
	assert_false(node_name_is_valid(kp_str("-h")));
	assert_false(node_name_is_valid(kp_str("a b")));
	assert_false(node_name_is_valid(kp_str("a/b")));
}

static void hashes_are_64_hex_digits_in_lower_case(void **state)
{
	char hash[65];
	memset(hash, 'a', sizeof(hash));
	assert_true(hash_is_valid((struct kp_str){hash, 64}));
	assert_false(hash_is_valid((struct kp_str){hash, 63}));
	assert_false(hash_is_valid((struct kp_str){hash, 65}));
	hash[9] = 'A';
	assert_false(hash_is_valid((struct kp_str){hash, 64}));
	hash[9] = '/';
	assert_false(hash_is_valid((struct kp_str){hash, 64}));
}

static void target_is_taken_apart(void **state)
{
	struct target target;
	assert_int_equal(target_parse(kp_str("Book.PaymentServer.12"), &target, NULL), KP_OK);
	assert_true(kp_str_equal(target.application, kp_str("Book")));
	assert_true(kp_str_equal(target.server, kp_str("PaymentServer")));
	assert_int_equal(target.number, 12);
	assert_int_equal(target_parse(kp_str("Book"), &target, NULL), KP_OK);
	assert_int_equal(target.server.len, 0);
	assert_int_equal(target.number, 0);
	assert_int_equal(target_parse(kp_str(""), &target, NULL), KP_OK);
	assert_int_equal(target.application.len, 0);
}

static void target_that_names_nothing_is_refused(void **state)
{
	const char *const bad[] = {".",
	                           "Book.",
	                           ".Book",
	                           "Book..1",
	                           "Book.S.0",
	                           "Book.S.-1",
	                           "Book.S.x",
	                           "Book.S.1.2",
	                           "Book.S.1.",
	                           "Book S",
	                           "Book.S.",
	                           "Book.S.+1",
	                           "Book.S.99999999999"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct target target;
		struct kp_why why = {""};
		assert_int_equal(target_parse(kp_str(bad[i]), &target, &why), KP_ERR_INVALID);
		assert_non_null(strstr(why.text, "App.Server.1"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(names_are_letters_digits_and_underscores),
	        cmocka_unit_test(node_names_may_be_hosts_and_addresses),
	        cmocka_unit_test(hashes_are_64_hex_digits_in_lower_case),
	        cmocka_unit_test(target_is_taken_apart),
	        cmocka_unit_test(target_that_names_nothing_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
