// nearest.c - the distance between two words.
#include "base/nearest.h"

#include <string.h>

enum {
	LEN_MAX = 32,
	FAR = 1000
};

static int min3(int a, int b, int c)
{
	int least = a < b ? a : b;
	return least < c ? least : c;
}

int kp_nearest_distance(const char *from, const char *to)
{
	size_t from_len = strlen(from), to_len = strlen(to);
	if (from_len > LEN_MAX || to_len > LEN_MAX)
		return FAR;
	int cost[LEN_MAX + 1][LEN_MAX + 1];
	for (size_t i = 0; i <= from_len; i++)
		cost[i][0] = (int)i;
	for (size_t j = 0; j <= to_len; j++)
		cost[0][j] = (int)j;
	for (size_t i = 1; i <= from_len; i++) {
		for (size_t j = 1; j <= to_len; j++) {
			int change = from[i - 1] != to[j - 1];
			cost[i][j] = min3(cost[i - 1][j] + 1, cost[i][j - 1] + 1,
			                  cost[i - 1][j - 1] + change);
			if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
				cost[i][j] = min3(cost[i][j], cost[i][j], cost[i - 2][j - 2] + 1);
		}
	}
	return cost[from_len][to_len];
}

int kp_nearest_is_close(const char *word, const char *candidate)
{
	size_t len = strlen(word);
	if (len >= 2 && strncmp(word, candidate, len) == 0)
		return 1;
	return kp_nearest_distance(word, candidate) <= (len <= 3 ? 1 : (int)(len + 2) / 3);
}

const char *kp_nearest_find(const char *word, const char *const *candidates, size_t count)
{
	const char *best = NULL;
	int best_distance = FAR;
	for (size_t i = 0; i < count; i++) {
		int distance = kp_nearest_distance(word, candidates[i]);
		if (distance < best_distance && kp_nearest_is_close(word, candidates[i])) {
			best = candidates[i];
			best_distance = distance;
		}
	}
	return best;
}
