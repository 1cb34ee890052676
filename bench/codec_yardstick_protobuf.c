// codec_yardstick_protobuf.c - protobuf-c on the same values.
//
// Its messages are taken from a bump allocator, as ours are, so that the comparison is not about
// malloc; and encoding includes asking for the size, since the buffer must be large enough.
#include "Sample.pb-c.h"
#include "codec_yardstick.h"

#include <stdlib.h>

enum {
	POOL_SIZE = 256 << 10,
	OUT_SIZE = SAMPLE_BLOB_SIZE + 4096,
	ALIGNMENT = 16,
};

struct yardstick {
	Pb__Numbers numbers;
	Pb__Person person;
	Pb__Route route;
	Pb__Labels labels;
	Pb__Blob blob;

	Pb__Point points[SAMPLE_PATHS][SAMPLE_POINTS];
	Pb__Point *point_ptrs[SAMPLE_PATHS][SAMPLE_POINTS];
	Pb__Path paths[SAMPLE_PATHS];
	Pb__Path *path_ptrs[SAMPLE_PATHS];
	char *tags[SAMPLE_TAGS];
	Pb__Labels__LabelsEntry label_entries[SAMPLE_LABEL_COUNT];
	Pb__Labels__LabelsEntry *label_ptrs[SAMPLE_LABEL_COUNT];
	Pb__Labels__CountsEntry count_entries[SAMPLE_LABEL_COUNT];
	Pb__Labels__CountsEntry *count_ptrs[SAMPLE_LABEL_COUNT];

	ProtobufCAllocator allocator;
	size_t pool_used;
	size_t out_len;
	uint8_t out[OUT_SIZE];
	_Alignas(ALIGNMENT) uint8_t pool[POOL_SIZE];
};

const char *yardstick_name(void)
{
	return "protobuf-c";
}

static void *pool_alloc(void *pool, size_t size)
{
	struct yardstick *yardstick = pool;
	size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (rounded > POOL_SIZE - yardstick->pool_used)
		return NULL;
	void *ptr = yardstick->pool + yardstick->pool_used;
	yardstick->pool_used += rounded;
	return ptr;
}

static void pool_free(void *pool, void *ptr)
{
	(void)pool;
	(void)ptr;
}

// text lends a text of the values, which ends with a NUL.
static char *text(struct kp_str str)
{
	return (char *)str.ptr;
}

void yardstick_follow(struct yardstick *yardstick, const struct sample_values *values)
{
	yardstick->blob.content.data = (uint8_t *)values->blob.content.ptr;
}

static void take_flat(struct yardstick *to, const struct sample_values *values)
{
	const struct Sample_Numbers *numbers = &values->numbers;
	pb__numbers__init(&to->numbers);
	to->numbers.count = numbers->count;
	to->numbers.delta = numbers->delta;
	to->numbers.id = numbers->id;
	to->numbers.at = numbers->at;
	to->numbers.port = numbers->port;
	to->numbers.is_active = numbers->isActive;
	to->numbers.price = numbers->price;
	to->numbers.share = numbers->share;
	to->numbers.mask = numbers->mask;
	to->numbers.total = numbers->total;

	pb__person__init(&to->person);
	to->person.name = text(values->person.name);
	to->person.mail = text(values->person.mail);
	to->person.street = text(values->person.street);
	to->person.city = text(values->person.city);
	to->person.country = text(values->person.country);
	to->person.note = text(values->person.note);

	pb__blob__init(&to->blob);
	to->blob.name = text(values->blob.name);
	yardstick_follow(to, values);
	to->blob.content.len = values->blob.content.len;
}

static void take_path(struct yardstick *to, int index, const struct Sample_Path *path)
{
	for (int k = 0; k < SAMPLE_POINTS; k++) {
		Pb__Point *point = &to->points[index][k];
		pb__point__init(point);
		point->x = path->points.ptr[k].x;
		point->y = path->points.ptr[k].y;
		point->at = path->points.ptr[k].at;
		to->point_ptrs[index][k] = point;
	}
	pb__path__init(&to->paths[index]);
	to->paths[index].name = text(path->name);
	to->paths[index].n_points = SAMPLE_POINTS;
	to->paths[index].points = to->point_ptrs[index];
	to->path_ptrs[index] = &to->paths[index];
}

static void take_route(struct yardstick *to, const struct Sample_Route *route)
{
	for (int i = 0; i < SAMPLE_PATHS; i++)
		take_path(to, i, &route->paths.ptr[i]);
	for (int i = 0; i < SAMPLE_TAGS; i++)
		to->tags[i] = text(route->tags.ptr[i]);
	pb__route__init(&to->route);
	to->route.id = route->id;
	to->route.n_paths = SAMPLE_PATHS;
	to->route.paths = to->path_ptrs;
	to->route.n_tags = SAMPLE_TAGS;
	to->route.tags = to->tags;
}

static void take_labels(struct yardstick *to, const struct Sample_Labels *labels)
{
	pb__labels__init(&to->labels);
	for (int i = 0; i < SAMPLE_LABEL_COUNT; i++) {
		pb__labels__labels_entry__init(&to->label_entries[i]);
		to->label_entries[i].key = text(labels->labels.ptr[i].key);
		to->label_entries[i].value = text(labels->labels.ptr[i].value);
		to->label_ptrs[i] = &to->label_entries[i];
		pb__labels__counts_entry__init(&to->count_entries[i]);
		to->count_entries[i].key = text(labels->counts.ptr[i].key);
		to->count_entries[i].value = labels->counts.ptr[i].value;
		to->count_ptrs[i] = &to->count_entries[i];
	}
	to->labels.n_labels = SAMPLE_LABEL_COUNT;
	to->labels.labels = to->label_ptrs;
	to->labels.n_counts = SAMPLE_LABEL_COUNT;
	to->labels.counts = to->count_ptrs;
}

struct yardstick *yardstick_new(const struct sample_values *values)
{
	struct yardstick *yardstick = calloc(1, sizeof(*yardstick));
	if (!yardstick)
		return NULL;
	yardstick->allocator = (ProtobufCAllocator){pool_alloc, pool_free, yardstick};
	take_flat(yardstick, values);
	take_route(yardstick, &values->route);
	take_labels(yardstick, &values->labels);
	return yardstick;
}

void yardstick_free(struct yardstick *yardstick)
{
	free(yardstick);
}

static const ProtobufCMessage *message_of(const struct yardstick *yardstick, enum sample_kind kind)
{
	switch (kind) {
	case SAMPLE_NUMBERS:
		return &yardstick->numbers.base;
	case SAMPLE_PERSON:
		return &yardstick->person.base;
	case SAMPLE_ROUTE:
		return &yardstick->route.base;
	case SAMPLE_LABELS:
		return &yardstick->labels.base;
	default:
		return &yardstick->blob.base;
	}
}

size_t yardstick_encode(struct yardstick *yardstick, enum sample_kind kind)
{
	const ProtobufCMessage *message = message_of(yardstick, kind);
	if (protobuf_c_message_get_packed_size(message) > OUT_SIZE)
		return 0;
	yardstick->out_len = protobuf_c_message_pack(message, yardstick->out);
	return yardstick->out_len;
}

bool yardstick_decode(struct yardstick *yardstick, enum sample_kind kind)
{
	yardstick->pool_used = 0;
	const ProtobufCMessage *message = message_of(yardstick, kind);
	return protobuf_c_message_unpack(message->descriptor, &yardstick->allocator,
	                                 yardstick->out_len, yardstick->out) != NULL;
}
