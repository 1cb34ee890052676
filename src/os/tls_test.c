// tls_test.c - sessions over buffers: trust, every cut of the stream, reload, resumption, garbage.
#include "os/tls.h"

#include "base/mem.h"
#include "os/tls_cert.h"

#include <pthread.h>
#include <unistd.h>

// --- two ends and the bytes between them

struct end {
	struct kp_tls *tls;
	struct kp_buf out;
	kp_err err; // of the handshake
	struct kp_why why;
};

static struct kp_tls_source *source(struct kp_tls_options options, bool is_server)
{
	struct kp_why why = {""};
	struct kp_tls_source *made = NULL;
	if (kp_tls_source_new(&options, is_server, &made, &why) != KP_OK)
		fail_msg("%s", why.text);
	return made;
}

static struct kp_tls_options server_options(const char *cert)
{
	return (struct kp_tls_options){.cert = cert, .key = cert_path("server.key")};
}

static struct kp_tls_options client_options(void)
{
	return (struct kp_tls_options){.ca = cert_path("ca.pem")};
}

static struct end open_end(struct kp_tls_source *from, const char *host,
                           struct kp_tls_ticket *ticket)
{
	struct end end = {.err = KP_ERR_AGAIN};
	assert_int_equal(kp_tls_source_open(from, host, ticket, &end.tls), KP_OK);
	return end;
}

static void close_end(struct end *end)
{
	kp_tls_free(end->tls);
	kp_buf_fini(&end->out);
}

// shake_step hands what `from` wrote to `to`, `step` bytes at a time; 0: all at once.
static void shake_step(struct end *from, struct end *to, size_t step)
{
	struct kp_bytes rest = kp_buf_bytes(&from->out);
	while (rest.len > 0 && to->err == KP_ERR_AGAIN) {
		size_t size = step && step < rest.len ? step : rest.len;
		to->err = kp_tls_shake(to->tls, (struct kp_bytes){rest.ptr, size}, &to->out,
		                       &to->why);
		rest.ptr += size;
		rest.len -= size;
	}
	if (to->err == KP_OK && rest.len > 0) { // tickets, in the same bytes
		uint8_t data[64];
		size_t got = 0;
		to->err = kp_tls_receive(to->tls, &rest, data, sizeof(data), &to->out, &got,
		                         &to->why);
		if (to->err == KP_ERR_AGAIN)
			to->err = KP_OK;
	}
	kp_buf_clear(&from->out);
}

static void shake(struct end *client, struct end *server, size_t step)
{
	client->err = kp_tls_shake(client->tls, (struct kp_bytes){0}, &client->out, &client->why);
	for (int turn = 0; turn < 20; turn++) {
		shake_step(client, server, step);
		shake_step(server, client, step);
		if (client->err != KP_ERR_AGAIN && server->err != KP_ERR_AGAIN)
			break;
	}
	if (server->err == KP_OK && client->err == KP_OK)
		shake_step(server, client, 0);
}

// pass sends `plain` from one end and reads it at the other, in pieces of `step` bytes.
static void pass(struct end *from, struct end *to, struct kp_bytes plain, size_t step, size_t room)
{
	struct kp_buf cipher = {0}, got = {0};
	assert_int_equal(kp_tls_send(from->tls, plain, &cipher), KP_OK);
	struct kp_bytes rest = kp_buf_bytes(&cipher);
	while (rest.len > 0) {
		struct kp_bytes piece = {rest.ptr, step < rest.len ? step : rest.len};
		rest.ptr += piece.len;
		rest.len -= piece.len;
		kp_err err;
		do {
			size_t size = 0;
			uint8_t *data = kp_buf_reserve(&got, room);
			err = kp_tls_receive(to->tls, &piece, data, room, &to->out, &size, NULL);
			got.len += size;
		} while (err == KP_OK);
		assert_int_equal(err, KP_ERR_AGAIN);
		assert_int_equal(piece.len, 0);
	}
	assert_int_equal(got.len, plain.len);
	assert_memory_equal(got.data, plain.ptr, plain.len);
	kp_buf_fini(&cipher);
	kp_buf_fini(&got);
}

// pair makes two ends that have shaken hands; the sources are freed, the sessions go on.
static void pair(struct end *client, struct end *server)
{
	struct kp_tls_source *serving = source(server_options(cert_path("server.pem")), true);
	struct kp_tls_source *calling = source(client_options(), false);
	*server = open_end(serving, NULL, NULL);
	*client = open_end(calling, "localhost", NULL);
	kp_tls_source_free(serving);
	kp_tls_source_free(calling);
	shake(client, server, 0);
	assert_int_equal(client->err, KP_OK);
	assert_int_equal(server->err, KP_OK);
}

// try_hands shakes hands once and tells how the client, and the server, took it.
static void try_hands(struct kp_tls_options serving, struct kp_tls_options calling,
                      const char *host, struct end *client, struct end *server)
{
	struct kp_tls_source *from = source(serving, true), *to = source(calling, false);
	*server = open_end(from, NULL, NULL);
	*client = open_end(to, host, NULL);
	shake(client, server, 0);
	close_end(client);
	close_end(server);
	kp_tls_source_free(from);
	kp_tls_source_free(to);
}

// --- trust

static void a_good_certificate_is_trusted(void **state)
{
	struct end client, server;
	try_hands(server_options(cert_path("server.pem")), client_options(), "localhost", &client,
	          &server);
	assert_int_equal(client.err, KP_OK);
	assert_int_equal(server.err, KP_OK);
	try_hands(server_options(cert_path("server.pem")), client_options(), "127.0.0.1", &client,
	          &server);
	assert_int_equal(client.err, KP_OK);
}

static void assert_refused(const char *cert, struct kp_tls_options calling, const char *host,
                           const char *words)
{
	struct end client, server;
	try_hands(server_options(cert), calling, host, &client, &server);
	assert_int_equal(client.err, KP_ERR_DENIED);
	if (!strstr(client.why.text, words))
		fail_msg("'%s' has no '%s'", client.why.text, words);
	assert_int_equal(server.err, KP_ERR_DENIED); // it is told why
	assert_non_null(strstr(server.why.text, "the peer refuses"));
}

static void bad_certificates_are_refused_with_the_reason(void **state)
{
	assert_refused(cert_path("wrong.pem"), client_options(), "localhost", "hostname mismatch");
	assert_refused(cert_path("wrong.pem"), client_options(), "127.0.0.1",
	               "IP address mismatch");
	assert_refused(cert_path("old.pem"), client_options(), "localhost", "expired");
	struct kp_tls_options other = {.ca = cert_path("other.pem")};
	assert_refused(cert_path("server.pem"), other, "localhost", "issuer");
}

static void servers_are_verified_unless_told_otherwise(void **state)
{
	struct end client, server;
	assert_refused(cert_path("server.pem"), (struct kp_tls_options){0}, "localhost", "issuer");
	try_hands(server_options(cert_path("old.pem")),
	          (struct kp_tls_options){.trusts_anybody = true}, "elsewhere", &client, &server);
	assert_int_equal(client.err, KP_OK);
}

static void the_name_of_the_options_counts_before_the_host(void **state)
{
	struct end client, server;
	struct kp_tls_options calling = client_options();
	calling.name = "elsewhere.example";
	try_hands(server_options(cert_path("wrong.pem")), calling, "localhost", &client, &server);
	assert_int_equal(client.err, KP_OK);
}

static struct kp_tls_options mutual_options(void)
{
	struct kp_tls_options options = server_options(cert_path("server.pem"));
	options.ca = cert_path("ca.pem");
	options.verify_client = true;
	return options;
}

static void clients_show_a_certificate_where_it_is_asked_for(void **state)
{
	struct end client, server;
	struct kp_tls_options calling = client_options();
	try_hands(mutual_options(), calling, "localhost", &client, &server);
	assert_int_equal(server.err, KP_ERR_DENIED);
	assert_string_equal(server.why.text, "the peer has no certificate");
	assert_int_equal(client.err, KP_ERR_DENIED);
	assert_non_null(strstr(client.why.text, "the peer ends TLS"));
	calling.cert = cert_path("client.pem");
	calling.key = cert_path("client.key");
	try_hands(mutual_options(), calling, "localhost", &client, &server);
	assert_int_equal(server.err, KP_OK);
	calling.cert = cert_path("stranger.pem");
	try_hands(mutual_options(), calling, "localhost", &client, &server);
	assert_int_equal(server.err, KP_ERR_DENIED);
	assert_non_null(strstr(server.why.text, "certificate is refused"));
}

static void a_session_tells_what_it_is(void **state)
{
	struct kp_tls_options calling = client_options();
	calling.cert = cert_path("client.pem");
	calling.key = cert_path("client.key");
	struct kp_tls_source *from = source(mutual_options(), true);
	struct kp_tls_source *to = source(calling, false);
	struct end server = open_end(from, NULL, NULL), client = open_end(to, "localhost", NULL);
	shake(&client, &server, 0);
	struct kp_tls_info info;
	kp_tls_describe(server.tls, &info);
	assert_string_equal(info.version, "TLSv1.3");
	assert_string_equal(info.protocol, "kipp");
	assert_string_equal(info.peer_name, "client");
	assert_false(info.is_resumed);
	close_end(&client);
	close_end(&server);
	kp_tls_source_free(from);
	kp_tls_source_free(to);
}

// --- files

static void assert_bad_files(struct kp_tls_options options, bool is_server, const char *file,
                             const char *words)
{
	struct kp_why why = {""};
	struct kp_tls_source *made = NULL;
	assert_int_equal(kp_tls_source_new(&options, is_server, &made, &why), KP_ERR_INVALID);
	if (!strstr(why.text, file) || !strstr(why.text, words))
		fail_msg("'%s' has no '%s' or no '%s'", why.text, file, words);
	assert_int_equal(kp_mem_live(), 0);
}

static void bad_files_are_named_with_what_is_wrong(void **state)
{
	struct kp_tls_options options = server_options(cert_path("none.pem"));
	assert_bad_files(options, true, "none.pem", "No such file");
	options = server_options(cert_path("server.key"));
	assert_bad_files(options, true, "server.key", "is no certificate");
	options = server_options(cert_path("server.pem"));
	options.key = cert_path("none.key");
	assert_bad_files(options, true, "none.key", "No such file");
	options.key = cert_path("server.pem");
	assert_bad_files(options, true, "server.pem", "is no private key");
	options.key = cert_path("client.key");
	assert_bad_files(options, true, "client.key", "does not belong to the certificate");
	run_in_dir("openssl genrsa -out rsa.key 2048");
	options.key = cert_path("rsa.key");
	assert_bad_files(options, true, "rsa.key", "does not belong to the certificate");
	run_in_dir("openssl ec -in server.key -aes128 -passout pass:x -out locked.key");
	options.key = cert_path("locked.key");
	assert_bad_files(options, true, "locked.key", "without a passphrase");
	options = server_options(cert_path("server.pem"));
	options.ca = cert_path("server.key");
	assert_bad_files(options, true, "server.key", "is no list of authorities");
	options.ca = NULL;
	options.verify_client = true;
	assert_bad_files(options, true, "no ca", "to be verified");
	options = client_options();
	options.ciphers = "NONSENSE";
	assert_bad_files(options, false, "NONSENSE", "is no list of ciphers");
	assert_bad_files((struct kp_tls_options){0}, true, "certificate", "set cert and key");
}

static void running_out_of_memory_leaves_nothing_behind(void **state)
{
	for (int fault = 0; kp_fault_next(&fault);) {
		struct kp_tls_options options = client_options();
		struct kp_tls_source *made = NULL;
		struct kp_tls *tls = NULL;
		options.name = "localhost";
		kp_err err = kp_tls_source_new(&options, false, &made, NULL);
		if (err == KP_OK)
			err = kp_tls_source_open(made, "localhost", NULL, &tls);
		assert_int_equal(err, fault ? KP_ERR_NOMEM : KP_OK);
		kp_tls_free(tls);
		kp_tls_source_free(made);
		assert_int_equal(kp_mem_live(), 0);
	}
}

// --- the stream

static void every_cut_of_the_stream_gives_the_same_bytes(void **state)
{
	static uint8_t plain[3000];
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 7);
	for (size_t step = 1; step < 600; step += step < 40 ? 1 : 37) {
		struct end client, server;
		struct kp_tls_source *from = source(server_options(cert_path("server.pem")), true);
		struct kp_tls_source *to = source(client_options(), false);
		server = open_end(from, NULL, NULL);
		client = open_end(to, "localhost", NULL);
		shake(&client, &server, step);
		assert_int_equal(client.err, KP_OK);
		assert_int_equal(server.err, KP_OK);
		pass(&client, &server, (struct kp_bytes){plain, sizeof(plain)}, step, 64);
		pass(&server, &client, (struct kp_bytes){plain, sizeof(plain)}, step, step);
		close_end(&client);
		close_end(&server);
		kp_tls_source_free(from);
		kp_tls_source_free(to);
	}
	assert_int_equal(kp_mem_live(), 0);
}

static void large_transfers_arrive_whole(void **state)
{
	enum {
		SIZE = 5 << 20
	};
	uint8_t *plain = test_malloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		plain[i] = (uint8_t)(i ^ (i >> 11));
	struct end client, server;
	pair(&client, &server);
	pass(&client, &server, (struct kp_bytes){plain, SIZE}, 65536, 65536);
	pass(&server, &client, (struct kp_bytes){plain, SIZE}, 1461, 70000);
	close_end(&client);
	close_end(&server);
	test_free(plain);
}

static void bytes_behind_the_handshake_are_not_lost(void **state)
{
	struct kp_tls_source *from = source(server_options(cert_path("server.pem")), true);
	struct kp_tls_source *to = source(client_options(), false);
	struct end server = open_end(from, NULL, NULL), client = open_end(to, "localhost", NULL);
	client.err = kp_tls_shake(client.tls, (struct kp_bytes){0}, &client.out, &client.why);
	shake_step(&client, &server, 0);
	shake_step(&server, &client, 0);
	assert_int_equal(client.err, KP_OK);
	assert_int_equal(kp_tls_send(client.tls, (struct kp_bytes){(const uint8_t *)"early", 5},
	                             &client.out),
	                 KP_OK);
	// The client's last words of the handshake and its first data come in one read.
	server.err = kp_tls_shake(server.tls, kp_buf_bytes(&client.out), &server.out, &server.why);
	assert_int_equal(server.err, KP_OK);
	uint8_t data[16];
	size_t size = 0;
	struct kp_bytes nothing = {0};
	assert_int_equal(kp_tls_receive(server.tls, &nothing, data, 2, &server.out, &size, NULL),
	                 KP_OK);
	assert_int_equal(size, 2);
	assert_int_equal(
	        kp_tls_receive(server.tls, &nothing, data + 2, 14, &server.out, &size, NULL),
	        KP_OK);
	assert_int_equal(size, 3);
	assert_memory_equal(data, "early", 5);
	close_end(&client);
	close_end(&server);
	kp_tls_source_free(from);
	kp_tls_source_free(to);
}

static void the_end_is_told(void **state)
{
	struct end client, server;
	uint8_t data[64];
	size_t size = 0;
	pair(&client, &server);
	kp_buf_clear(&client.out);
	assert_int_equal(
	        kp_tls_send(client.tls, (struct kp_bytes){(const uint8_t *)"bye", 3}, &client.out),
	        KP_OK);
	kp_tls_finish(client.tls, &client.out);
	struct kp_bytes in = kp_buf_bytes(&client.out);
	assert_int_equal(
	        kp_tls_receive(server.tls, &in, data, sizeof(data), &server.out, &size, NULL),
	        KP_OK);
	assert_memory_equal(data, "bye", 3);
	assert_int_equal(
	        kp_tls_receive(server.tls, &in, data, sizeof(data), &server.out, &size, NULL),
	        KP_ERR_CLOSED);
	// The other direction still works.
	pass(&server, &client, (struct kp_bytes){(const uint8_t *)"last", 4}, 100, 100);
	close_end(&client);
	close_end(&server);
}

// --- what is not TLS

static void garbage_is_refused_and_ends_the_session(void **state)
{
	static const char *const texts[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	                                    "\x00\x00\x00\x20\x10\x01\x2c\x3c\x40\x01 and more",
	                                    "\x16\x03\x01\xff\xff\xff\xff\xff\xff\xff",
	                                    "\x15\x03\x01\x00\x02\x02\x28"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct kp_tls_source *from = source(server_options(cert_path("server.pem")), true);
		struct end server = open_end(from, NULL, NULL);
		struct kp_bytes in = {(const uint8_t *)texts[i], i == 1 ? 30 : i ? 10 : 27};
		if (i == 3)
			in.len = 7;
		server.err = kp_tls_shake(server.tls, in, &server.out, &server.why);
		assert_true(server.err == KP_ERR_DECODE || server.err == KP_ERR_DENIED);
		if (i < 2)
			assert_string_equal(server.why.text, "the peer does not speak TLS");
		assert_int_equal(kp_tls_shake(server.tls, in, &server.out, NULL), KP_ERR_DECODE);
		close_end(&server);
		kp_tls_source_free(from);
	}
}

static void every_flipped_bit_of_a_record_is_noticed(void **state)
{
	struct kp_bytes plain = {(const uint8_t *)"do not touch", 12};
	for (size_t at = 0; at < 34; at++) {
		struct end client, server;
		uint8_t data[64];
		size_t size = 0;
		pair(&client, &server);
		kp_buf_clear(&client.out);
		assert_int_equal(kp_tls_send(client.tls, plain, &client.out), KP_OK);
		assert_true(client.out.len >= 34);
		client.out.data[at] ^= 1;
		struct kp_bytes in = kp_buf_bytes(&client.out);
		kp_err err = kp_tls_receive(server.tls, &in, data, sizeof(data), &server.out, &size,
		                            NULL);
		// A length that grew waits for bytes that never come.
		assert_true(err == KP_ERR_DECODE || (err == KP_ERR_AGAIN && (at == 3 || at == 4)));
		close_end(&client);
		close_end(&server);
	}
	assert_int_equal(kp_mem_live(), 0);
}

// --- resumption

static void a_ticket_makes_the_next_handshake_short(void **state)
{
	struct kp_tls_source *from = source(server_options(cert_path("server.pem")), true);
	struct kp_tls_source *to = source(client_options(), false);
	struct kp_tls_ticket *ticket = NULL;
	for (int round = 0; round < 3; round++) {
		struct end server = open_end(from, NULL, NULL);
		struct end client = open_end(to, "localhost", ticket);
		kp_tls_ticket_free(ticket);
		shake(&client, &server, 0);
		pass(&server, &client, (struct kp_bytes){(const uint8_t *)"x", 1}, 9999, 100);
		struct kp_tls_info info;
		kp_tls_describe(client.tls, &info);
		// After a reload the old ticket is not used: it speaks of the old trust.
		assert_int_equal(info.is_resumed, round == 1);
		ticket = kp_tls_take_ticket(client.tls);
		assert_non_null(ticket);
		close_end(&client);
		close_end(&server);
		if (round == 1)
			assert_int_equal(kp_tls_source_reload(to, NULL), KP_OK);
	}
	kp_tls_ticket_free(ticket);
	kp_tls_source_free(from);
	kp_tls_source_free(to);
	assert_int_equal(kp_mem_live(), 0);
}

// --- reload

static void a_reload_serves_new_sessions_and_leaves_old_ones(void **state)
{
	run_in_dir("cp server.pem live.pem");
	struct kp_tls_source *from = source(server_options(cert_path("live.pem")), true);
	struct kp_tls_source *to = source(client_options(), false);
	struct end old_server = open_end(from, NULL, NULL);
	struct end old_client = open_end(to, "localhost", NULL);
	shake(&old_client, &old_server, 0);
	run_in_dir("cp wrong.pem live.pem");
	assert_int_equal(kp_tls_source_reload(from, NULL), KP_OK);
	struct end server = open_end(from, NULL, NULL), client = open_end(to, "localhost", NULL);
	shake(&client, &server, 0);
	assert_int_equal(client.err, KP_ERR_DENIED);
	pass(&old_client, &old_server, (struct kp_bytes){(const uint8_t *)"live", 4}, 3, 10);
	close_end(&client);
	close_end(&server);
	close_end(&old_client);
	close_end(&old_server);
	kp_tls_source_free(from);
	kp_tls_source_free(to);
}

static void a_bad_reload_keeps_what_was(void **state)
{
	struct kp_why why = {""};
	run_in_dir("cp server.pem live.pem");
	struct kp_tls_source *from = source(server_options(cert_path("live.pem")), true);
	run_in_dir("echo rubbish >live.pem");
	assert_int_equal(kp_tls_source_reload(from, &why), KP_ERR_INVALID);
	assert_non_null(strstr(why.text, "live.pem is no certificate"));
	struct kp_tls_source *to = source(client_options(), false);
	struct end server = open_end(from, NULL, NULL), client = open_end(to, "localhost", NULL);
	shake(&client, &server, 0);
	assert_int_equal(client.err, KP_OK);
	close_end(&client);
	close_end(&server);
	kp_tls_source_free(from);
	kp_tls_source_free(to);
}

struct ends {
	struct kp_tls_source *from, *to;
};

static void *shake_often(void *arg)
{
	struct kp_tls_source *from = ((struct ends *)arg)->from, *to = ((struct ends *)arg)->to;
	for (int i = 0; i < 20; i++) {
		struct end server = open_end(from, NULL, NULL);
		struct end client = open_end(to, "localhost", NULL);
		shake(&client, &server, 0);
		assert_int_equal(client.err, KP_OK);
		pass(&client, &server, (struct kp_bytes){(const uint8_t *)"busy", 4}, 99, 99);
		close_end(&client);
		close_end(&server);
	}
	return NULL;
}

static void reloading_under_load_fails_nobody(void **state)
{
	pthread_t threads[3];
	struct ends ends = {source(server_options(cert_path("server.pem")), true),
	                    source(client_options(), false)};
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, shake_often, &ends), 0);
	for (int i = 0; i < 30; i++)
		assert_int_equal(kp_tls_source_reload(ends.from, NULL), KP_OK);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	kp_tls_source_free(ends.from);
	kp_tls_source_free(ends.to);
	assert_int_equal(kp_mem_live(), 0);
}

// --- the old algorithms

static void old_algorithms_agree_with_their_vectors(void **state)
{
	const struct kp_tls_ops *ops;
	uint8_t digest[KP_SHA1_SIZE], blocks[8], back[8];
	assert_int_equal(kp_tls_crypto(&ops, NULL), KP_OK);
	struct kp_bytes abc = {(const uint8_t *)"abc", 3};
	assert_int_equal(ops->sha1(abc, digest), KP_OK);
	assert_memory_equal(digest, "\xa9\x99\x3e\x36\x47\x06\x81\x6a\xba\x3e", 10);
	assert_int_equal(ops->md5(abc, digest), KP_OK);
	assert_memory_equal(digest, "\x90\x01\x50\x98\x3c\xd2\x4f\xb0\xd6\x96", 10);
	const uint8_t *key = (const uint8_t *)"\x01\x23\x45\x67\x89\xab\xcd\xef"
	                                      "\x23\x45\x67\x89\xab\xcd\xef\x01"
	                                      "\x45\x67\x89\xab\xcd\xef\x01\x23";
	struct kp_bytes plain = {(const uint8_t *)"The qufc", 8}; // of SP 800-67
	assert_int_equal(ops->des3(key, true, plain, blocks), KP_OK);
	assert_memory_equal(blocks, "\xa8\x26\xfd\x8c\xe5\x3b\x85\x5f", 8);
	assert_int_equal(ops->des3(key, false, (struct kp_bytes){blocks, 8}, back), KP_OK);
	assert_memory_equal(back, plain.ptr, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_good_certificate_is_trusted),
	        cmocka_unit_test(bad_certificates_are_refused_with_the_reason),
	        cmocka_unit_test(servers_are_verified_unless_told_otherwise),
	        cmocka_unit_test(the_name_of_the_options_counts_before_the_host),
	        cmocka_unit_test(clients_show_a_certificate_where_it_is_asked_for),
	        cmocka_unit_test(a_session_tells_what_it_is),
	        cmocka_unit_test(bad_files_are_named_with_what_is_wrong),
	        cmocka_unit_test(running_out_of_memory_leaves_nothing_behind),
	        cmocka_unit_test(every_cut_of_the_stream_gives_the_same_bytes),
	        cmocka_unit_test(large_transfers_arrive_whole),
	        cmocka_unit_test(bytes_behind_the_handshake_are_not_lost),
	        cmocka_unit_test(the_end_is_told),
	        cmocka_unit_test(garbage_is_refused_and_ends_the_session),
	        cmocka_unit_test(every_flipped_bit_of_a_record_is_noticed),
	        cmocka_unit_test(a_ticket_makes_the_next_handshake_short),
	        cmocka_unit_test(a_reload_serves_new_sessions_and_leaves_old_ones),
	        cmocka_unit_test(a_bad_reload_keeps_what_was),
	        cmocka_unit_test(reloading_under_load_fails_nobody),
	        cmocka_unit_test(old_algorithms_agree_with_their_vectors),
	};
	return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
