// golden.h - bytes that other implementations made, for tests and as seeds of fuzzers.
//
// Source: contract A.8; the names of the makers are its own.
#pragma once

#include "kipp/codec.h"

#include <stdlib.h>

struct golden {
	const char *name;
	const char *hex;
};

// golden_bytes turns hex into bytes from malloc. Its input is the tables of this file.
static inline struct kp_bytes golden_bytes(const char *hex)
{
	size_t len = strlen(hex) / 2;
	uint8_t *bytes = malloc(len ? len : 1);
	for (size_t i = 0; bytes && i < len; i++) {
		char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
		bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return (struct kp_bytes){bytes, bytes ? len : 0};
}

// golden_decoder decodes a copy of what hex says, which the next one replaces. Not inline, so that
// the compiler does not know what is in it.
static __attribute__((noinline, unused)) struct kp_decoder golden_decoder(const char *hex,
                                                                          struct kp_arena *arena)
{
	static uint8_t copy[1024];
	struct kp_bytes bytes = golden_bytes(hex);
	uint8_t *at = copy + sizeof(copy) - bytes.len;
	memcpy(at, bytes.ptr, bytes.len);
	free((void *)bytes.ptr);
	return kp_decoder((struct kp_bytes){at, bytes.len}, arena);
}

enum golden_int_type {
	GOLDEN_BOOL,
	GOLDEN_I8,
	GOLDEN_I16,
	GOLDEN_I32,
	GOLDEN_I64,
	GOLDEN_U8,
	GOLDEN_U16,
	GOLDEN_U32,
};

struct golden_int {
	enum golden_int_type type;
	unsigned tag;
	int64_t value;
	const char *hex;
};

static const struct golden_int golden_ints[] = {
        {GOLDEN_BOOL, 1, 1, "1001"},
        {GOLDEN_BOOL, 1, 0, "1c"},
        {GOLDEN_I8, 0, 0, "0c"},
        {GOLDEN_I8, 0, 1, "0001"},
        {GOLDEN_I8, 0, -1, "00ff"},
        {GOLDEN_I8, 2, -128, "2080"},
        {GOLDEN_I8, 14, 127, "e07f"},
        {GOLDEN_I8, 15, 5, "f00f05"},
        {GOLDEN_I8, 255, 5, "f0ff05"},
        {GOLDEN_I8, 200, 0, "fcc8"},
        {GOLDEN_I16, 1, 127, "107f"},
        {GOLDEN_I16, 1, 128, "110080"},
        {GOLDEN_I16, 1, -128, "1080"},
        {GOLDEN_I16, 1, -129, "11ff7f"},
        {GOLDEN_I16, 1, 32767, "117fff"},
        {GOLDEN_I32, 1, 0, "1c"},
        {GOLDEN_I32, 1, 32767, "117fff"},
        {GOLDEN_I32, 1, 32768, "1200008000"},
        {GOLDEN_I32, 1, -32768, "118000"},
        {GOLDEN_I32, 1, -32769, "12ffff7fff"},
        {GOLDEN_I32, 3, INT32_MAX, "327fffffff"},
        {GOLDEN_I32, 3, INT32_MIN, "3280000000"},
        {GOLDEN_I64, 3, 2147483648, "330000000080000000"},
        {GOLDEN_I64, 3, -2147483649, "33ffffffff7fffffff"},
        {GOLDEN_I64, 3, INT64_MAX, "337fffffffffffffff"},
        {GOLDEN_I64, 3, INT64_MIN, "338000000000000000"},
        {GOLDEN_U8, 0, 200, "0100c8"},
        {GOLDEN_U16, 0, 65535, "020000ffff"},
        {GOLDEN_U32, 0, 4294967295, "0300000000ffffffff"},
};

#define GOLDEN_16_A "61616161616161616161616161616161"
#define GOLDEN_240_A                                                                        \
	GOLDEN_16_A GOLDEN_16_A GOLDEN_16_A GOLDEN_16_A GOLDEN_16_A GOLDEN_16_A GOLDEN_16_A \
	        GOLDEN_16_A GOLDEN_16_A GOLDEN_16_A GOLDEN_16_A GOLDEN_16_A GOLDEN_16_A     \
	                GOLDEN_16_A GOLDEN_16_A
#define GOLDEN_15_A "616161616161616161616161616161"

enum golden_value {
	GOLDEN_FLOAT,
	GOLDEN_FLOAT_ZERO_NODE,
	GOLDEN_FLOAT_ZERO,
	GOLDEN_DOUBLE_PI,
	GOLDEN_DOUBLE_ZERO_NODE,
	GOLDEN_DOUBLE_ZERO,
	GOLDEN_DOUBLE_MINUS_ZERO,
	GOLDEN_STR_EMPTY,
	GOLDEN_STR_TARS,
	GOLDEN_STR_UTF8,
	GOLDEN_STR_255,
	GOLDEN_STR_256,
	GOLDEN_BYTES,
	GOLDEN_BYTES_EMPTY,
	GOLDEN_INT_LIST,
	GOLDEN_STR_LIST,
	GOLDEN_STR_LIST_EMPTY,
	GOLDEN_STR_MAP,
	GOLDEN_STR_MAP_EMPTY,
	GOLDEN_INT_MAP,
	GOLDEN_BYTES_MAP,
	GOLDEN_STRUCT,
	GOLDEN_STRUCT_LONG_TAG,
	GOLDEN_STR_MAP_DUPLICATE,
	GOLDEN_VALUE_COUNT,
};

static const struct golden golden_values[GOLDEN_VALUE_COUNT] = {
        [GOLDEN_FLOAT] = {"float 1.5 at 0", "043fc00000"},
        [GOLDEN_FLOAT_ZERO_NODE] = {"float 0 at 0, Node", "0c"},
        [GOLDEN_FLOAT_ZERO] = {"float 0 at 0, C++", "0400000000"},
        [GOLDEN_DOUBLE_PI] = {"double pi at 0", "05400921fb54442d18"},
        [GOLDEN_DOUBLE_ZERO_NODE] = {"double 0 at 0, Node", "0c"},
        [GOLDEN_DOUBLE_ZERO] = {"double 0 at 0, C++", "050000000000000000"},
        [GOLDEN_DOUBLE_MINUS_ZERO] = {"double -0 at 0, C++", "058000000000000000"},
        [GOLDEN_STR_EMPTY] = {"'' at 0", "0600"},
        [GOLDEN_STR_TARS] = {"'tars' at 5", "560474617273"},
        [GOLDEN_STR_UTF8] = {"two Chinese letters at 1", "1606e4bda0e5a5bd"},
        [GOLDEN_STR_255] = {"255 a at 0", "06ff" GOLDEN_240_A GOLDEN_15_A},
        [GOLDEN_STR_256] = {"256 a at 0", "0700000100" GOLDEN_240_A GOLDEN_16_A},
        [GOLDEN_BYTES] = {"bytes {1,2,255} at 7", "7d0000030102ff"},
        [GOLDEN_BYTES_EMPTY] = {"bytes {} at 7", "7d000c"},
        [GOLDEN_INT_LIST] = {"vector<int> {0,1,300,70000} at 1", "1900040c000101012c0200011170"},
        [GOLDEN_STR_LIST] = {"vector<string> {a,bc} at 1", "19000206016106026263"},
        [GOLDEN_STR_LIST_EMPTY] = {"vector<string> {} at 1", "190c"},
        [GOLDEN_STR_MAP] = {"map {a:b} at 9", "980001060161160162"},
        [GOLDEN_STR_MAP_EMPTY] = {"map {} at 9", "980c"},
        [GOLDEN_INT_MAP] = {"map<int,int> {5:1,10:0} at 3", "38000200051001000a1c"},
        [GOLDEN_BYTES_MAP] = {"map<string,bytes> {k:[1]} at 0", "08000106016b1d00000101"},
        [GOLDEN_STRUCT] = {"struct {0: int 7, 1: 'x'} at 2", "2a00071601780b"},
        [GOLDEN_STRUCT_LONG_TAG] = {"struct {20: byte 9} at 0", "0af014090b"},
        [GOLDEN_STR_MAP_DUPLICATE] = {"map {a:b, a:c} at 0", "080002060161160162060161160163"},
};

#define GOLDEN_HELLO "561c546573744170702e48656c6c6f5365727665722e48656c6c6f4f626a"

enum golden_request {
	GOLDEN_HELLO_CPP,
	GOLDEN_HELLO_GO,
	GOLDEN_HELLO_JAVA,
	GOLDEN_PING,
	GOLDEN_DYED,
	GOLDEN_TUP3,
	GOLDEN_TUP2,
	GOLDEN_ECHO,
	GOLDEN_KEEP_ALIVE,
	GOLDEN_AUTH,
	GOLDEN_REQUEST_COUNT,
};

static const struct golden golden_requests[GOLDEN_REQUEST_COUNT] = {
        [GOLDEN_HELLO_CPP] = {"testHello('hi'), id 1, out omitted",
                              "0000004210012c3c4001" GOLDEN_HELLO
                              "66097465737448656c6c6f7d00000416026869810bb8980ca80c"},
        [GOLDEN_HELLO_GO] = {"the same from a Go client, out '' sent",
                             "0000004410012c3c4001" GOLDEN_HELLO
                             "66097465737448656c6c6f7d000006160268692600810bb8980ca80c"},
        [GOLDEN_HELLO_JAVA] = {"the same from a Java client, context k=v",
                               "0000004710012c3c4001" GOLDEN_HELLO
                               "66097465737448656c6c6f7d000004160268698c98000106016b160176a80c"},
        [GOLDEN_PING] = {"one-way tars_ping, id 2", "0000002a100120013c40025608412e422e434f626a"
                                                    "6609746172735f70696e677d000c810bb8980ca80c"},
        [GOLDEN_DYED] = {"dyed, context k=v, id 3",
                         "0000003f10012c300440035608412e422e434f626a6601667d000c810bb8"
                         "98000106016b160176a80001060f5354415455535f445945445f4b455916027531"},
        [GOLDEN_TUP3] = {"TUP v3 f(n=5, s='x'), id 4",
                         "0000003610032c3c40045608412e422e434f626a6601667d000016"
                         "08000206016e1d00000200050601731d0000030601788c980ca80c"},
        [GOLDEN_TUP2] = {"TUP v2 f(n=5, s='x'), id 4",
                         "0000004b10022c3c40045608412e422e434f626a6601667d00002b"
                         "08000206016e1800010605696e7433321d0000020005"
                         "0601731800010606737472696e671d0000030601788c980ca80c"},
        [GOLDEN_ECHO] = {"echo of every type from a Go client, id 4",
                         "0000006110012c3c4004" GOLDEN_HELLO "66046563686f7d000028"
                         "1a00070b20ff30014100c8543fc000006540040000000000007d00000201"
                         "0288000106016b10039c810bb8980ca80c"},
        [GOLDEN_KEEP_ALIVE] = {"keepAlive, one-way, id 4",
                               "00000063100120013c40045617746172732e746172736e6f64652e5365"
                               "727665724f626a66096b656570416c6976657d0000291a060754657374"
                               "417070160b48656c6c6f536572766572211f1f360c41646d696e416461"
                               "707465720b811388980ca80c"},
        [GOLDEN_AUTH] = {"first frame of an authenticated connection",
                         "000000a810012c30404001" GOLDEN_HELLO "660f496e6e6572417574685365"
                         "727665727d000065161c546573744170702e48656c6c6f5365727665722e"
                         "48656c6c6f4f626a260e746172732d746573742d75736572326553f10056"
                         "3076fce39c44cc649e0e966582bc681e4a402214af9f3bfc9ea70037619a"
                         "9196ced49bafd8e8b38f4b570f65826a2fdb1d8c980ca80c"},
};

enum golden_response {
	GOLDEN_OUT,
	GOLDEN_OUT_NODE,
	GOLDEN_NOFUNC_CPP,
	GOLDEN_NOFUNC_JAVA,
	GOLDEN_NOFUNC_NODE,
	GOLDEN_NOFUNC_REASON,
	GOLDEN_RECONNECT,
	GOLDEN_PONG,
	GOLDEN_PONG_NODE,
	GOLDEN_ECHOED,
	GOLDEN_CUSTOM,
	GOLDEN_RESPONSE_COUNT,
};

static const struct golden golden_responses[GOLDEN_RESPONSE_COUNT] = {
        [GOLDEN_OUT] = {"ret 0, out at 2 'hi', id 1",
                        "0000001610012c30014c5c6d0000050c26026869780c"},
        [GOLDEN_OUT_NODE] = {"the same by Node",
                             "0000001a10012c30014c5c6d0000050c26026869780c8600980c"},
        [GOLDEN_NOFUNC_CPP] = {"iRet -3 without a reason, id 1",
                               "0000001110012c30014c50fd6d000c780c"},
        [GOLDEN_NOFUNC_JAVA] = {"iRet -3 with reason '', id 9",
                                "0000001310012c30094c50fd6d000c780c8600"},
        [GOLDEN_NOFUNC_NODE] = {"iRet -3 by Node, id 1",
                                "0000001510012c30014c50fd6d000c780c8600980c"},
        [GOLDEN_NOFUNC_REASON] = {"iRet -3 with reason 'boom', id 1",
                                  "0000001710012c30014c50fd6d000c780c8604626f6f6d"},
        [GOLDEN_RECONNECT] = {"close notice, id 0",
                              "0000001c10012c3c4c5c6d000c780c860b5f7265636f6e6e6563745f"},
        [GOLDEN_PONG] = {"answer to tars_ping, id 9", "0000001010012c30094c5c6d000c780c"},
        [GOLDEN_PONG_NODE] = {"the same by Node", "0000001610012c30094c5c6d0000010c780c8600980c"},
        [GOLDEN_ECHOED] = {"struct at 0, long 1<<40 at 9, id 4",
                           "0000001e10012c30044c5c6d00000d0a00070b930000010000000000780c"},
        [GOLDEN_CUSTOM] = {"iRet -77 with reason 'custom', id 2",
                           "0000001910012c30024c50b36d000c780c8606637573746f6d"},
};
