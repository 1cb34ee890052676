// explain.c - writing down why calls go where they go.
#include "route/explain.h"

static double ms(int64_t ns)
{
	return (double)ns / 1e6;
}

static void format_standing(const struct kp_explain *what, const struct kp_entry *entry,
                            struct kp_buf *out)
{
	const struct kp_evidence *evidence = entry->evidence;
	int isolations = __atomic_load_n(&evidence->isolations, __ATOMIC_RELAXED);
	int64_t wait_ns = kp_evidence_probe_at(evidence);
	wait_ns = wait_ns == KP_TABLE_NEVER || wait_ns < what->now_ns ? 0 : wait_ns - what->now_ns;
	switch (entry->standing) {
	case KP_KEPT:
		kp_buf_printf(out, "kept");
		break;
	case KP_KEPT_SICK:
		kp_buf_printf(out, "sick, kept by health: no more than %d %% may be left out",
		              what->table->options.isolated_share_max);
		break;
	case KP_DROPPED_SICK:
		kp_buf_printf(out, "dropped by health: failed %d times, next probe in %.0f ms",
		              isolations, ms(wait_ns));
		break;
	case KP_DROPPED_SUBSET:
		kp_buf_printf(out, "dropped by subset: not one of this client's %zu",
		              what->table->options.subset_size);
		break;
	case KP_DROPPED_WEIGHT:
		kp_buf_printf(out, "dropped by balancer: its weight is 0");
		break;
	case KP_STANDING_COUNT:
		break;
	}
	int ease = kp_evidence_ease(evidence);
	if (ease < KP_EASE_FULL)
		kp_buf_printf(out, "; busy, eased to %d %%", ease * 100 / KP_EASE_FULL);
}

static bool is_kept(const struct kp_entry *entry)
{
	return entry->standing == KP_KEPT || entry->standing == KP_KEPT_SICK;
}

static void format_entry(const struct kp_explain *what, const struct kp_entry *entry,
                         uint64_t kept_width, struct kp_buf *out)
{
	double share = is_kept(entry) ? 100.0 * entry->width / (double)kept_width : 0;
	kp_buf_printf(out, "  #%-4u %-28s weight %3d  share %5.1f %%  in flight %-4u", entry->id,
	              entry->name, entry->weight, share,
	              __atomic_load_n(&entry->in_flight, __ATOMIC_RELAXED));
	kp_buf_printf(out, " latency %.1f ms  good %u %%  ",
	              __atomic_load_n(&entry->latency_us, __ATOMIC_RELAXED) / 1000.0,
	              __atomic_load_n(&entry->goodput, __ATOMIC_RELAXED) * 100 / KP_GOODPUT_FULL);
	format_standing(what, entry, out);
	kp_buf_append_byte(out, '\n');
}

// format_steps counts what each step has left.
static void format_steps(const struct kp_explain *what, struct kp_buf *out)
{
	const struct kp_table *table = what->table;
	size_t counts[KP_STANDING_COUNT] = {0};
	for (size_t i = 0; i < table->entries.len; i++)
		counts[table->entries.ptr[i]->standing]++;
	size_t left = table->entries.len;
	for (enum kp_step step = 0; step < KP_STEP_COUNT; step++) {
		const char *note = "";
		if (step == KP_STEP_HEALTH)
			left -= counts[KP_DROPPED_SICK];
		else if (step == KP_STEP_SUBSET)
			left -= counts[KP_DROPPED_SUBSET];
		else if (step == KP_STEP_BALANCER)
			left -= counts[KP_DROPPED_WEIGHT];
		else if (step != KP_STEP_REGISTRY)
			note = " (by the registry)";
		kp_buf_printf(out, "%s%s %zu%s", step ? " -> " : "  ", kp_step_name(step), left,
		              note);
	}
	kp_buf_printf(out, " (%s)\n", table->options.balancer->name);
}

static const char *name_of(const struct kp_table *table, uint32_t id)
{
	for (size_t i = 0; i < table->entries.len; i++)
		if (table->entries.ptr[i]->id == id)
			return table->entries.ptr[i]->name;
	return id ? "no longer listed" : "nobody";
}

static void format_decision(const struct kp_explain *what, const struct kp_decision *decision,
                            struct kp_buf *out)
{
	kp_buf_printf(out, "  %10.3f ms ago  listed %u, sick %u, left out %u, tried %u -> ",
	              ms(what->now_ns - decision->now_ns), decision->listed, decision->sick,
	              decision->left_out, decision->tried);
	kp_buf_printf(out, "#%u %s (%s)\n", decision->entry, name_of(what->table, decision->entry),
	              kp_chosen_text(decision->why));
}

static void format_decisions(const struct kp_explain *what, struct kp_buf *out)
{
	const struct kp_decisions *decisions = what->table->options.decisions;
	if (!decisions)
		return;
	size_t told = 0;
	uint64_t newest = kp_decisions_count(decisions);
	for (uint64_t back = 0; back < KP_DECISIONS_MAX && back < newest; back++) {
		struct kp_decision decision;
		if (!kp_decisions_get(decisions, newest - back, &decision) ||
		    decision.route != what->table->options.route)
			continue;
		if (told == what->decisions_max)
			return;
		if (told++ == 0)
			kp_buf_printf(out, "  last decisions, newest first:\n");
		format_decision(what, &decision, out);
	}
}

void kp_explain_format(const struct kp_explain *what, struct kp_buf *out)
{
	kp_buf_printf(out, "%s, as %s sees it:\n", what->name, what->where);
	format_steps(what, out);
	uint64_t kept_width = 0;
	for (size_t i = 0; i < what->table->entries.len; i++)
		if (is_kept(what->table->entries.ptr[i]))
			kept_width += what->table->entries.ptr[i]->width;
	for (size_t i = 0; i < what->table->entries.len; i++)
		format_entry(what, what->table->entries.ptr[i], kept_width, out);
	format_decisions(what, out);
}
