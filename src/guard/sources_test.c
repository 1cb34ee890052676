// sources_test.c - who is refused, who is banned, and who must not be.
#include "guard/sources.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

static const int64_t ms = 1000000;
static const int64_t second = 1000000000;

static struct kp_sources begin(const struct kp_limits *limits)
{
	struct kp_limits filled = *limits;
	kp_limits_fill(&filled);
	struct kp_sources sources;
	kp_sources_init(&sources, 3, &filled, 12345);
	return sources;
}

static struct kp_ip ip(uint32_t number)
{
	uint8_t bytes[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16),
	                    (uint8_t)(number >> 8), (uint8_t)number};
	return kp_ip_v4(bytes);
}

static bool offend(struct kp_sources *sources, uint32_t who, int64_t now_ns, int times)
{
	struct kp_ip one = ip(who);
	bool is_banned = false;
	for (int i = 0; i < times; i++)
		is_banned |= kp_sources_offend(sources, &one, now_ns, KP_OFFENCE_MALFORMED, 0);
	return is_banned;
}

static void garbage_is_banned_and_told(void **state)
{
	struct kp_sources sources = begin(&(struct kp_limits){.source_malformed_max = 4});
	struct kp_ip bad = ip(0x0a000007), other = ip(0x0a000008);
	assert_false(offend(&sources, 0x0a000007, second, 4));
	assert_int_equal(kp_sources_connect(&sources, &bad, second), KP_SOURCE_OK);
	assert_true(offend(&sources, 0x0a000007, second, 1));
	assert_int_equal(kp_sources_connect(&sources, &bad, 2 * second), KP_SOURCE_BANNED);
	assert_int_equal(kp_sources_connect(&sources, &other, 2 * second), KP_SOURCE_OK);
	struct kp_server_event event;
	assert_true(kp_sources_next_event(&sources, &event));
	assert_int_equal(event.kind, KP_EVENT_BAN);
	assert_int_equal(event.adapter, 3);
	assert_string_equal(event.source, "10.0.0.7");
	assert_string_equal(event.text, "10.0.0.7 is banned for 30 s: malformed packets");
	assert_false(kp_sources_next_event(&sources, &event));
	kp_sources_fini(&sources);
}

static void bans_grow_and_are_forgotten(void **state)
{
	struct kp_sources sources = begin(
	        &(struct kp_limits){.source_malformed_max = 4, .ban_max_s = 100, .forget_s = 600});
	struct kp_ip bad = ip(1);
	static const int64_t terms_s[] = {30, 60, 100, 100};
	int64_t now_ns = second;
	for (int i = 0; i < 4; i++) {
		assert_true(offend(&sources, 1, now_ns, 5));
		assert_true(kp_sources_is_banned(&sources, &bad, now_ns + terms_s[i] * second - 1));
		now_ns += terms_s[i] * second;
		assert_false(kp_sources_is_banned(&sources, &bad, now_ns));
	}
	now_ns += 601 * second;
	assert_true(offend(&sources, 1, now_ns, 5));
	assert_false(kp_sources_is_banned(&sources, &bad, now_ns + 30 * second));
	kp_sources_fini(&sources);
}

static void offences_long_ago_do_not_count(void **state)
{
	struct kp_sources sources = begin(&(struct kp_limits){.source_malformed_max = 4});
	for (int i = 0; i < 100; i++)
		assert_false(offend(&sources, 1, second + i * 40 * second, 2));
	kp_sources_fini(&sources);
}

static void one_sick_client_behind_a_nat_does_not_ban_it(void **state)
{
	struct kp_sources sources = begin(&(struct kp_limits){0});
	struct kp_ip nat = ip(1);
	for (int i = 0; i < 300; i++) {
		int64_t now_ns = (i + 1) * second;
		kp_sources_note(&sources, &nat, now_ns, 100000, 1000);
		assert_false(offend(&sources, 1, now_ns, 10));
	}
	assert_true(kp_sources_is_trusted(&sources, &nat, 300 * second));
	kp_sources_fini(&sources);
}

static void answers_that_nobody_reads_are_no_good_packets(void **state)
{
	struct kp_sources sources = begin(&(struct kp_limits){.source_malformed_max = 2});
	struct kp_ip one = ip(1);
	for (int i = 0; i < 3; i++) {
		assert_false(kp_sources_is_banned(&sources, &one, second));
		kp_sources_note(&sources, &one, second, 1 << 20, 1000);
		kp_sources_offend(&sources, &one, second, KP_OFFENCE_UNREAD, 1000);
	}
	assert_true(kp_sources_is_banned(&sources, &one, second));
	kp_sources_fini(&sources);
}

static void a_load_balancer_with_thousands_of_connections_is_left_alone(void **state)
{
	struct kp_sources sources = begin(&(struct kp_limits){0});
	struct kp_ip balancer = ip(1);
	for (int i = 0; i < 7000; i++) // all at once, as after a restart
		assert_int_equal(kp_sources_connect(&sources, &balancer, second), KP_SOURCE_OK);
	assert_false(kp_sources_note(&sources, &balancer, second, 1ULL << 32, 1000000));
	for (int i = 0; i < 7000; i++)
		kp_sources_disconnect(&sources, &balancer, second);
	kp_sources_fini(&sources);
}

static void connections_of_one_source_are_limited(void **state)
{
	struct kp_sources sources = begin(&(struct kp_limits){.source_connections_max = 3});
	struct kp_ip one = ip(1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(kp_sources_connect(&sources, &one, second), KP_SOURCE_OK);
	assert_int_equal(kp_sources_connect(&sources, &one, second), KP_SOURCE_TOO_MANY);
	kp_sources_disconnect(&sources, &one, second);
	assert_int_equal(kp_sources_connect(&sources, &one, second), KP_SOURCE_OK);
	assert_false(kp_sources_is_banned(&sources, &one, second));
	kp_sources_fini(&sources);
}

static void connecting_too_fast_is_refused_and_then_banned(void **state)
{
	struct kp_sources sources = begin(
	        &(struct kp_limits){.source_connects_per_s = 10, .source_connections_max = -1});
	struct kp_ip one = ip(1);
	int counts[4] = {0};
	for (int i = 0; i < 100; i++)
		counts[kp_sources_connect(&sources, &one, second)]++;
	assert_in_range(counts[KP_SOURCE_OK], 40, 42);
	assert_int_equal(counts[KP_SOURCE_TOO_FAST], 11);
	assert_int_equal(counts[KP_SOURCE_BANNED], 100 - 11 - counts[KP_SOURCE_OK]);
	kp_sources_fini(&sources);

	sources = begin(&(struct kp_limits){.source_connects_per_s = 10});
	for (int i = 0; i < 1000; i++)
		assert_int_equal(kp_sources_connect(&sources, &one, second + i * 100 * ms),
		                 KP_SOURCE_OK);
	kp_sources_fini(&sources);
}

static void rates_of_bytes_and_packets_are_limited_when_asked_for(void **state)
{
	struct kp_sources sources =
	        begin(&(struct kp_limits){.source_bytes_per_s = 1000, .source_packets_per_s = 10});
	struct kp_ip one = ip(1), two = ip(2);
	for (int i = 0; i < 100; i++)
		assert_false(kp_sources_note(&sources, &one, (i + 1) * second, 1000, 10));
	assert_true(kp_sources_note(&sources, &one, 101 * second, 1001, 1));
	assert_true(kp_sources_note(&sources, &two, 101 * second, 1, 11));
	kp_sources_fini(&sources);
}

static void an_ipv6_source_is_a_64(void **state)
{
	struct kp_sources sources = begin(&(struct kp_limits){.source_connections_max = 1});
	uint8_t bytes[16] = {0xfd, 1, 2, 3};
	struct kp_ip one = kp_ip_v6(bytes);
	bytes[15] = 9;
	struct kp_ip neighbour = kp_ip_v6(bytes);
	bytes[7] = 9;
	struct kp_ip other = kp_ip_v6(bytes);
	assert_int_equal(kp_sources_connect(&sources, &one, second), KP_SOURCE_OK);
	assert_int_equal(kp_sources_connect(&sources, &neighbour, second), KP_SOURCE_TOO_MANY);
	assert_int_equal(kp_sources_connect(&sources, &other, second), KP_SOURCE_OK);
	for (int i = 0; i < 100; i++)
		kp_sources_offend(&sources, &other, second, KP_OFFENCE_MALFORMED, 0);
	struct kp_server_event event;
	assert_true(kp_sources_next_event(&sources, &event));
	assert_string_equal(event.source, "fd01:203:0:9::/64");
	kp_sources_fini(&sources);
}

static void plenty_of_addresses_do_not_wash_out_a_ban(void **state)
{
	struct kp_sources sources =
	        begin(&(struct kp_limits){.source_malformed_max = 4, .sources_max = 1024});
	struct kp_ip bad = ip(7), held = ip(8);
	assert_true(offend(&sources, 7, second, 5));
	assert_int_equal(kp_sources_connect(&sources, &held, second), KP_SOURCE_OK);
	for (uint32_t i = 0; i < 100000; i++) {
		struct kp_ip one = ip(0x0b000000 + i);
		assert_int_equal(kp_sources_connect(&sources, &one, second + i * 10000),
		                 KP_SOURCE_OK);
		kp_sources_disconnect(&sources, &one, second + i * 10000);
	}
	assert_true(kp_sources_is_banned(&sources, &bad, 2 * second));
	assert_int_equal(sources.len, 1024);
	kp_sources_disconnect(&sources, &held, 2 * second);
	kp_sources_fini(&sources);
}

static void a_table_full_of_bans_serves_newcomers_uncounted(void **state)
{
	struct kp_sources sources =
	        begin(&(struct kp_limits){.source_malformed_max = 4, .sources_max = 128});
	for (uint32_t i = 0; i < 128; i++)
		assert_true(offend(&sources, i + 1, second, 5));
	struct kp_ip one = ip(1000);
	assert_int_equal(kp_sources_connect(&sources, &one, second), KP_SOURCE_OK);
	assert_true(sources.stats.untracked > 0);
	kp_sources_disconnect(&sources, &one, second);
	// Bans end, and there is room again.
	assert_int_equal(kp_sources_connect(&sources, &one, 40 * second), KP_SOURCE_OK);
	assert_int_equal(sources.stats.untracked, 1);
	kp_sources_fini(&sources);
}

static void only_an_attack_that_strains_suspends_and_it_ends(void **state)
{
	struct kp_sources sources =
	        begin(&(struct kp_limits){.suspend_offences_per_s = 100, .suspend_ms = 5000});
	assert_false(kp_sources_tick(&sources, second, true));
	for (int i = 0; i < 200; i++)
		kp_sources_offend_unknown(&sources, second + i);
	assert_false(kp_sources_tick(&sources, 2 * second, false)); // it keeps up
	for (int i = 0; i < 50; i++)
		kp_sources_offend_unknown(&sources, 2 * second + i);
	assert_false(kp_sources_tick(&sources, 3 * second, true)); // that is not many
	for (int i = 0; i < 200; i++)
		kp_sources_offend_unknown(&sources, 3 * second + i);
	assert_true(kp_sources_tick(&sources, 4 * second, true));
	assert_true(kp_sources_tick(&sources, 8 * second, false));
	assert_false(kp_sources_tick(&sources, 9 * second, false));
	struct kp_server_event event;
	assert_true(kp_sources_next_event(&sources, &event));
	assert_int_equal(event.kind, KP_EVENT_SUSPEND);
	assert_non_null(strstr(event.text, "5000 ms"));
	assert_true(kp_sources_next_event(&sources, &event));
	assert_int_equal(event.kind, KP_EVENT_RESUME);

	for (int i = 0; i < 200; i++)
		kp_sources_offend_unknown(&sources, 9 * second + i);
	assert_true(kp_sources_tick(&sources, 10 * second, true));
	assert_true(kp_sources_tick(&sources, 19 * second, true)); // twice as long now
	assert_false(kp_sources_tick(&sources, 20 * second, true));
	kp_sources_fini(&sources);
}

static void running_out_of_memory_counts_nobody(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_sources sources = begin(&(struct kp_limits){0});
		for (uint32_t i = 0; i < 200; i++) {
			struct kp_ip one = ip(i);
			assert_int_equal(kp_sources_connect(&sources, &one, second), KP_SOURCE_OK);
		}
		for (uint32_t i = 0; i < 200; i++) {
			struct kp_ip one = ip(i);
			kp_sources_disconnect(&sources, &one, second);
		}
		kp_sources_fini(&sources);
		assert_int_equal(kp_mem_live(), 0);
	}
}

// The table's connections are a model's, whatever is evicted meanwhile.
static void connections_are_counted_right_through_evictions(void **state)
{
	enum {
		WHO = 300
	};
	uint64_t seed = (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
	struct kp_sources sources =
	        begin(&(struct kp_limits){.sources_max = 512, .source_connections_max = 5});
	int model[WHO] = {0};
	for (int i = 0; i < 100000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint32_t who = (uint32_t)(seed >> 33) % WHO;
		int64_t now_ns = second + i * 100 * ms;
		struct kp_ip one = ip(who), passer = ip(100000 + (uint32_t)i);
		if ((seed >> 62) & 1) {
			kp_source_verdict wanted =
			        model[who] < 5 ? KP_SOURCE_OK : KP_SOURCE_TOO_MANY;
			assert_int_equal(kp_sources_connect(&sources, &one, now_ns), wanted);
			model[who] += wanted == KP_SOURCE_OK;
		} else if (model[who] > 0) {
			kp_sources_disconnect(&sources, &one, now_ns);
			model[who]--;
		}
		kp_sources_note(&sources, &passer, now_ns, 1, 1);
	}
	assert_int_equal(sources.cap, 512);
	kp_sources_fini(&sources);
}

static void limits_have_names_and_defaults(void **state)
{
	struct kp_limits limits = {.ban_s = 7, .forget_s = -1};
	kp_limits_fill(&limits);
	assert_int_equal(limits.ban_s, 7);
	assert_int_equal(limits.forget_s, -1);
	assert_int_equal(limits.empty_conn_ms, 5000);
	assert_ptr_equal(kp_limits_field(&limits, kp_str("suspend_ms")), &limits.suspend_ms);
	assert_null(kp_limits_field(&limits, kp_str("no")));
	assert_string_equal(kp_limits_names()[0], "connections_max");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(garbage_is_banned_and_told),
	        cmocka_unit_test(bans_grow_and_are_forgotten),
	        cmocka_unit_test(offences_long_ago_do_not_count),
	        cmocka_unit_test(one_sick_client_behind_a_nat_does_not_ban_it),
	        cmocka_unit_test(answers_that_nobody_reads_are_no_good_packets),
	        cmocka_unit_test(a_load_balancer_with_thousands_of_connections_is_left_alone),
	        cmocka_unit_test(connections_of_one_source_are_limited),
	        cmocka_unit_test(connecting_too_fast_is_refused_and_then_banned),
	        cmocka_unit_test(rates_of_bytes_and_packets_are_limited_when_asked_for),
	        cmocka_unit_test(an_ipv6_source_is_a_64),
	        cmocka_unit_test(plenty_of_addresses_do_not_wash_out_a_ban),
	        cmocka_unit_test(a_table_full_of_bans_serves_newcomers_uncounted),
	        cmocka_unit_test(only_an_attack_that_strains_suspends_and_it_ends),
	        cmocka_unit_test(running_out_of_memory_counts_nobody),
	        cmocka_unit_test(connections_are_counted_right_through_evictions),
	        cmocka_unit_test(limits_have_names_and_defaults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
