// list.h - a doubly linked list that lives inside its elements.
//
// A zeroed link is not in any list. Removing an element that is in no list does nothing.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct kp_link {
	struct kp_link *prev;
	struct kp_link *next;
};

struct kp_list {
	struct kp_link head;
};

#define KP_CONTAINER(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline void kp_list_init(struct kp_list *list)
{
	list->head.prev = list->head.next = &list->head;
}

static inline bool kp_list_is_empty(const struct kp_list *list)
{
	return list->head.next == &list->head;
}

static inline bool kp_link_is_in_list(const struct kp_link *link)
{
	return link->next != NULL;
}

static inline void kp_list_add_after(struct kp_link *at, struct kp_link *link)
{
	link->prev = at;
	link->next = at->next;
	at->next->prev = link;
	at->next = link;
}

static inline void kp_list_push(struct kp_list *list, struct kp_link *link)
{
	kp_list_add_after(list->head.prev, link);
}

static inline void kp_list_push_front(struct kp_list *list, struct kp_link *link)
{
	kp_list_add_after(&list->head, link);
}

static inline void kp_list_remove(struct kp_link *link)
{
	if (!link->next)
		return;
	link->prev->next = link->next;
	link->next->prev = link->prev;
	link->prev = link->next = NULL;
}

static inline struct kp_link *kp_list_first(const struct kp_list *list)
{
	return kp_list_is_empty(list) ? NULL : list->head.next;
}

static inline struct kp_link *kp_list_pop(struct kp_list *list)
{
	struct kp_link *link = kp_list_first(list);
	if (link)
		kp_list_remove(link);
	return link;
}

// KP_LIST_EACH walks a list; the element at hand may be removed.
#define KP_LIST_EACH(list, link, following)                                     \
	for (struct kp_link *link = (list)->head.next, *following = link->next; \
	     link != &(list)->head; link = following, following = link->next)
