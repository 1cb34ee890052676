// server.c - Book.ClassificationServer: which titles there are.
#include "Classification.h"

#include <kipp/kipp.h>

#define TITLE(number, title, writer, shelf, price)                               \
	{                                                                        \
		.id = (number), .name = KP_STR(title), .author = KP_STR(writer), \
		.category = KP_STR(shelf), .cents = (price)                      \
	}

static const struct Book_Title titles_here[] = {
        TITLE(1, "On the Origin of Species", "Charles Darwin", "science", 1450),
        TITLE(2, "Opticks", "Isaac Newton", "science", 1290),
        TITLE(3, "Sketch of the Analytical Engine", "Ada Lovelace", "science", 990),
        TITLE(4, "Frankenstein", "Mary Shelley", "novel", 850),
        TITLE(5, "Dream of the Red Chamber", "Cao Xueqin", "novel", 2400),
        TITLE(6, "Middlemarch", "George Eliot", "novel", 1120),
        TITLE(7, "The Art of War", "Sun Tzu", "history", 780),
        TITLE(8, "The Histories", "Herodotus", "history", 1600),
};
enum {
	TITLE_COUNT = sizeof(titles_here) / sizeof(titles_here[0])
};

static int list(struct kp_call *call, struct kp_str category, struct Book_Title_list *titles)
{
	titles->ptr = kp_call_alloc(call, sizeof(titles_here));
	if (!titles->ptr) {
		kp_call_fail(call, KP_RET_UNKNOWN, "out of memory");
		return 0;
	}
	for (int i = 0; i < TITLE_COUNT; i++) {
		if (kp_str_equal(titles_here[i].category, category))
			titles->ptr[titles->len++] = titles_here[i];
	}
	return titles->len == 0;
}

static int find(struct kp_call *call, int32_t id, struct Book_Title *title)
{
	if (id < 1 || id > TITLE_COUNT)
		return 1;
	*title = titles_here[id - 1];
	return 0;
}

int main(int argc, char **argv)
{
	struct kp_app *app;
	if (kp_app_open(argc, argv, &app) != KP_OK)
		return 1;
	Book_Classification_serve(app, "ClassificationObj",
	                          &(struct Book_Classification_ops){.list = list, .find = find},
	                          NULL);
	return kp_app_run(app);
}
