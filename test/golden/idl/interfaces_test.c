// interfaces_test.c - the framework's own interfaces have the tags and names that other TARS
// implementations expect. Source: contract A.8 and part E.
#include "interfaces/admin.h"
#include "interfaces/cluster.h"
#include "interfaces/node.h"
#include "interfaces/registry.h"

#include "loopback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct kp_bytes bytes_of(struct kp_arena *arena, const char *hex)
{
	size_t len = strlen(hex) / 2;
	uint8_t *bytes = kp_arena_alloc(arena, len);
	for (size_t i = 0; i < len; i++) {
		char pair[] = {hex[2 * i], hex[2 * i + 1], '\0'};
		bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return (struct kp_bytes){bytes, len};
}

static void an_endpoint_has_the_tags_of_the_contract(void **state)
{
	struct tars_EndpointF endpoint;
	tars_EndpointF_init(&endpoint);
	endpoint.host = kp_str("a");
	endpoint.port = 1;
	endpoint.timeout = 2;
	endpoint.istcp = 3;
	endpoint.grid = 4;
	endpoint.groupworkid = 5;
	endpoint.grouprealid = 6;
	endpoint.setId = kp_str("s");
	endpoint.qos = 8;
	endpoint.bakFlag = 9;
	endpoint.weight = 11;
	endpoint.weightType = 12;
	endpoint.authType = 13;
	endpoint.nodeName = kp_str("n");
	struct kp_buf out = {0};
	tars_EndpointF_encode_fields(&out, &endpoint);
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_bytes expected = bytes_of(arena, "060161"
	                                           "1001"
	                                           "2002"
	                                           "3003"
	                                           "4004"
	                                           "5005"
	                                           "6006"
	                                           "760173"
	                                           "8008"
	                                           "9009"
	                                           "b00b"
	                                           "c00c"
	                                           "d00d"
	                                           "e6016e");
	assert_true(kp_bytes_equal(kp_buf_bytes(&out), expected));
	kp_arena_free(arena);
	kp_buf_fini(&out);
}

static int32_t handle_keep_alive(struct kp_call *call, const struct tars_ServerInfo *serverInfo)
{
	assert_true(kp_str_equal(serverInfo->application, kp_str("TestApp")));
	assert_true(kp_str_equal(serverInfo->serverName, kp_str("HelloServer")));
	assert_int_equal(serverInfo->pid, 7967);
	assert_true(kp_str_equal(serverInfo->adapter, kp_str("AdminAdapter")));
	return 0;
}

static void the_heartbeat_of_a_cpp_server_is_understood(void **state)
{
	static const struct tars_ServerF_ops ops = {.keepAlive = handle_keep_alive};
	struct kp_call call;
	loopback_start(&call, &tars_ServerF_interface, &ops);
	struct kp_bytes body =
	        bytes_of(call.arena, "1a060754657374417070160b48656c6c6f53657276657221"
	                             "1f1f360c41646d696e416461707465720b");
	struct kp_decoder in = kp_decoder(body, call.arena);
	int index = tars_ServerF_interface.find(kp_str("keepAlive"));
	tars_ServerF_interface.functions[index].dispatch(&ops, &call, &in);
	assert_int_equal(in.err, KP_OK);
	assert_true(kp_bytes_equal(kp_buf_bytes(&call.answer), bytes_of(call.arena, "0c")));
	loopback_stop(&call);
}

static int32_t handle_find(struct kp_call *call, struct kp_str id,
                           struct tars_EndpointF_list *activeEp,
                           struct tars_EndpointF_list *inactiveEp)
{
	return kp_str_equal(id, kp_str("x")) ? 0 : 1;
}

static void an_unknown_object_gives_two_empty_lists(void **state)
{
	static const struct tars_QueryF_ops ops = {.findObjectById4Any = handle_find};
	struct kp_call call;
	loopback_start(&call, &tars_QueryF_interface, &ops);
	struct kp_decoder in = kp_decoder(bytes_of(call.arena, "160178"), call.arena);
	int index = tars_QueryF_interface.find(kp_str("findObjectById4Any"));
	tars_QueryF_interface.functions[index].dispatch(&ops, &call, &in);
	assert_true(kp_bytes_equal(kp_buf_bytes(&call.answer), bytes_of(call.arena, "0c290c390c")));
	loopback_stop(&call);
}

static void the_registry_has_the_functions_of_the_contract(void **state)
{
	static const char *const names[] = {"findObjectById",
	                                    "findObjectById4Any",
	                                    "findObjectById4All",
	                                    "findObjectByIdInSameGroup",
	                                    "findObjectByIdInSameStation",
	                                    "findObjectByIdInSameSet",
	                                    "findObjectNodeName",
	                                    "registerChange",
	                                    "registerQuery",
	                                    "getLocker"};
	assert_int_equal(tars_QueryF_interface.function_count, 10);
	for (int i = 0; i < 10; i++)
		assert_int_equal(tars_QueryF_interface.find(kp_str(names[i])), i);
	assert_string_equal(tars_QueryF_interface.name, "tars::QueryF");
	assert_true(tars_AdminF_interface.find(kp_str("notify")) >= 0);
}

static void a_server_starts_with_its_defaults(void **state)
{
	struct kipp_Server server;
	kipp_Server_init(&server);
	assert_true(kp_str_equal(server.type, kp_str("kipp")));
	assert_true(server.instances == 1 && server.isRunning);
	struct kipp_Adapter adapter;
	kipp_Adapter_init(&adapter);
	assert_true(adapter.threads == 1 && adapter.maxConnections == 10240);
	assert_string_equal(kipp_State_name(kipp_State_Backoff), "Backoff");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_endpoint_has_the_tags_of_the_contract),
	        cmocka_unit_test(the_heartbeat_of_a_cpp_server_is_understood),
	        cmocka_unit_test(an_unknown_object_gives_two_empty_lists),
	        cmocka_unit_test(the_registry_has_the_functions_of_the_contract),
	        cmocka_unit_test(a_server_starts_with_its_defaults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
