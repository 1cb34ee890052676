// wheel.c - laying out a wheel of turns.
#include "route/wheel.h"

#include "base/mem.h"

enum {
	CAP_MIN = 4,
	STEPS_TRIED = 16, // to either side of the golden section
};

void kp_wheel_fini(struct kp_wheel *wheel)
{
	kp_free(wheel->ends);
	kp_free(wheel->who);
	kp_free(wheel->guide);
	*wheel = (struct kp_wheel){0};
}

static kp_err grow(uint32_t **array, size_t cap)
{
	uint32_t *grown = kp_realloc(*array, cap * sizeof(**array));
	if (!grown)
		return KP_ERR_NOMEM;
	*array = grown;
	return KP_OK;
}

kp_err kp_wheel_grow(struct kp_wheel *wheel, size_t count)
{
	size_t cap = wheel->cap ? wheel->cap : CAP_MIN;
	while (cap < count)
		cap *= 2;
	if (cap == wheel->cap)
		return KP_OK;
	if (grow(&wheel->ends, cap) != KP_OK || grow(&wheel->who, cap) != KP_OK ||
	    grow(&wheel->guide, cap) != KP_OK)
		return KP_ERR_NOMEM;
	// The guide in force is one of the old cap, whose parts lie at its beginning.
	wheel->cap = cap;
	return KP_OK;
}

void kp_wheel_begin(struct kp_wheel *wheel)
{
	wheel->count = 0;
}

void kp_wheel_add(struct kp_wheel *wheel, uint32_t who, uint32_t weight)
{
	if (weight == 0)
		return;
	wheel->who[wheel->count] = who;
	wheel->ends[wheel->count++] = weight; // summed up at the end
}

static uint32_t divisor_of(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

// roughness is the sum of the quotients of Euclid's algorithm, by which the turns of a share are
// out of step at most; UINT32_MAX for numbers with a divisor in common.
static uint32_t roughness(uint32_t total, uint32_t step)
{
	uint32_t sum = 0;
	while (step) {
		uint32_t rest = total % step;
		sum += total / step;
		total = step;
		step = rest;
	}
	return total == 1 ? sum : UINT32_MAX;
}

// step_for finds the smoothest step close to the golden section of `total`.
static uint32_t step_for(uint32_t total)
{
	uint32_t golden = (uint32_t)(((uint64_t)total * UINT64_C(2654435769)) >> 32);
	uint32_t from = golden > STEPS_TRIED ? golden - STEPS_TRIED : 1;
	uint32_t best = 1, best_roughness = UINT32_MAX;
	for (uint32_t step = from; step <= golden + STEPS_TRIED && step < total; step++) {
		uint32_t rough = roughness(total, step);
		if (rough >= best_roughness)
			continue;
		best = step;
		best_roughness = rough;
	}
	return best;
}

static void lay_guide(struct kp_wheel *wheel)
{
	wheel->scale = ((uint64_t)wheel->cap << 32) / wheel->total;
	size_t part = 0;
	for (uint32_t share = 0; share < wheel->count; share++) {
		uint64_t last = ((uint64_t)(wheel->ends[share] - 1) * wheel->scale) >> 32;
		while (part <= last)
			wheel->guide[part++] = share;
	}
}

void kp_wheel_end(struct kp_wheel *wheel, uint32_t start)
{
	uint32_t divisor = 0, total_before = wheel->total, total = 0;
	for (size_t i = 0; i < wheel->count; i++)
		divisor = divisor_of(wheel->ends[i], divisor);
	bool is_even = true;
	for (size_t i = 0; i < wheel->count; i++) {
		uint32_t weight = wheel->ends[i] / divisor;
		is_even = is_even && weight == 1;
		total += weight;
		wheel->ends[i] = total;
	}
	wheel->total = total;
	if (total == 0)
		return;
	wheel->step = is_even ? total > 1 : step_for(total);
	wheel->position = total_before
	                          ? (uint32_t)((uint64_t)wheel->position * total / total_before)
	                          : (uint32_t)(((uint64_t)start * total) >> 32);
	lay_guide(wheel);
}
