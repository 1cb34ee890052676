// travel_test.c - what a call carries to the next hop, written and read.
#include "guard/travel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

static struct kp_travel parse(const char *text)
{
	struct kp_travel travel;
	kp_travel_parse(kp_str(text), &travel);
	return travel;
}

static bool is_same(const struct kp_travel *a, const struct kp_travel *b)
{
	return a->left_us == b->left_us && a->priority == b->priority &&
	       a->is_retry == b->is_retry && a->is_busy == b->is_busy && a->version == b->version &&
	       kp_str_equal(a->caller, b->caller);
}

static void says_nothing(const char *text)
{
	struct kp_travel none = kp_travel_none(), travel = parse(text);
	assert_true(is_same(&travel, &none));
}

static void a_travel_is_read_item_by_item(void **state)
{
	struct kp_travel travel = parse("d1500000,p6,r1");
	assert_int_equal(travel.left_us, 1500000);
	assert_int_equal(travel.priority, 6);
	assert_true(travel.is_retry);
	assert_false(travel.is_busy);
	assert_int_equal(travel.version, 0);
	assert_int_equal(travel.caller.len, 0);

	travel = parse("v1,cBook.PaymentServer");
	assert_int_equal(travel.version, 1);
	assert_true(kp_str_equal(travel.caller, kp_str("Book.PaymentServer")));
	assert_int_equal(travel.left_us, -1);
	assert_int_equal(travel.priority, -1);

	assert_true(parse("b1").is_busy);
	assert_int_equal(parse("d0").left_us, 0);
	assert_int_equal(parse("p0").priority, 0);
}

static void nonsense_is_ignored_item_by_item(void **state)
{
	static const char *const nothing[] = {
	        "",
	        ",",
	        ",,,",
	        "d",
	        "d-1",
	        "d1x",
	        "d 1",
	        "p8",
	        "p-1",
	        "p",
	        "p4.0",
	        "p44",
	        "r0",
	        "r",
	        "r11",
	        "b2",
	        "v-1",
	        "v",
	        "c",
	        "c bad",
	        "x7",
	        "D5",
	        "\xff",
	        "c\x01",
	        "v1e3",
	        "v1000000",
	        "d9223372036854776",
	        "d99999999999999999999999999999",
	};
	for (size_t i = 0; i < sizeof(nothing) / sizeof(*nothing); i++)
		says_nothing(nothing[i]);
	struct kp_travel travel = parse("x9,d,p9,,d7,zzz,p2,");
	assert_int_equal(travel.left_us, 7);
	assert_int_equal(travel.priority, 2);
	assert_int_equal(parse("d9223372036854775").left_us, 9223372036854775);
}

static void the_last_of_two_counts(void **state)
{
	assert_int_equal(parse("d5,d6").left_us, 6);
	assert_int_equal(parse("d5,dx").left_us, 5);
}

static void long_callers_do_not_travel(void **state)
{
	char name[KP_TRAVEL_CALLER_MAX + 2];
	memset(name, 'a', sizeof(name));
	char text[KP_TRAVEL_TEXT_MAX];
	struct kp_travel travel = kp_travel_none();
	travel.caller = (struct kp_str){name, KP_TRAVEL_CALLER_MAX};
	assert_int_equal(kp_travel_format(&travel, text), KP_TRAVEL_CALLER_MAX + 1);
	travel.caller.len++;
	assert_int_equal(kp_travel_format(&travel, text), 0);
	travel.caller = kp_str("a,r1");
	assert_int_equal(kp_travel_format(&travel, text), 0);
}

static void what_is_not_said_is_not_written(void **state)
{
	char text[KP_TRAVEL_TEXT_MAX];
	struct kp_travel travel = kp_travel_none();
	assert_int_equal(kp_travel_format(&travel, text), 0);
	travel = (struct kp_travel){.left_us = 1500, .priority = 4, .is_retry = true};
	size_t len = kp_travel_format(&travel, text);
	assert_true(kp_str_equal((struct kp_str){text, len}, kp_str("d1500,p4,r1")));
}

static void all_that_is_written_reads_the_same(void **state)
{
	uint64_t seed = (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
	static const char *const callers[] = {"", "a", "Book.PaymentServer", "x-y_z.1"};
	for (int i = 0; i < 20000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint64_t dice = seed >> 8;
		struct kp_travel travel = {
		        .left_us = dice % 4
		                           ? (int64_t)((dice >> 2) % 9223372036854776u) >> dice % 53
		                           : -1,
		        .priority = (int)((dice >> 12) % 9) - 1,
		        .is_retry = (dice >> 20) & 1,
		        .is_busy = (dice >> 21) & 1,
		        .version = (dice >> 22) & 1 ? (int)((dice >> 23) % 1000000) : 0,
		        .caller = kp_str(callers[(dice >> 44) % 4]),
		};
		char text[KP_TRAVEL_TEXT_MAX];
		size_t len = kp_travel_format(&travel, text);
		assert_true(len <= sizeof(text));
		struct kp_travel again;
		kp_travel_parse((struct kp_str){text, len}, &again);
		assert_true(is_same(&travel, &again));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_travel_is_read_item_by_item),
	        cmocka_unit_test(nonsense_is_ignored_item_by_item),
	        cmocka_unit_test(the_last_of_two_counts),
	        cmocka_unit_test(long_callers_do_not_travel),
	        cmocka_unit_test(what_is_not_said_is_not_written),
	        cmocka_unit_test(all_that_is_written_reads_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
