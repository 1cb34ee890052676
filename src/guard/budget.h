// budget.h - how many calls may be sent a second time. Pure: the time is passed in.
//
// Retries help when little is broken and make things worse when much is. So they are paid for: each
// call brings a share of a retry, and time brings a few, so that a client that calls seldom has
// some too. What is saved up has a limit.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	KP_BUDGET_PERCENT_DEFAULT = 10,
	KP_BUDGET_FLOOR = 10,    // retries a second that need no calls
	KP_BUDGET_RESERVE = 100, // what there is at first, and what time alone saves up to
	KP_BUDGET_MAX = 1000,
};

struct kp_budget {
	uint64_t calls;    // since the last question
	int64_t credit;    // in millionths of a retry
	int64_t filled_ns; // when time last counted
	int percent;       // of a retry that a call brings; 0: there are no retries at all
};

// kp_budget_init fills a budget for the first time. `percent` 0 or less: nothing is ever granted.
void kp_budget_init(struct kp_budget *budget, int percent, int64_t now_ns);

// kp_budget_on_call counts a call that is sent for the first time.
static inline void kp_budget_on_call(struct kp_budget *budget)
{
	budget->calls++;
}

// kp_budget_take asks for one retry or hedge. kp_budget_give puts one back that did not happen.
bool kp_budget_take(struct kp_budget *budget, int64_t now_ns);
void kp_budget_give(struct kp_budget *budget);
