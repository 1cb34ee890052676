// sample.c - the values that the codec's benchmark encodes.
#include "sample.h"

#include <stdio.h>

static void fill_numbers(struct Sample_Numbers *numbers)
{
	*numbers = (struct Sample_Numbers){
	        .count = 1200,
	        .delta = -7,
	        .id = 4711000000001,
	        .at = 1700000000000,
	        .port = 8080,
	        .isActive = true,
	        .price = 12.5,
	        .share = 0.25F,
	        .mask = 0xff00,
	        .total = 99,
	};
}

static void fill_person(struct Sample_Person *person)
{
	*person = (struct Sample_Person){
	        .name = kp_str("Ada Lovelace"),
	        .mail = kp_str("ada.lovelace@example.org"),
	        .street = kp_str("12 St James's Square"),
	        .city = kp_str("London"),
	        .country = kp_str("United Kingdom"),
	        .note = kp_str("The engine might compose elaborate and scientific pieces of "
	                       "music of any degree of complexity or extent."),
	};
}

static void fill_route(struct sample_values *values)
{
	for (int i = 0; i < SAMPLE_PATHS; i++) {
		for (int k = 0; k < SAMPLE_POINTS; k++)
			values->points[i][k] = (struct Sample_Point){
			        .x = k * 100, .y = -k, .at = 1700000000000 + k};
		values->paths[i].name = kp_str("part of the way");
		values->paths[i].points.ptr = values->points[i];
		values->paths[i].points.len = SAMPLE_POINTS;
	}
	for (int i = 0; i < SAMPLE_TAGS; i++)
		values->tags[i] = kp_str("scenic");
	values->route = (struct Sample_Route){
	        .id = 99,
	        .paths = {values->paths, SAMPLE_PATHS},
	        .tags = {values->tags, SAMPLE_TAGS},
	};
}

static void fill_labels(struct sample_values *values)
{
	for (int i = 0; i < SAMPLE_LABEL_COUNT; i++) {
		char *key = values->texts[i][0];
		char *value = values->texts[i][1];
		snprintf(key, sizeof(values->texts[i][0]), "label-%02d", i);
		snprintf(value, sizeof(values->texts[i][1]), "value %d", i * 17);
		values->label_entries[i].key = kp_str(key);
		values->label_entries[i].value = kp_str(value);
		values->count_entries[i].key = kp_str(key);
		values->count_entries[i].value = i * 1000;
	}
	values->labels = (struct Sample_Labels){
	        .labels = {values->label_entries, SAMPLE_LABEL_COUNT},
	        .counts = {values->count_entries, SAMPLE_LABEL_COUNT},
	};
}

void sample_values_init(struct sample_values *values)
{
	fill_numbers(&values->numbers);
	fill_person(&values->person);
	fill_route(values);
	fill_labels(values);
	for (size_t i = 0; i < sizeof(values->content); i++)
		values->content[i] = (uint8_t)(i * 31);
	values->blob = (struct Sample_Blob){
	        .name = kp_str("picture"),
	        .content = {values->content, SAMPLE_BLOB_SIZE},
	};
}

void sample_values_shift(struct sample_values *values, int shift)
{
	values->blob.content.ptr = values->content + shift;
}
