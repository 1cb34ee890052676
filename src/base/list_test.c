// list_test.c - what a list promises.
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct item {
	int number;
	struct kp_link link;
};

static struct item *item_of(struct kp_link *link)
{
	return KP_CONTAINER(link, struct item, link);
}

static void assert_order(struct kp_list *list, const char *order)
{
	char text[64] = "";
	size_t len = 0;
	KP_LIST_EACH (list, link, next) {
		text[len++] = (char)('0' + item_of(link)->number);
		assert_ptr_equal(link->next->prev, link);
	}
	text[len] = '\0';
	assert_string_equal(text, order);
	assert_int_equal(kp_list_is_empty(list), len == 0);
}

static void list_keeps_its_order(void **state)
{
	struct kp_list list;
	kp_list_init(&list);
	struct item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
	assert_order(&list, "");
	assert_null(kp_list_first(&list));
	assert_null(kp_list_pop(&list));

	kp_list_push(&list, &items[1].link);
	kp_list_push(&list, &items[3].link);
	kp_list_push_front(&list, &items[0].link);
	kp_list_add_after(&items[1].link, &items[2].link);
	assert_order(&list, "0123");
	assert_ptr_equal(kp_list_first(&list), &items[0].link);

	kp_list_remove(&items[2].link);
	assert_order(&list, "013");
	assert_ptr_equal(kp_list_pop(&list), &items[0].link);
	assert_false(kp_link_is_in_list(&items[0].link));
	assert_true(kp_link_is_in_list(&items[1].link));
	kp_list_push(&list, &items[0].link);
	assert_order(&list, "130");
}

static void list_takes_a_removal_twice(void **state)
{
	struct kp_list list;
	kp_list_init(&list);
	struct item item = {0};
	kp_list_remove(&item.link);
	kp_list_push(&list, &item.link);
	kp_list_remove(&item.link);
	kp_list_remove(&item.link);
	assert_false(kp_link_is_in_list(&item.link));
	assert_order(&list, "");
}

static void list_lets_the_element_at_hand_go(void **state)
{
	struct kp_list list;
	kp_list_init(&list);
	struct item items[6];
	for (int i = 0; i < 6; i++) {
		items[i] = (struct item){.number = i};
		kp_list_push(&list, &items[i].link);
	}
	KP_LIST_EACH (&list, link, next) {
		if (item_of(link)->number % 2 == 0) {
			kp_list_remove(link);
			memset(item_of(link), 0xee, sizeof(struct item));
		}
	}
	assert_order(&list, "135");
	KP_LIST_EACH (&list, link, next)
		kp_list_remove(link);
	assert_order(&list, "");
}

static void list_agrees_with_a_simple_model(void **state)
{
	uint64_t seed = (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
	struct kp_list list;
	kp_list_init(&list);
	struct item items[10];
	for (int i = 0; i < 10; i++)
		items[i] = (struct item){.number = i};
	char model[16] = "";
	for (int round = 0; round < 20000; round++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		struct item *item = &items[(seed >> 33) % 10];
		char name = (char)('0' + item->number);
		char *at = strchr(model, name);
		if (at) {
			kp_list_remove(&item->link);
			memmove(at, at + 1, strlen(at));
		} else if (seed >> 63) {
			kp_list_push(&list, &item->link);
			size_t len = strlen(model);
			model[len] = name;
			model[len + 1] = '\0';
		} else {
			kp_list_push_front(&list, &item->link);
			memmove(model + 1, model, strlen(model) + 1);
			model[0] = name;
		}
		assert_order(&list, model);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(list_keeps_its_order),
	        cmocka_unit_test(list_takes_a_removal_twice),
	        cmocka_unit_test(list_lets_the_element_at_hand_go),
	        cmocka_unit_test(list_agrees_with_a_simple_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
