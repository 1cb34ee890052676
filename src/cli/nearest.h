// nearest.h - finds the word that somebody probably meant.
#pragma once

#include <stddef.h>

// nearest_distance is the number of letters to change, add, remove or swap to get from one word to
// the other. Words longer than 32 letters are all far apart.
int nearest_distance(const char *from, const char *to);

// nearest_is_close tells whether `candidate` is near enough to `word` to be suggested.
int nearest_is_close(const char *word, const char *candidate);

// nearest_find returns the nearest of `count` candidates, or NULL when none is close.
const char *nearest_find(const char *word, const char *const *candidates, size_t count);
