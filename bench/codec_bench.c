// codec_bench.c - what it costs to encode and to decode five messages, beside copying their bytes
// and beside another codec.
#include "codec_yardstick.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	ROUNDS = 9, // of which the median is told
	ROUND_NS = 8000000,
};

struct bench {
	enum sample_kind kind;
	struct sample_values *values; // owned
	struct yardstick *yardstick;  // owned; may be NULL
	struct kp_buf bytes;          // owned; the encoded message
	struct kp_buf out;            // owned
	struct kp_arena *arena;       // owned
	uint8_t *copy;                // owned
	bool has_failed;
};

static const struct {
	const char *key;
	const char *what;
} samples[SAMPLE_KINDS] = {
        [SAMPLE_NUMBERS] = {"numbers", "10 numbers"},
        [SAMPLE_PERSON] = {"person", "6 texts"},
        [SAMPLE_ROUTE] = {"route", "8 lists of 16 structs"},
        [SAMPLE_LABELS] = {"labels", "2 maps of 16"},
        [SAMPLE_BLOB] = {"blob", "64 KiB of bytes"},
};

static void encode(struct bench *bench, struct kp_buf *out)
{
	const struct sample_values *values = bench->values;
	switch (bench->kind) {
	case SAMPLE_NUMBERS:
		Sample_Numbers_encode(out, 1, &values->numbers);
		break;
	case SAMPLE_PERSON:
		Sample_Person_encode(out, 1, &values->person);
		break;
	case SAMPLE_ROUTE:
		Sample_Route_encode(out, 1, &values->route);
		break;
	case SAMPLE_LABELS:
		Sample_Labels_encode(out, 1, &values->labels);
		break;
	default:
		Sample_Blob_encode(out, 1, &values->blob);
		break;
	}
}

union any_message {
	struct Sample_Numbers numbers;
	struct Sample_Person person;
	struct Sample_Route route;
	struct Sample_Labels labels;
	struct Sample_Blob blob;
};

static bool decode(struct bench *bench, struct kp_decoder *in, union any_message *ret)
{
	switch (bench->kind) {
	case SAMPLE_NUMBERS:
		return Sample_Numbers_decode(in, 1, KP_REQUIRED, &ret->numbers);
	case SAMPLE_PERSON:
		return Sample_Person_decode(in, 1, KP_REQUIRED, &ret->person);
	case SAMPLE_ROUTE:
		return Sample_Route_decode(in, 1, KP_REQUIRED, &ret->route);
	case SAMPLE_LABELS:
		return Sample_Labels_decode(in, 1, KP_REQUIRED, &ret->labels);
	default:
		return Sample_Blob_decode(in, 1, KP_REQUIRED, &ret->blob);
	}
}

static void run_encode(struct bench *bench)
{
	kp_buf_clear(&bench->out);
	encode(bench, &bench->out);
	bench->has_failed |= bench->out.err != KP_OK;
}

static void run_decode(struct bench *bench)
{
	union any_message message;
	kp_arena_reset(bench->arena);
	struct kp_decoder in = kp_decoder(kp_buf_bytes(&bench->bytes), bench->arena);
	bench->has_failed |= !decode(bench, &in, &message);
}

static void run_copy(struct bench *bench)
{
	memcpy(bench->copy, bench->bytes.data, bench->bytes.len);
	// The compiler is to believe that somebody reads the copy.
	__asm__ volatile("" : : "r"(bench->copy) : "memory");
}

static void run_other_encode(struct bench *bench)
{
	bench->has_failed |= yardstick_encode(bench->yardstick, bench->kind) == 0;
}

static void run_other_decode(struct bench *bench)
{
	bench->has_failed |= !yardstick_decode(bench->yardstick, bench->kind);
}

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static double time_round(void (*run)(struct bench *), struct bench *bench)
{
	int64_t start_ns = now_ns();
	int64_t spent_ns = 0;
	int64_t count = 0;
	while (spent_ns < ROUND_NS) {
		for (int i = 0; i < 100; i++)
			run(bench);
		count += 100;
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

// All kinds of run take turns, the two codecs right after one another, so that a machine's mood is
// shared.
enum {
	ENCODE,
	OTHER_ENCODE,
	DECODE,
	OTHER_DECODE,
	COPY,
	RUNS,
};

static void (*const runs[RUNS])(struct bench *) = {
        run_encode, run_other_encode, run_decode, run_other_decode, run_copy,
};

static double median(double rounds[ROUNDS])
{
	qsort(rounds, ROUNDS, sizeof(rounds[0]), compare_doubles);
	return rounds[ROUNDS / 2];
}

// A result has medians over all rounds. The other codec's share of time is that of the median
// round, not of the medians.
struct result {
	double ns[RUNS];
	double encode_times, decode_times; // as fast as the other
};

static void shift(struct bench *bench, int by)
{
	sample_values_shift(bench->values, by);
	if (bench->yardstick)
		yardstick_follow(bench->yardstick, bench->values);
}

static void measure_all(struct bench *bench, struct result *ret)
{
	double rounds[RUNS][ROUNDS] = {{0}};
	double encode_times[ROUNDS], decode_times[ROUNDS];
	for (int round = 0; round < ROUNDS; round++) {
		shift(bench, round * SAMPLE_SHIFTS / ROUNDS);
		for (int run = 0; run < RUNS; run++)
			if (bench->yardstick || (run != OTHER_ENCODE && run != OTHER_DECODE))
				rounds[run][round] = time_round(runs[run], bench);
		encode_times[round] = rounds[OTHER_ENCODE][round] / rounds[ENCODE][round];
		decode_times[round] = rounds[OTHER_DECODE][round] / rounds[DECODE][round];
	}
	for (int run = 0; run < RUNS; run++)
		ret->ns[run] = median(rounds[run]);
	ret->encode_times = median(encode_times);
	ret->decode_times = median(decode_times);
}

static void print_row(const struct bench *bench, const struct result *result, size_t other_len,
                      bool is_json)
{
	const double *ns = result->ns;
	const char *format = is_json ? "%s{\"message\": \"%s\", \"what\": \"%s\", \"bytes\": %zu, "
	                               "\"encode_ns\": "
	                               "%.1f, \"decode_ns\": %.1f, \"copy_ns\": %.1f"
	                             : "%s%-8s %-22s %6zu %9.1f %9.1f %9.1f";
	printf(format, is_json && bench->kind ? ", " : "", samples[bench->kind].key,
	       samples[bench->kind].what, bench->bytes.len, ns[ENCODE], ns[DECODE], ns[COPY]);
	if (bench->yardstick)
		printf(is_json ? ", \"other_bytes\": %zu, \"other_encode_ns\": %.1f, "
		                 "\"other_decode_ns\": %.1f, \"encode_times\": %.3f, "
		                 "\"decode_times\": %.3f"
		               : "   %6zu %9.1f %9.1f %7.2f %7.2f",
		       other_len, ns[OTHER_ENCODE], ns[OTHER_DECODE], result->encode_times,
		       result->decode_times);
	printf(is_json ? "}" : "\n");
}

static bool measure(struct bench *bench, bool is_json)
{
	kp_buf_clear(&bench->bytes);
	encode(bench, &bench->bytes);
	bench->copy = malloc(bench->bytes.len + 1);
	if (bench->bytes.err != KP_OK || !bench->copy)
		return false;
	size_t other_len = bench->yardstick ? yardstick_encode(bench->yardstick, bench->kind) : 0;
	struct result result;
	measure_all(bench, &result);
	if (!bench->has_failed)
		print_row(bench, &result, other_len, is_json);
	free(bench->copy);
	return !bench->has_failed;
}

static bool run_bench(struct bench *bench, bool is_json)
{
	if (!bench->values || !bench->arena)
		return false;
	sample_values_init(bench->values);
	bench->yardstick = yardstick_new(bench->values);
	if (is_json)
		printf("{\"other\": \"%s\", \"rows\": [", yardstick_name() ? yardstick_name() : "");
	else
		printf("%-8s %-22s %6s %9s %9s %9s   %6s %9s %9s %7s %7s\n", "message", "what",
		       "bytes", "encode ns", "decode ns", "copy ns", "bytes", "encode ns",
		       "decode ns", "encode ×", "decode ×");
	for (int kind = 0; kind < SAMPLE_KINDS; kind++) {
		bench->kind = (enum sample_kind)kind;
		if (!measure(bench, is_json))
			return false;
	}
	if (is_json)
		printf("]}\n");
	return true;
}

int main(int argc, char **argv)
{
	struct bench bench = {
	        .values = calloc(1, sizeof(struct sample_values)),
	        .arena = kp_arena_new(0),
	};
	bool is_fine = run_bench(&bench, argc == 2 && strcmp(argv[1], "--json") == 0);
	if (!is_fine)
		fprintf(stderr, "codec-bench: %s went wrong\n", samples[bench.kind].key);
	yardstick_free(bench.yardstick);
	kp_buf_fini(&bench.bytes);
	kp_buf_fini(&bench.out);
	kp_arena_free(bench.arena);
	free(bench.values);
	return is_fine ? 0 : 1;
}
