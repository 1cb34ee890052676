// names.c - the alphabet of names, and targets.
#include "control/state/names.h"

#include "base/text.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool name_is_valid(struct kp_str name)
{
	if (name.len == 0 || name.len > NAME_SIZE_MAX || is_digit(name.ptr[0]))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!is_letter(name.ptr[i]) && !is_digit(name.ptr[i]))
			return false;
	return true;
}

bool node_name_is_valid(struct kp_str name)
{
	if (name.len == 0 || name.len > 4 * NAME_SIZE_MAX || name.ptr[0] == '-')
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!is_letter(name.ptr[i]) && !is_digit(name.ptr[i]) && name.ptr[i] != '-' &&
		    name.ptr[i] != '.' && name.ptr[i] != ':')
			return false;
	return true;
}

bool hash_is_valid(struct kp_str hash)
{
	if (hash.len != 64)
		return false;
	for (size_t i = 0; i < hash.len; i++)
		if (!is_digit(hash.ptr[i]) && !(hash.ptr[i] >= 'a' && hash.ptr[i] <= 'f'))
			return false;
	return true;
}

static kp_err bad_target(struct kp_str text, struct kp_why *why)
{
	return kp_why_set(why, KP_ERR_INVALID,
	                  "\"%.*s\" names nothing: write App, App.Server or App.Server.1",
	                  (int)(text.len < 200 ? text.len : 200), text.len ? text.ptr : "");
}

kp_err target_parse(struct kp_str text, struct target *ret, struct kp_why *why)
{
	struct target target = {0};
	struct kp_str rest = text, number;
	if (text.len == 0) {
		*ret = target;
		return KP_OK;
	}
	if (text.ptr[text.len - 1] == '.' || !kp_str_split_next(&rest, '.', &target.application) ||
	    !name_is_valid(target.application))
		return bad_target(text, why);
	if (kp_str_split_next(&rest, '.', &target.server) && !name_is_valid(target.server))
		return bad_target(text, why);
	if (kp_str_split_next(&rest, '.', &number)) {
		int64_t value;
		if (rest.len || number.len == 0 || !is_digit(number.ptr[0]) ||
		    kp_str_i64(number, 1, 1000000, &value) != KP_OK)
			return bad_target(text, why);
		target.number = (int32_t)value;
	}
	*ret = target;
	return KP_OK;
}
