// server.c - Book.SubscribeServer: hears of every sale and counts.
#include "Subscribe.h"

#include <kipp/kipp.h>

enum {
	TITLES_MAX = 64,
	NAME_MAX = 80
};

struct count {
	char title[NAME_MAX];
	int32_t copies;
};

// One thread serves this server, so the counts need no lock.
struct counts {
	struct count rows[TITLES_MAX];
	size_t len;
};

static struct count *find_row(struct counts *counts, struct kp_str title)
{
	for (size_t i = 0; i < counts->len; i++) {
		if (kp_str_equal(kp_str(counts->rows[i].title), title))
			return &counts->rows[i];
	}
	if (counts->len == TITLES_MAX || title.len >= NAME_MAX)
		return NULL;
	struct count *row = &counts->rows[counts->len++];
	memcpy(row->title, title.ptr, title.len);
	return row;
}

static void sold(struct kp_call *call, const struct Book_Sale *sale)
{
	struct count *row = find_row(kp_call_user(call), sale->title);
	if (row)
		row->copies++;
}

static int counts(struct kp_call *call, struct kp_str_i32_map *copies)
{
	const struct counts *counts = kp_call_user(call);
	copies->ptr = kp_call_alloc(call, counts->len * sizeof(*copies->ptr));
	if (!copies->ptr) {
		kp_call_fail(call, KP_RET_UNKNOWN, "out of memory");
		return 0;
	}
	for (size_t i = 0; i < counts->len; i++) {
		copies->ptr[i].key = kp_str(counts->rows[i].title);
		copies->ptr[i].value = counts->rows[i].copies;
	}
	copies->len = counts->len;
	return 0;
}

int main(int argc, char **argv)
{
	struct counts state = {0};
	struct kp_app *app;
	if (kp_app_open(argc, argv, &app) != KP_OK)
		return 1;
	Book_Subscribe_serve(app, "SubscribeObj",
	                     &(struct Book_Subscribe_ops){.sold = sold, .counts = counts}, &state);
	return kp_app_run(app);
}
