// budget.c - how many calls may be sent a second time.
#include "guard/budget.h"

static const int64_t retry = INT64_C(1000000);
static const int64_t ns_per_s = INT64_C(1000000000);

static int64_t min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void kp_budget_init(struct kp_budget *budget, int percent, int64_t now_ns)
{
	*budget = (struct kp_budget){.percent = percent > 0 ? percent : 0,
	                             .credit = KP_BUDGET_RESERVE * retry,
	                             .filled_ns = now_ns};
}

// fill_by_time never takes away what calls have brought.
static void fill_by_time(struct kp_budget *budget, int64_t now_ns)
{
	int64_t passed_ns = now_ns - budget->filled_ns;
	if (passed_ns <= 0)
		return;
	budget->filled_ns = now_ns;
	// After so long the reserve is full whatever the product would be.
	passed_ns = min(passed_ns, KP_BUDGET_RESERVE / KP_BUDGET_FLOOR * ns_per_s);
	int64_t filled = budget->credit + passed_ns / (ns_per_s / retry) * KP_BUDGET_FLOOR;
	filled = min(filled, KP_BUDGET_RESERVE * retry);
	if (filled > budget->credit)
		budget->credit = filled;
}

static void fill_by_calls(struct kp_budget *budget)
{
	const uint64_t many = (uint64_t)KP_BUDGET_MAX * 100; // fill it at one percent
	int64_t calls = (int64_t)(budget->calls < many ? budget->calls : many);
	budget->calls = 0;
	budget->credit += calls * budget->percent * (retry / 100);
	budget->credit = min(budget->credit, KP_BUDGET_MAX * retry);
}

bool kp_budget_take(struct kp_budget *budget, int64_t now_ns)
{
	if (budget->percent == 0)
		return false;
	fill_by_time(budget, now_ns);
	fill_by_calls(budget);
	if (budget->credit < retry)
		return false;
	budget->credit -= retry;
	return true;
}

void kp_budget_give(struct kp_budget *budget)
{
	budget->credit = min(budget->credit + retry, KP_BUDGET_MAX * retry);
}
