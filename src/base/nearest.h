// nearest.h - finds the word that somebody probably meant.
#pragma once

#include <stddef.h>

// kp_nearest_distance is the number of letters to change, add, remove or swap to get from one word
// to the other. Words longer than 32 letters are all far apart.
int kp_nearest_distance(const char *from, const char *to);

// kp_nearest_is_close tells whether `candidate` is near enough to `word` to be suggested.
int kp_nearest_is_close(const char *word, const char *candidate);

// kp_nearest_find returns the nearest of `count` candidates, or NULL when none is close.
const char *kp_nearest_find(const char *word, const char *const *candidates, size_t count);
