// value_test.cc - C++ values are the bytes that C makes of the same values.
#include "everything.hpp"

#include "check.hpp"
#include "some.hpp"

static std::string bytes_of(const struct kp_buf &buf)
{
	CHECK(buf.err == KP_OK);
	return std::string(kipp::text_of(kp_buf_str(&buf)));
}

// same_in_c tells whether a value gives the same bytes when C encodes it.
template <class View, class T>
static bool same_in_c(const T &value, void (*encode_view)(struct kp_buf *, unsigned, const View *))
{
	struct kp_arena *arena = kp_arena_new(0);
	View view;
	CHECK(to_view(value, arena, &view) == KP_OK);
	kipp::detail::bytes ours, theirs;
	kipp::encode(&ours.buf, 7, value);
	encode_view(&theirs.buf, 7, &view);
	T back;
	CHECK(from_view(&view, back) == KP_OK && back == value);
	bool is_same = bytes_of(ours.buf) == bytes_of(theirs.buf);
	kp_arena_free(arena);
	return is_same;
}

static void values_are_the_same_bytes_in_both_languages()
{
	CHECK(same_in_c(All::Scalars(), All_Scalars_encode));
	CHECK(same_in_c(some_scalars(false), All_Scalars_encode));
	CHECK(same_in_c(some_scalars(true), All_Scalars_encode));
	CHECK(same_in_c(All::Defaults(), All_Defaults_encode));
	CHECK(same_in_c(All::Words(), All_Words_encode));
	CHECK(same_in_c(All::Containers(), All_Containers_encode));
	CHECK(same_in_c(some_containers(), All_Containers_encode));
	CHECK(same_in_c(some_tree(8), All_Tree_encode));
	CHECK(same_in_c(Small::Nothing(), Small_Nothing_encode));
}

static void defaults_are_those_of_c()
{
	struct All_Defaults view;
	All_Defaults_init(&view);
	All::Defaults value;
	value.level = All::Level::Under;
	CHECK(from_view(&view, value) == KP_OK);
	CHECK(value == All::Defaults());
	CHECK(value.greeting == Small::GREETING && value.middle == All::LIMIT);
	CHECK(All::FAR == INT64_MIN && All::WIDE == UINT32_MAX && All::NEGATIVE == -128);
}

template <class T> static kp_err decode_all(const std::string &bytes, T &ret, size_t budget)
{
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_decoder in =
	        kp_decoder({reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()}, arena);
	kipp::reader reader(&in, budget);
	bool is_there = kipp::decode(reader, 0, KP_REQUIRED, ret);
	CHECK(is_there == (in.err == KP_OK));
	kp_arena_free(arena);
	return in.err;
}

static void damaged_bytes_give_an_error_or_a_value()
{
	kipp::detail::bytes out;
	kipp::encode(&out.buf, 0, some_containers());
	const std::string good = bytes_of(out.buf);
	All::Containers value;
	CHECK(decode_all(good, value, kipp::reader::size_max) == KP_OK);
	CHECK(value == some_containers());
	for (size_t len = 0; len < good.size(); len++) {
		// A copy of just that size, so that a sanitizer sees a read behind it.
		std::string cut(good, 0, len);
		cut.shrink_to_fit();
		CHECK(decode_all(cut, value, kipp::reader::size_max) == KP_ERR_DECODE);
	}
	for (size_t at = 0; at < good.size(); at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			std::string bent = good;
			bent[at] = static_cast<char>(bent[at] ^ (1u << bit));
			(void)decode_all(bent, value, kipp::reader::size_max);
		}
	}
}

static void a_few_bytes_cannot_claim_much_memory()
{
	// A list of structs that are all defaults: two bytes each.
	kipp::detail::bytes out;
	const uint32_t count = 10000;
	kp_list_begin(&out.buf, 0, count);
	for (uint32_t i = 0; i < count; i++) {
		kp_struct_begin(&out.buf, 0);
		kp_struct_end(&out.buf);
	}
	std::vector<All::Defaults> list;
	size_t needed = count * sizeof(All::Defaults);
	CHECK(decode_all(bytes_of(out.buf), list, needed) == KP_OK);
	CHECK(list.size() == count && list.back() == All::Defaults());
	CHECK(decode_all(bytes_of(out.buf), list, needed - 1) == KP_ERR_LIMIT);
	// A text that does not fit.
	kipp::detail::bytes text;
	kp_str_encode(&text.buf, 0, kp_str("12345"));
	std::string value = "old";
	CHECK(decode_all(bytes_of(text.buf), value, 4) == KP_ERR_LIMIT && value == "old");
	CHECK(decode_all(bytes_of(text.buf), value, 5) == KP_OK && value == "12345");
}

static void of_two_equal_keys_the_later_one_counts()
{
	kipp::detail::bytes out;
	kp_map_begin(&out.buf, 0, 2);
	for (int32_t value = 1; value <= 2; value++) {
		kp_str_encode(&out.buf, 0, kp_str("key"));
		kp_i32_encode(&out.buf, 1, value);
	}
	std::map<std::string, int32_t> map = {{"old", 3}};
	CHECK(decode_all(bytes_of(out.buf), map, 4096) == KP_OK);
	CHECK(map.size() == 1 && map["key"] == 2);
}

static void values_compare_print_and_have_names()
{
	All::Person ann{"Ann", 30, 60.5}, bob{"Bob", 1, 0}, heavy{"Ann", 30, 99};
	CHECK(ann < bob && !(bob < ann) && ann != heavy);
	CHECK(!(ann < heavy) && !(heavy < ann)); // its key[] is name and age
	CHECK(print(ann) == "{\"name\": \"Ann\", \"age\": 30, \"weight\": 60.5}");
	CHECK(std::string(name_of(All::Level::High)) == "High");
	CHECK(name_of(static_cast<All::Level>(99)) == nullptr);
}

int main()
{
	const named_test tests[] = {
	        TEST(values_are_the_same_bytes_in_both_languages),
	        TEST(defaults_are_those_of_c),
	        TEST(damaged_bytes_give_an_error_or_a_value),
	        TEST(a_few_bytes_cannot_claim_much_memory),
	        TEST(of_two_equal_keys_the_later_one_counts),
	        TEST(values_compare_print_and_have_names),
	};
	return run_tests(tests);
}
