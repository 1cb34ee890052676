// fuzz_travel.c - any text as what a call carries; what was understood reads the same once written.
#include "base/assert.h"
#include "guard/travel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kp_travel travel, again;
	kp_travel_parse((struct kp_str){(const char *)data, size}, &travel);
	kp_assert(travel.left_us >= -1 && travel.left_us <= INT64_MAX / 1000);
	kp_assert(travel.priority >= -1 && travel.priority <= KP_PRIORITY_MAX);
	kp_assert(travel.version >= 0 && travel.caller.len <= KP_TRAVEL_CALLER_MAX);
	char text[KP_TRAVEL_TEXT_MAX];
	size_t len = kp_travel_format(&travel, text);
	kp_assert(len <= sizeof(text));
	kp_travel_parse((struct kp_str){text, len}, &again);
	kp_assert(again.left_us == travel.left_us && again.priority == travel.priority);
	kp_assert(again.is_retry == travel.is_retry && again.is_busy == travel.is_busy);
	kp_assert(again.version == travel.version && kp_str_equal(again.caller, travel.caller));
	return 0;
}
