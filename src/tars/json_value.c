// json_value.c - asking a JSON tree for what it holds.
#include "base/text.h"
#include "base/try.h"
#include "tars/json.h"
#include "tars/number.h"

#include <math.h>

const struct kp_json *kp_json_find(const struct kp_json *json, struct kp_str name)
{
	if (json->kind != KP_JSON_OBJECT)
		return NULL;
	for (const struct kp_json *member = json->first; member; member = member->next)
		if (kp_str_equal(member->name, name))
			return member;
	return NULL;
}

kp_err kp_json_i64(const struct kp_json *json, int64_t min, int64_t max, int64_t *ret)
{
	return json->kind == KP_JSON_NUMBER ? kp_str_i64(json->text, min, max, ret)
	                                    : KP_ERR_INVALID;
}

static bool is_unusual(struct kp_str text, double *ret)
{
	if (kp_str_equal(text, kp_str("NaN")))
		*ret = NAN;
	else if (kp_str_equal(text, kp_str("Infinity")))
		*ret = INFINITY;
	else if (kp_str_equal(text, kp_str("-Infinity")))
		*ret = -INFINITY;
	else
		return false;
	return true;
}

kp_err kp_json_f64(const struct kp_json *json, double *ret)
{
	if (json->kind == KP_JSON_STRING && is_unusual(json->text, ret))
		return KP_OK;
	return json->kind == KP_JSON_NUMBER ? kp_number_f64(json->text, ret) : KP_ERR_INVALID;
}

kp_err kp_json_f32(const struct kp_json *json, float *ret)
{
	double unusual;
	if (json->kind == KP_JSON_STRING && is_unusual(json->text, &unusual)) {
		*ret = (float)unusual;
		return KP_OK;
	}
	return json->kind == KP_JSON_NUMBER ? kp_number_f32(json->text, ret) : KP_ERR_INVALID;
}

const char *kp_json_kind_text(enum kp_json_kind kind)
{
	static const char *const texts[] = {
	        [KP_JSON_NULL] = "null",       [KP_JSON_BOOL] = "a boolean",
	        [KP_JSON_NUMBER] = "a number", [KP_JSON_STRING] = "a string",
	        [KP_JSON_LIST] = "a list",     [KP_JSON_OBJECT] = "an object",
	};
	return texts[kind];
}
