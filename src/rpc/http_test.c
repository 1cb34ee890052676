// http_test.c - functions called by HTTP, and the pages of a server.
#include "rpc/http_fixture.h"

#include "rpc/call_internal.h"
#include "tars/json.h"

// --- calls

static void a_function_is_called_with_json(void **state)
{
	struct world world = open_world(1);
	struct reply reply;
	post(&world, "add", "", "{\"a\":40,\"b\":2}", &reply);
	assert_int_equal(reply.status, 200);
	assert_string_equal(header(&reply, "Content-Type"), "application/json");
	assert_body(&reply, "{\"tars_ret\":42}\n");
	ask(&world, &reply,
	    "POST /" OBJ "/echo" HEAD "Content-Length: 18\r\n\r\n"
	    "{\"request\":\"AQL/\"}");
	assert_body(&reply, "{\"tars_ret\":0,\"response\":\"AQL/\"}\n");
	post(&world, "ping", "", "", &reply);
	assert_body(&reply, "{}\n");
	post(&world, "tars_ping", "", "", &reply);
	assert_body(&reply, "{}\n");
	assert_int_equal(stats_of(&world).answers, 4);
	close_world(&world);
}

static void what_goes_wrong_has_a_fitting_status(void **state)
{
	struct world world = open_world(1);
	struct reply reply;
	post(&world, "add", "", "{\"a\":1}", &reply);
	assert_int_equal(reply.status, 400);
	assert_string_equal(header(&reply, "Content-Type"), "application/problem+json");
	assert_body_has(&reply, "missing parameter 'b' (int) of add");
	post(&world, "add", "", "{\"a\":1,\"b\":2147483648}", &reply);
	assert_int_equal(reply.status, 400);
	assert_body_has(&reply, "b: 2147483648 is out of the range");
	post(&world, "add", "", "{\"a\":1,\"b\":2", &reply);
	assert_int_equal(reply.status, 400);
	post(&world, "subtract", "", "{}", &reply);
	assert_int_equal(reply.status, 404);
	assert_body_has(&reply, "has no function subtract");
	ask(&world, &reply, "POST /Nobody/add" HEAD "\r\n");
	assert_int_equal(reply.status, 404);
	post(&world, "fail", "", "{\"code\":7,\"text\":\"no \\\"luck\\\"\"}", &reply);
	assert_int_equal(reply.status, 500);
	assert_body(&reply, "{\"title\":\"Internal Server Error\",\"status\":500,"
	                    "\"detail\":\"no \\\"luck\\\"\",\"iRet\":7}\n");
	ask(&world, &reply, "GET /EchoObj/add" HEAD "\r\n");
	assert_int_equal(reply.status, 405);
	assert_string_equal(header(&reply, "Allow"), "POST, OPTIONS");
	ask(&world, &reply, "POST /EchoObj" HEAD "\r\n");
	assert_int_equal(reply.status, 405);
	assert_string_equal(header(&reply, "Allow"), "GET, HEAD, OPTIONS");
	post(&world, "add", "Kipp-Timeout: soon\r\n", "{}", &reply);
	assert_int_equal(reply.status, 400);
	post(&world, "add", "Content-Encoding: gzip\r\n", "{}", &reply);
	assert_int_equal(reply.status, 415);
	close_world(&world);
}

// --- what travels with a call

static int32_t tell_context(struct kp_call *call, int32_t what)
{
	struct kp_str name = kp_call_context(call, kp_str("userId"));
	struct kp_str trace = kp_call_context(call, kp_str("traceparent"));
	(void)kp_call_answer_context(call, kp_str("userId"), name);
	(void)kp_call_answer_context(call, kp_str("trace"), trace);
	(void)kp_call_answer_context(call, kp_str("a b:"), kp_str("x\r\nSet-Cookie: y\r\n\r\n"));
	return what;
}

static void contexts_travel_as_headers_and_no_value_makes_another(void **state)
{
	struct world world = open_world(1);
	struct reply reply;
	hook = tell_context;
	post(&world, "hook", "Kipp-Context-userId: a%0d%0ab %zz\r\ntraceparent: 00-1\r\n",
	     "{\"what\":3}", &reply);
	assert_int_equal(reply.status, 200);
	assert_string_equal(header(&reply, "Kipp-Context-userId"), "a%0D%0Ab %25zz");
	assert_string_equal(header(&reply, "Kipp-Context-trace"), "00-1");
	assert_string_equal(header(&reply, "Kipp-Context-a%20b%3A"),
	                    "x%0D%0ASet-Cookie: y%0D%0A%0D%0A");
	assert_null(header(&reply, "Set-Cookie"));
	close_world(&world);
}

static int32_t tell_priority(struct kp_call *call, int32_t what)
{
	return call->out.options.priority - 1;
}

static void priorities_and_deadlines_reach_the_call(void **state)
{
	struct world world = open_world(1);
	struct reply reply;
	hook = tell_priority;
	post(&world, "hook", "Kipp-Priority: 6\r\nKipp-Timeout: 60000\r\n", "{\"what\":0}", &reply);
	assert_body(&reply, "{\"tars_ret\":6}\n");
	post(&world, "hook", "Kipp-Priority: 8\r\n", "{\"what\":0}", &reply);
	assert_int_equal(reply.status, 400);
	close_world(&world);
}

static void a_deadline_that_passes_is_answered_and_the_handler_hears_of_it(void **state)
{
	struct world world = open_world(1);
	struct reply reply;
	hook = wait_to_be_cancelled;
	cancelled = 0;
	post(&world, "hook", "Kipp-Timeout: 30\r\n", "{\"what\":0}", &reply);
	assert_int_equal(reply.status, 504);
	assert_string_equal(header(&reply, "Connection"), "close");
	wait_for(__atomic_load_n(&cancelled, __ATOMIC_SEQ_CST) == 1);
	close_world(&world);
}

static void a_handler_hears_that_its_caller_has_hung_up(void **state)
{
	struct world world = open_world(1);
	hook = wait_to_be_cancelled;
	cancelled = 0;
	int fd = dial(&world);
	const char *text = "POST /EchoObj/hook" HEAD "Content-Length: 10\r\n\r\n{\"what\":0}";
	send_all(fd, text, strlen(text));
	wait_for(stats_of(&world).requests == 1);
	kp_sock_close(fd);
	wait_for(__atomic_load_n(&cancelled, __ATOMIC_SEQ_CST) == 1);
	close_world(&world);
}

// --- pages

static void a_server_describes_itself(void **state)
{
	struct world world = open_world(1);
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_json *json;
	struct reply reply;
	ask(&world, &reply, "GET /" HEAD "\r\n");
	assert_int_equal(kp_json_parse(reply.body, arena, &json, NULL), KP_OK);
	const struct kp_json *first = kp_json_find(json, kp_str("servants"))->first;
	assert_true(kp_str_equal(kp_json_find(first, kp_str("servant"))->text, kp_str(OBJ)));
	ask(&world, &reply, "GET /EchoObj" HEAD "\r\n");
	assert_int_equal(kp_json_parse(reply.body, arena, &json, NULL), KP_OK);
	assert_body_has(&reply, "\"signature\": \"int echo(vector<byte> request, out vector<byte> "
	                        "response)\"");
	ask(&world, &reply, "HEAD /EchoObj" HEAD "\r\n");
	assert_int_equal(reply.status, 200);
	assert_true(strtoul(header(&reply, "Content-Length"), NULL, 10) > 100);
	ask(&world, &reply, "OPTIONS /EchoObj/add" HEAD "\r\n");
	assert_string_equal(header(&reply, "Allow"), "POST, OPTIONS");
	ask(&world, &reply, "OPTIONS *" HEAD "\r\n");
	assert_int_equal(reply.status, 200);
	kp_arena_free(arena);
	close_world(&world);
}

static void health_and_counters_can_be_asked_for(void **state)
{
	struct world world = open_world(1);
	struct reply reply;
	ask_text(&world, LIVE, &reply);
	assert_body(&reply, "ok\n");
	ask(&world, &reply, "GET /readyz?verbose" HEAD "\r\n");
	assert_body(&reply, "[+]serving ok\n[+]not-draining ok\n[+]not-suspended ok\nok\n");
	post(&world, "ping", "", "{}", &reply);
	ask(&world, &reply, "GET /metrics" HEAD "\r\n");
	assert_string_equal(header(&reply, "Content-Type"),
	                    "text/plain; version=0.0.4; charset=utf-8");
	assert_body_has(&reply, "# TYPE kipp_adapter_requests_total counter\n");
	assert_body_has(&reply, "kipp_adapter_requests_total{adapter=\"tcp -h 127.0.0.1 -p ");
	assert_body_has(&reply, "\"} 1\n");
	ask(&world, &reply, "GET /metrics" HEAD "Accept: application/openmetrics-text\r\n\r\n");
	assert_body_has(&reply, "# TYPE kipp_adapter_requests counter\n");
	assert_string_equal(reply.body.ptr + reply.body.len - 6, "# EOF\n");
	close_world(&world);
}

static void servants_are_found_by_their_last_part_if_one_has_it(void **state)
{
	struct world world = {0};
	struct kp_adapter_options options = tcp();
	struct reply reply;
	assert_int_equal(kp_server_open(&(struct kp_server_options){0}, &world.server, NULL),
	                 KP_OK);
	assert_int_equal(kp_server_listen(world.server, &options, NULL, NULL), KP_OK);
	static const char *const names[] = {"A.B.One", "A.B.Two", "C.D.Two"};
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(kp_server_serve(world.server, 0, names[i], &RpcTest_Echo_interface,
		                                 &ops, NULL),
		                 KP_OK);
	assert_int_equal(kp_server_start(world.server), KP_OK);
	ask(&world, &reply, "POST /One/ping" HEAD "\r\n");
	assert_int_equal(reply.status, 200);
	ask(&world, &reply, "POST /Two/ping" HEAD "\r\n");
	assert_int_equal(reply.status, 404);
	ask(&world, &reply, "POST /C.D.Two/ping" HEAD "\r\n");
	assert_int_equal(reply.status, 200);
	close_world(&world);
}

static void pages_in_browsers_do_not_call(void **state)
{
	static const struct {
		const char *headers;
		int get, post;
	} rows[] = {
	        {"", 200, 200},
	        {"Origin: http://x\r\n", 403, 403}, // a name that was made to lead here
	        {"Origin: https://evil.example\r\n", 403, 403},
	        {"Origin: null\r\n", 403, 403},
	        {"Sec-Fetch-Site: same-origin\r\n", 403, 403},
	        {"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\n", 403, 403},
	        {"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n", 200, 403},
	        {"Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n", 200, 200},
	};
	struct world world = open_world(1);
	struct reply reply;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		post(&world, "ping", rows[i].headers, "{}", &reply);
		assert_int_equal(reply.status, rows[i].post);
		assert_null(header(&reply, "Access-Control-Allow-Origin"));
		ask(&world, &reply, "GET /EchoObj" HEAD "%s\r\n", rows[i].headers);
		assert_int_equal(reply.status, rows[i].get);
	}
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_function_is_called_with_json),
	        cmocka_unit_test(what_goes_wrong_has_a_fitting_status),
	        cmocka_unit_test(contexts_travel_as_headers_and_no_value_makes_another),
	        cmocka_unit_test(priorities_and_deadlines_reach_the_call),
	        cmocka_unit_test(a_deadline_that_passes_is_answered_and_the_handler_hears_of_it),
	        cmocka_unit_test(a_handler_hears_that_its_caller_has_hung_up),
	        cmocka_unit_test(a_server_describes_itself),
	        cmocka_unit_test(health_and_counters_can_be_asked_for),
	        cmocka_unit_test(servants_are_found_by_their_last_part_if_one_has_it),
	        cmocka_unit_test(pages_in_browsers_do_not_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
