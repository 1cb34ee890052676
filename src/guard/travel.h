// travel.h - what a call carries to the next hop beside its arguments: deadline, priority, caller.
//
// All of it is one text, the value of the key `KIPP` in a packet's status map: items separated by
// ',', each a letter and its value. Old peers ignore the key or pass it on unchanged.
//     d<microseconds left>  p<priority 0..7>  r1 a retry  b1 busy, not broken
//     v<version>  c<App.Server, the caller>
// It comes from outside, so what makes no sense is ignored, item by item.
#pragma once

#include "kipp/str.h"

#define KP_TRAVEL_KEY "KIPP"

enum {
	KP_TRAVEL_CALLER_MAX = 128, // bytes; longer names do not travel
	KP_TRAVEL_TEXT_MAX = 192,   // any text that kp_travel_format writes fits
	KP_TRAVEL_VERSION = 1,
	KP_PRIORITY_MAX = 7,     // the most important
	KP_PRIORITY_DEFAULT = 4, // of a call that says nothing
};

struct kp_travel {
	int64_t left_us;      // until the deadline; -1: none
	int priority;         // 0..7, higher is more important; -1: none
	bool is_retry;        // a retry or a hedge, which must not be retried further down
	bool is_busy;         // in an answer: refused because busy, the endpoint is not broken
	int version;          // of the peer, in its first packet; 0: none
	struct kp_str caller; // a view into the parsed text; empty: none
};

// kp_travel_none says nothing.
static inline struct kp_travel kp_travel_none(void)
{
	struct kp_travel none = {.left_us = -1, .priority = -1};
	return none;
}

// kp_travel_parse reads a text of any origin. Unknown letters and values that make no sense are
// ignored; of two items of one letter the last one counts.
void kp_travel_parse(struct kp_str text, struct kp_travel *ret);

// kp_travel_format writes the text, without a NUL at its end, and returns its length, at most
// KP_TRAVEL_TEXT_MAX; 0: there is nothing to say. What cannot travel (a priority above 7, a caller
// with a comma in its name) is left out.
size_t kp_travel_format(const struct kp_travel *travel, char *text);
