// codec_bench.c - what it costs to encode and to decode a few messages, beside copying their bytes.
#include "Sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	ROUNDS = 9, // of which the median is told
	ROUND_NS = 15000000,
	BLOB_SIZE = 1024,
};

// A bench is one message, its bytes, and the memory that is used over and over.
struct bench {
	const struct sample *sample;
	struct kp_buf bytes; // owned; the encoded message
	struct kp_buf out;   // owned
	struct kp_arena *arena;
	uint8_t *copy; // owned
};

struct sample {
	const char *name;
	void (*encode)(struct kp_buf *out);
	bool (*decode)(struct kp_decoder *in);
};

static const struct Sample_Point point = {.x = 1200, .y = -7, .at = 1700000000000};

static struct kp_str groups[] = {{"readers", 7}, {"writers", 7}, {"owners", 6}};
static const struct Sample_User user = {
        .id = 4711,
        .name = {"Ada Lovelace", 12},
        .mail = {"ada@example.org", 15},
        .isActive = true,
        .groups = {groups, 3},
};

static void encode_point(struct kp_buf *out)
{
	Sample_Point_encode(out, 1, &point);
}

static bool decode_point(struct kp_decoder *in)
{
	struct Sample_Point value;
	return Sample_Point_decode(in, 1, KP_REQUIRED, &value);
}

static void encode_user(struct kp_buf *out)
{
	Sample_User_encode(out, 1, &user);
}

static bool decode_user(struct kp_decoder *in)
{
	struct Sample_User value;
	return Sample_User_decode(in, 1, KP_REQUIRED, &value);
}

static void encode_order(struct kp_buf *out)
{
	struct Sample_Point path[16];
	for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++)
		path[i] = (struct Sample_Point){.x = (int32_t)(i * 100), .y = -(int32_t)i, .at = 1};
	struct kp_str_str_map_entry labels[] = {
	        {{"from", 4}, {"shop", 4}},
	        {{"colour", 6}, {"blue", 4}},
	};
	Sample_Order_encode(out, 1,
	                    &(struct Sample_Order){.id = 99,
	                                           .buyer = user,
	                                           .path = {path, 16},
	                                           .labels = {labels, 2},
	                                           .total = 12.5});
}

static bool decode_order(struct kp_decoder *in)
{
	struct Sample_Order value;
	return Sample_Order_decode(in, 1, KP_REQUIRED, &value);
}

static void encode_blob(struct kp_buf *out)
{
	static const uint8_t content[BLOB_SIZE];
	Sample_Blob_encode(
	        out, 1,
	        &(struct Sample_Blob){.name = {"picture", 7}, .content = {content, BLOB_SIZE}});
}

static bool decode_blob(struct kp_decoder *in)
{
	struct Sample_Blob value;
	return Sample_Blob_decode(in, 1, KP_REQUIRED, &value);
}

static const struct sample samples[] = {
        {"point (3 integers)", encode_point, decode_point},
        {"user (3 texts, a list)", encode_user, decode_user},
        {"order (user, 16 points, map)", encode_order, decode_order},
        {"blob (1 KiB)", encode_blob, decode_blob},
};

static void run_encode(struct bench *bench)
{
	kp_buf_clear(&bench->out);
	bench->sample->encode(&bench->out);
}

static void run_decode(struct bench *bench)
{
	kp_arena_reset(bench->arena);
	struct kp_decoder in = kp_decoder(kp_buf_bytes(&bench->bytes), bench->arena);
	if (!bench->sample->decode(&in)) {
		fprintf(stderr, "codec-bench: cannot decode %s\n", bench->sample->name);
		exit(1);
	}
}

static void run_copy(struct bench *bench)
{
	memcpy(bench->copy, bench->bytes.data, bench->bytes.len);
	// The compiler is to believe that somebody reads the copy.
	__asm__ volatile("" : : "r"(bench->copy) : "memory");
}

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static double time_round(void (*run)(struct bench *), struct bench *bench)
{
	int64_t start_ns = now_ns();
	int64_t spent_ns = 0;
	int64_t count = 0;
	while (spent_ns < ROUND_NS) {
		for (int i = 0; i < 1000; i++)
			run(bench);
		count += 1000;
		spent_ns = now_ns() - start_ns;
	}
	return (double)spent_ns / (double)count;
}

static int compare_doubles(const void *a, const void *b)
{
	double left = *(const double *)a;
	double right = *(const double *)b;
	return left < right ? -1 : left > right;
}

static double time_median(void (*run)(struct bench *), struct bench *bench)
{
	double rounds[ROUNDS];
	for (int i = 0; i < ROUNDS; i++)
		rounds[i] = time_round(run, bench);
	qsort(rounds, ROUNDS, sizeof(rounds[0]), compare_doubles);
	return rounds[ROUNDS / 2];
}

static void measure(const struct sample *sample)
{
	struct bench bench = {.sample = sample, .arena = kp_arena_new(0)};
	sample->encode(&bench.bytes);
	bench.copy = malloc(bench.bytes.len);
	if (!bench.arena || bench.bytes.err != KP_OK || !bench.copy) {
		fprintf(stderr, "codec-bench: out of memory\n");
		exit(1);
	}
	printf("%-30s %6zu %10.1f %10.1f %10.1f\n", sample->name, bench.bytes.len,
	       time_median(run_encode, &bench), time_median(run_decode, &bench),
	       time_median(run_copy, &bench));
	kp_buf_fini(&bench.bytes);
	kp_buf_fini(&bench.out);
	kp_arena_free(bench.arena);
	free(bench.copy);
}

int main(void)
{
	printf("%-30s %6s %10s %10s %10s\n", "message", "bytes", "encode ns", "decode ns",
	       "copy ns");
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		measure(&samples[i]);
	return 0;
}
