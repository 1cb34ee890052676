// auth_vector.h - golden bytes of AK/SK for tests. Source: contract H.1.
#pragma once

#define VECTOR_SECRET_KEY "tars-test-sk"
#define VECTOR_ACCESS_KEY "tars-test-user"
#define VECTOR_OBJECT     "TestApp.HelloServer.HelloObj"
#define VECTOR_TIME       1700000000
#define VECTOR_SECRET1    "ad93c99599a767713208c36dde45272ed22138f7"
#define VECTOR_KEY        "bebb1b1ec6278c439cf37dafde67a819"
#define VECTOR_SIGNATURE                                                                           \
	"76fce39c44cc649e0e966582bc681e4a402214af9f3bfc9ea70037619a9196ced49bafd8e8b38f4b570f6582" \
	"6a2fdb1d"
#define VECTOR_FRAME                                                                               \
	"000000a810012c30404001561c546573744170702e48656c6c6f5365727665722e48656c6c6f4f626a660f49" \
	"6e6e"                                                                                     \
	"6572417574685365727665727d000065161c546573744170702e48656c6c6f5365727665722e48656c6c6f4f" \
	"626a"                                                                                     \
	"260e746172732d746573742d75736572326553f100563076fce39c44cc649e0e966582bc681e4a402214af9f" \
	"3bfc"                                                                                     \
	"9ea70037619a9196ced49bafd8e8b38f4b570f65826a2fdb1d8c980ca80c"
