// check.hpp - tests of C++ code: a condition that fails ends the program and says where.
#pragma once

#include <cstdio>
#include <cstdlib>

#define CHECK(condition)                                                                \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

struct named_test {
	const char *name;
	void (*run)();
};

#define TEST(function)              \
	{                           \
#function, function \
	}

template <size_t count> int run_tests(const named_test (&tests)[count])
{
	for (size_t i = 0; i < count; i++) {
		tests[i].run();
		printf("ok %zu - %s\n", i + 1, tests[i].name);
		fflush(stdout);
	}
	return 0;
}
