// auth_test.c - AK/SK: the vectors of TARS, what is refused, and calls behind it.
#include "rpc/auth.h"

#include "rpc/auth_vector.h"
#include "rpc/fixture.h"
#include "tars/golden.h"

#include <time.h>

static struct kp_auth_crypto crypto;

static int find_crypto(void **state)
{
	return auth_crypto(&crypto, NULL) == KP_OK ? 0 : -1;
}

// --- the vectors

static void secrets_and_signature_agree_with_the_vector(void **state)
{
	char secret1[KP_AUTH_SECRET_SIZE], key[KP_AUTH_KEY_SIZE];
	uint8_t signature[KP_AUTH_SIGNATURE_SIZE];
	assert_int_equal(kp_auth_secret1(&crypto, kp_str(VECTOR_SECRET_KEY), secret1), KP_OK);
	assert_memory_equal(secret1, VECTOR_SECRET1, sizeof(secret1));
	assert_int_equal(kp_auth_key(&crypto, secret1, VECTOR_TIME, key), KP_OK);
	assert_memory_equal(key, VECTOR_KEY, sizeof(key));
	assert_int_equal(kp_auth_sign(&crypto, kp_str(VECTOR_SECRET_KEY), VECTOR_TIME, signature),
	                 KP_OK);
	struct kp_bytes expected = golden_bytes(VECTOR_SIGNATURE);
	assert_int_equal(expected.len, sizeof(signature));
	assert_memory_equal(signature, expected.ptr, sizeof(signature));
	free((void *)expected.ptr);
}

static void the_frame_agrees_with_the_vector(void **state)
{
	struct kp_buf out = {0};
	assert_int_equal(auth_encode(&crypto, kp_str(VECTOR_OBJECT), kp_str(VECTOR_ACCESS_KEY),
	                             kp_str(VECTOR_SECRET_KEY), VECTOR_TIME, 0, &out),
	                 KP_OK);
	struct kp_bytes expected = golden_bytes(VECTOR_FRAME);
	assert_int_equal(out.len, expected.len);
	assert_memory_equal(out.data, expected.ptr, out.len);
	struct kp_request_packet request;
	struct kp_auth_package package;
	struct kp_bytes packet = {out.data + 4, out.len - 4};
	assert_int_equal(auth_read(packet, &request, &package), KP_OK);
	assert_true(kp_str_equal(package.object, kp_str(VECTOR_OBJECT)));
	assert_true(kp_str_equal(package.access_key, kp_str(VECTOR_ACCESS_KEY)));
	assert_int_equal(package.time_s, VECTOR_TIME);
	assert_true(kp_str_equal(package.hash, kp_str("sha1")));
	free((void *)expected.ptr);
	kp_buf_fini(&out);
}

static void a_frame_has_less_than_256_bytes(void **state)
{
	char object[256];
	memset(object, 'o', sizeof(object));
	struct kp_buf out = {0};
	size_t len = 1;
	while (auth_encode(&crypto, (struct kp_str){object, len}, kp_str("ak"), kp_str("sk"), 1,
	                   3000, &out) == KP_OK) {
		assert_true(out.len < KP_AUTH_FRAME_MAX);
		struct kp_bytes packet = {out.data + 4, out.len - 4};
		struct kp_request_packet request;
		struct kp_auth_package package;
		assert_int_equal(auth_read(packet, &request, &package), KP_OK);
		kp_buf_clear(&out);
		len++;
	}
	assert_int_equal(out.len, 0);
	assert_in_range(len, 50, 100); // the object is in it twice
	kp_buf_fini(&out);
}

// --- checking

static enum kp_auth_state check(struct kp_auth_claim claim, int64_t now_s)
{
	return kp_auth_check(&crypto, &claim, kp_str(VECTOR_ACCESS_KEY), kp_str(VECTOR_SECRET_KEY),
	                     now_s);
}

static void only_a_claim_without_a_fault_is_believed(void **state)
{
	struct kp_bytes bytes = golden_bytes(VECTOR_SIGNATURE);
	uint8_t signature[KP_AUTH_SIGNATURE_SIZE];
	memcpy(signature, bytes.ptr, sizeof(signature));
	free((void *)bytes.ptr);
	const struct kp_auth_claim good = {.has_object = true,
	                                   .access_key = kp_str(VECTOR_ACCESS_KEY),
	                                   .time_s = VECTOR_TIME,
	                                   .hash = kp_str("sha1"),
	                                   .signature = {signature, sizeof(signature)}};
	assert_int_equal(check(good, VECTOR_TIME), KP_AUTH_OK);
	assert_int_equal(check(good, VECTOR_TIME + KP_AUTH_SKEW_S), KP_AUTH_OK);
	assert_int_equal(check(good, VECTOR_TIME - KP_AUTH_SKEW_S), KP_AUTH_OK);
	assert_int_equal(check(good, VECTOR_TIME + KP_AUTH_SKEW_S + 1), KP_AUTH_WRONG_TIME);
	assert_int_equal(check(good, VECTOR_TIME - KP_AUTH_SKEW_S - 1), KP_AUTH_WRONG_TIME);
	struct kp_auth_claim claim = good;
	claim.has_object = false;
	assert_int_equal(check(claim, VECTOR_TIME), KP_AUTH_WRONG_OBJECT);
	claim = good;
	claim.access_key = kp_str("tars-test-usex");
	assert_int_equal(check(claim, VECTOR_TIME), KP_AUTH_WRONG_KEY);
	claim.access_key = kp_str("");
	assert_int_equal(check(claim, VECTOR_TIME), KP_AUTH_WRONG_KEY);
	claim = good;
	claim.hash = kp_str("md5");
	assert_int_equal(check(claim, VECTOR_TIME), KP_AUTH_WRONG_HASH);
	claim = good;
	claim.time_s++; // the signature was made at another time
	assert_int_equal(check(claim, VECTOR_TIME), KP_AUTH_WRONG_SIGNATURE);
	claim = good;
	claim.signature.len--;
	assert_int_equal(check(claim, VECTOR_TIME), KP_AUTH_WRONG_SIGNATURE);
	for (size_t bit = 0; bit < 8 * sizeof(signature); bit++) {
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(check(good, VECTOR_TIME), KP_AUTH_WRONG_SIGNATURE);
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(kp_auth_check(&crypto, &good, kp_str(""), kp_str(""), VECTOR_TIME),
	                 KP_AUTH_WRONG_KEY);
	claim = good;
	claim.time_s = INT64_MIN;
	assert_int_equal(check(claim, VECTOR_TIME), KP_AUTH_WRONG_TIME);
	claim.time_s = INT64_MAX;
	assert_int_equal(check(claim, VECTOR_TIME), KP_AUTH_WRONG_TIME);
}

static void every_cut_and_flipped_bit_is_survived(void **state)
{
	struct kp_bytes frame = golden_bytes(VECTOR_FRAME);
	uint8_t *bytes = (uint8_t *)frame.ptr;
	struct kp_request_packet request;
	struct kp_auth_package package;
	for (size_t len = 4; len < frame.len; len++)
		(void)auth_read((struct kp_bytes){bytes + 4, len - 4}, &request, &package);
	for (size_t bit = 32; bit < 8 * frame.len; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		(void)auth_read((struct kp_bytes){bytes + 4, frame.len - 4}, &request, &package);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(bytes);
}

// --- calls

static struct world open_locked_world(void)
{
	struct world world = open_world_with(
	        1, &(struct kp_adapter_options){.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000 -e 1",
	                                        .access_key = "ak",
	                                        .secret_key = "sk"});
	assert_non_null(strstr(world.object, "-e 1"));
	return world;
}

static void give_keys(struct world *world, const char *access_key, const char *secret_key)
{
	struct kp_proxy_options options = {.access_key = access_key, .secret_key = secret_key};
	struct kp_proxy *proxy = kp_client_proxy(world->client, world->object);
	assert_int_equal(kp_proxy_configure(proxy, &options), KP_OK);
}

static void assert_fails(struct world *world, const char *words)
{
	int32_t sum;
	char text[512];
	assert_int_equal(RpcTest_Echo_add(world->echo, world->call, 1, 2, &sum), KP_ERR_CONNECT);
	snprintf(text, sizeof(text), "%.*s", KP_STR_ARG(kp_call_reason(world->call)));
	if (!strstr(text, words))
		fail_msg("'%s' has no '%s'", text, words);
}

static void who_knows_the_key_is_served(void **state)
{
	struct world world = open_locked_world();
	int32_t sum = 0;
	give_keys(&world, "ak", "sk");
	for (int i = 0; i < 3; i++)
		assert_int_equal(RpcTest_Echo_add(world.echo, world.call, i, 2, &sum), KP_OK);
	assert_int_equal(sum, 4);
	assert_int_equal(stats_of(&world).connections_accepted, 1);
	close_world(&world);
}

static void who_does_not_know_it_hears_so(void **state)
{
	struct world world = open_locked_world();
	assert_fails(&world, "asks for AK/SK; set accesskey and secretkey");
	close_world(&world);
	world = open_locked_world();
	give_keys(&world, "ak", "wrong");
	assert_fails(&world, "refuses the access key");
	wait_for(stats_of(&world).closed_denied == 1);
	assert_int_equal(stats_of(&world).requests, 0);
	close_world(&world);
}

static void nothing_is_done_before_the_proof(void **state)
{
	struct world world = open_locked_world();
	struct kp_buf frames = {0};
	int fd = dial(&world);
	encode_echo(&frames, 7, 10);
	assert_int_equal(auth_encode(&crypto, kp_str("Test.EchoServer.EchoObj"), kp_str("ak"),
	                             kp_str("sk"), time(NULL), 3000, &frames),
	                 KP_OK);
	send_all(fd, frames.data, frames.len);
	wait_for(stats_of(&world).closed_denied == 1);
	int http = dial(&world);
	send_all(http, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 33);
	wait_for(stats_of(&world).connections_open == 0);
	assert_int_equal(stats_of(&world).requests, 0);
	kp_sock_close(fd);
	kp_sock_close(http);
	kp_buf_fini(&frames);
	close_world(&world);
}

static void the_proof_and_calls_may_come_together(void **state)
{
	struct world world = open_locked_world();
	struct kp_buf frames = {0};
	int fd = dial(&world);
	assert_int_equal(auth_encode(&crypto, kp_str("Test.EchoServer.EchoObj"), kp_str("ak"),
	                             kp_str("sk"), time(NULL), 3000, &frames),
	                 KP_OK);
	encode_echo(&frames, 7, 10);
	send_all(fd, frames.data, frames.len);
	wait_for(stats_of(&world).answers == 1);
	kp_sock_close(fd);
	kp_buf_fini(&frames);
	close_world(&world);
}

static void who_says_nothing_is_dropped(void **state)
{
	struct kp_tls_options soon = {.handshake_timeout_ms = 1};
	struct world world = open_world_with(
	        1, &(struct kp_adapter_options){.endpoint = "tcp -h 127.0.0.1 -p 0 -t 60000 -e 1",
	                                        .access_key = "ak",
	                                        .secret_key = "sk",
	                                        .tls = &soon});
	int fd = dial(&world);
	wait_for(stats_of(&world).closed_denied == 1);
	kp_sock_close(fd);
	close_world(&world);
}

static void assert_bad(struct kp_adapter_options options, const char *words)
{
	struct kp_server *server;
	struct kp_why why = {""};
	assert_int_equal(kp_server_open(&(struct kp_server_options){0}, &server, NULL), KP_OK);
	assert_int_equal(kp_server_listen(server, &options, NULL, &why), KP_ERR_INVALID);
	assert_non_null(strstr(why.text, words));
	kp_server_close(server);
}

static void half_a_configuration_is_none(void **state)
{
	assert_bad((struct kp_adapter_options){.endpoint = "tcp -h 127.0.0.1 -p 0 -e 1"},
	           "needs an access key and a secret key");
	assert_bad((struct kp_adapter_options){.endpoint = "tcp -h 127.0.0.1 -p 0",
	                                       .access_key = "ak",
	                                       .secret_key = "sk"},
	           "does not ask for it with -e 1");
	assert_bad((struct kp_adapter_options){.endpoint = "udp -h 127.0.0.1 -p 0 -e 1",
	                                       .access_key = "ak",
	                                       .secret_key = "sk"},
	           "a udp endpoint has none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(secrets_and_signature_agree_with_the_vector),
	        cmocka_unit_test(the_frame_agrees_with_the_vector),
	        cmocka_unit_test(a_frame_has_less_than_256_bytes),
	        cmocka_unit_test(only_a_claim_without_a_fault_is_believed),
	        cmocka_unit_test(every_cut_and_flipped_bit_is_survived),
	        cmocka_unit_test(who_knows_the_key_is_served),
	        cmocka_unit_test(who_does_not_know_it_hears_so),
	        cmocka_unit_test(nothing_is_done_before_the_proof),
	        cmocka_unit_test(the_proof_and_calls_may_come_together),
	        cmocka_unit_test(who_says_nothing_is_dropped),
	        cmocka_unit_test(half_a_configuration_is_none),
	};
	return cmocka_run_group_tests(tests, find_crypto, NULL);
}
