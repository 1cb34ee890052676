// wheel.h - taking turns in proportion to weights, in constant time.
//
// The shares lie end to end on a wheel whose circumference is the sum of all weights. Each turn
// moves on by a step that has no divisor in common with the circumference, so that one round meets
// every point once and the counts are exact. Where weights differ the step is about the golden
// section, which spreads the turns of each share evenly over the round; where they are all alike it
// is 1, the plain order.
#pragma once

#include "kipp/err.h"

#include <stddef.h>
#include <stdint.h>

// All zero is a wheel without shares.
struct kp_wheel {
	uint32_t *ends;  // owned; where each share ends
	uint32_t *who;   // owned; whose it is
	uint32_t *guide; // owned; the first share that reaches into each of `cap` equal parts
	size_t cap;      // of all three, a power of two
	size_t count;    // of shares, none of them empty
	uint32_t total, position, step;
	uint64_t scale; // from positions to parts
};

// kp_wheel_grow makes room for `count` shares. NOMEM is its only error.
kp_err kp_wheel_grow(struct kp_wheel *wheel, size_t count);
void kp_wheel_fini(struct kp_wheel *wheel);

// kp_wheel_begin takes all shares off; kp_wheel_add puts one on, kp_wheel_end makes the wheel
// ready. It keeps about the place where it was; `start` says where one begins that had none.
void kp_wheel_begin(struct kp_wheel *wheel);
void kp_wheel_add(struct kp_wheel *wheel, uint32_t who, uint32_t weight);
void kp_wheel_end(struct kp_wheel *wheel, uint32_t start);

// kp_wheel_turn returns whose turn it is, of at least one.
static inline uint32_t kp_wheel_turn(struct kp_wheel *wheel)
{
	uint32_t position = wheel->position, next = position + wheel->step;
	wheel->position = next >= wheel->total ? next - wheel->total : next;
	uint32_t share = wheel->guide[((uint64_t)position * wheel->scale) >> 32];
	while (wheel->ends[share] <= position)
		share++;
	return wheel->who[share];
}
