// seeds.c - writes golden bytes as the fuzzers' first inputs: seeds DIRECTORY.
#include "tars/golden.h"

#include <stdio.h>
#include <sys/stat.h>

enum {
	GOLDEN_TUP_BODY = 27, // where the attributes begin in those requests
};

static int failures;

// write_seed leaves the first `skip` bytes of what hex says away.
static void write_seed(const char *directory, const char *folder, size_t index, const char *hex,
                       size_t skip)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", directory, folder);
	mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/%s/golden-%02zu", directory, folder, index);
	struct kp_bytes bytes = golden_bytes(hex);
	FILE *file = fopen(path, "wb");
	if (!file || fwrite(bytes.ptr + skip, 1, bytes.len - skip, file) != bytes.len - skip)
		failures++;
	if (file && fclose(file) != 0)
		failures++;
	free((void *)bytes.ptr);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: seeds DIRECTORY\n");
		return 2;
	}
	size_t packets = 0;
	for (size_t i = 0; i < sizeof(golden_ints) / sizeof(*golden_ints); i++)
		write_seed(argv[1], "codec", 100 + i, golden_ints[i].hex, 0);
	for (size_t i = 0; i < GOLDEN_VALUE_COUNT; i++)
		write_seed(argv[1], "codec", i, golden_values[i].hex, 0);
	for (size_t i = 0; i < GOLDEN_REQUEST_COUNT; i++, packets++) {
		write_seed(argv[1], "conn", packets, golden_requests[i].hex, 0);
		write_seed(argv[1], "frame", packets, golden_requests[i].hex, 0);
		write_seed(argv[1], "packet", packets, golden_requests[i].hex, 4);
	}
	write_seed(argv[1], "tup", 0, golden_requests[GOLDEN_TUP2].hex, GOLDEN_TUP_BODY);
	write_seed(argv[1], "tup", 1, golden_requests[GOLDEN_TUP3].hex, GOLDEN_TUP_BODY);
	for (size_t i = 0; i < GOLDEN_RESPONSE_COUNT; i++, packets++) {
		write_seed(argv[1], "frame", packets, golden_responses[i].hex, 0);
		write_seed(argv[1], "packet", packets, golden_responses[i].hex, 4);
	}
	if (failures)
		fprintf(stderr, "seeds: cannot write into %s\n", argv[1]);
	return failures ? 1 : 0;
}
