// due.c - the deadlines of many requests.
#include "rpc/due.h"

#include "base/assert.h"
#include "os/clock.h"

static struct due *first(const struct due_line *line)
{
	struct kp_link *link = kp_list_first(&line->dues);
	return link ? KP_CONTAINER(link, struct due, link) : NULL;
}

// arm sees to it that the line's timer fires no later than its first is due. One that fires early
// looks again.
static kp_err arm(struct due_line *line)
{
	const struct due *head = first(line);
	if (!head || (line->timer.place != 0 && line->timer.deadline_ns <= head->timer.deadline_ns))
		return KP_OK;
	return kp_timer_start(line->table->loop, &line->timer, head->timer.deadline_ns);
}

static void on_line_timer(struct kp_timer *timer)
{
	struct due_line *line = KP_CONTAINER(timer, struct due_line, timer);
	int64_t now_ns = kp_loop_now(line->table->loop);
	for (struct due *due; (due = first(line)) && due->timer.deadline_ns <= now_ns;) {
		kp_list_remove(&due->link);
		due->timer.on_timer(&due->timer);
	}
	// A heap that has just had this timer has room for it.
	kp_err err = arm(line);
	kp_assert(err == KP_OK);
}

void due_table_init(struct due_table *table, struct kp_loop *loop)
{
	table->loop = loop;
	for (int i = 0; i < KP_DUE_LINES; i++) {
		table->lines[i] = (struct due_line){.table = table};
		table->lines[i].timer.on_timer = on_line_timer;
		kp_list_init(&table->lines[i].dues);
	}
}

void due_table_fini(struct due_table *table)
{
	for (int i = 0; i < KP_DUE_LINES; i++)
		kp_timer_stop(&table->lines[i].timer);
}

static bool fits(const struct due_line *line, int64_t at_ns)
{
	if (kp_list_is_empty(&line->dues))
		return true;
	const struct due *last = KP_CONTAINER(line->dues.head.prev, struct due, link);
	return last->timer.deadline_ns <= at_ns;
}

kp_err due_start(struct due_table *table, struct due *due, int64_t at_ns)
{
	struct due_line *line = table->lines;
	while (KP_UNLIKELY(!fits(line, at_ns)))
		if (++line == table->lines + KP_DUE_LINES)
			return kp_timer_start(table->loop, &due->timer, at_ns);
	due->timer.deadline_ns = at_ns;
	kp_list_push(&line->dues, &due->link);
	if (KP_LIKELY(line->dues.head.next != &due->link))
		return KP_OK;
	kp_err err = arm(line);
	if (err != KP_OK)
		kp_list_remove(&due->link);
	return err;
}

void due_stop(struct due *due)
{
	kp_list_remove(&due->link);
	if (KP_UNLIKELY(due->timer.place != 0))
		kp_timer_stop(&due->timer);
}
