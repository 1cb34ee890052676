// sample.h - the values that the codec's benchmark encodes, for each codec to take from.
#pragma once

#include "Sample.h"

enum sample_kind {
	SAMPLE_NUMBERS,
	SAMPLE_PERSON,
	SAMPLE_ROUTE,
	SAMPLE_LABELS,
	SAMPLE_BLOB,
	SAMPLE_KINDS,
};

enum {
	SAMPLE_PATHS = 8,
	SAMPLE_POINTS = 16, // of each path
	SAMPLE_TAGS = 8,
	SAMPLE_LABEL_COUNT = 16,
	SAMPLE_BLOB_SIZE = 64 << 10,
	SAMPLE_SHIFTS = 64,
};

// struct sample_values has one message of each kind, and what their lists point to. Every text ends
// with a NUL.
struct sample_values {
	struct Sample_Numbers numbers;
	struct Sample_Person person;
	struct Sample_Route route;
	struct Sample_Labels labels;
	struct Sample_Blob blob;

	struct Sample_Point points[SAMPLE_PATHS][SAMPLE_POINTS];
	struct Sample_Path paths[SAMPLE_PATHS];
	struct kp_str tags[SAMPLE_TAGS];
	struct kp_str_str_map_entry label_entries[SAMPLE_LABEL_COUNT];
	struct kp_str_i64_map_entry count_entries[SAMPLE_LABEL_COUNT];
	char texts[SAMPLE_LABEL_COUNT][2][16];
	uint8_t content[SAMPLE_BLOB_SIZE + SAMPLE_SHIFTS];
};

// sample_values_init fills in all values; `values` must not be moved afterwards.
void sample_values_init(struct sample_values *values);

// sample_values_shift has the blob begin `shift` < SAMPLE_SHIFTS bytes later. How fast bytes are
// copied depends on how source and destination lie to one another, which is nobody's merit.
void sample_values_shift(struct sample_values *values, int shift);
