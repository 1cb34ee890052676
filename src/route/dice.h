// dice.h - random numbers for choices, not for secrets: splitmix64, seeded from outside.
#pragma once

#include <stdint.h>

// A seed, any number; it moves with each roll.
struct kp_dice {
	uint64_t state;
};

// kp_dice_roll returns the next number, even over all 64 bits.
static inline uint64_t kp_dice_roll(struct kp_dice *dice)
{
	uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

// kp_dice_below returns a number below `limit` > 0.
static inline uint32_t kp_dice_below(struct kp_dice *dice, uint32_t limit)
{
	return (uint32_t)(((kp_dice_roll(dice) >> 32) * limit) >> 32);
}
