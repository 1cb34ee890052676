// value.hpp - C++ values to TARS bytes and back.
//
// string is std::string, vector<byte> is std::vector<char>, other vectors are std::vector, maps are
// std::map, enums are scoped enums of int32_t. A generated struct has encode_fields and
// decode_fields beside it. Values own their memory; nothing points into a message.
#pragma once

#include "kipp/codec.h"
#include "kipp/cpp/result.hpp"
#include "kipp/describe.h"

#include <algorithm>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

namespace kipp
{

// reader decodes from a kp_decoder and counts what the values take, so that a few bytes of a
// message cannot claim all memory.
class reader
{
      public:
	static constexpr size_t size_max = 256u << 20;

	explicit reader(struct kp_decoder *in, size_t left = size_max) : in_(in), left_(left)
	{
	}

	struct kp_decoder *get() const
	{
		return in_;
	}

	explicit operator bool() const
	{
		return in_->err == KP_OK;
	}

	// charge counts `size` bytes. False, and LIMIT, when that is too much.
	bool charge(size_t size)
	{
		if (in_->err != KP_OK)
			return false;
		if (size > left_) {
			in_->err = KP_ERR_LIMIT;
			return false;
		}
		left_ -= size;
		return true;
	}

      private:
	struct kp_decoder *in_;
	size_t left_;
};

namespace detail
{

template <class T> struct is_vector : std::false_type {
};
template <class T> struct is_vector<std::vector<T>> : std::true_type {
};
template <class T> struct is_map : std::false_type {
};
template <class K, class V> struct is_map<std::map<K, V>> : std::true_type {
};

inline void put(struct kp_buf *out, unsigned tag, bool value)
{
	kp_bool_encode(out, tag, value);
}
inline void put(struct kp_buf *out, unsigned tag, int8_t value)
{
	kp_i8_encode(out, tag, value);
}
inline void put(struct kp_buf *out, unsigned tag, int16_t value)
{
	kp_i16_encode(out, tag, value);
}
inline void put(struct kp_buf *out, unsigned tag, int32_t value)
{
	kp_i32_encode(out, tag, value);
}
inline void put(struct kp_buf *out, unsigned tag, int64_t value)
{
	kp_i64_encode(out, tag, value);
}
inline void put(struct kp_buf *out, unsigned tag, uint8_t value)
{
	kp_u8_encode(out, tag, value);
}
inline void put(struct kp_buf *out, unsigned tag, uint16_t value)
{
	kp_u16_encode(out, tag, value);
}
inline void put(struct kp_buf *out, unsigned tag, uint32_t value)
{
	kp_u32_encode(out, tag, value);
}
inline void put(struct kp_buf *out, unsigned tag, float value)
{
	kp_f32_encode(out, tag, value);
}
inline void put(struct kp_buf *out, unsigned tag, double value)
{
	kp_f64_encode(out, tag, value);
}
inline void put(struct kp_buf *out, unsigned tag, const std::string &value)
{
	kp_str_encode(out, tag, view_of(value));
}
inline void put(struct kp_buf *out, unsigned tag, const std::vector<char> &value)
{
	kp_bytes_encode(out, tag, {reinterpret_cast<const uint8_t *>(value.data()), value.size()});
}

inline bool take(reader &in, unsigned tag, kp_need need, bool &ret)
{
	return kp_bool_decode(in.get(), tag, need, &ret);
}
inline bool take(reader &in, unsigned tag, kp_need need, int8_t &ret)
{
	return kp_i8_decode(in.get(), tag, need, &ret);
}
inline bool take(reader &in, unsigned tag, kp_need need, int16_t &ret)
{
	return kp_i16_decode(in.get(), tag, need, &ret);
}
inline bool take(reader &in, unsigned tag, kp_need need, int32_t &ret)
{
	return kp_i32_decode(in.get(), tag, need, &ret);
}
inline bool take(reader &in, unsigned tag, kp_need need, int64_t &ret)
{
	return kp_i64_decode(in.get(), tag, need, &ret);
}
inline bool take(reader &in, unsigned tag, kp_need need, uint8_t &ret)
{
	return kp_u8_decode(in.get(), tag, need, &ret);
}
inline bool take(reader &in, unsigned tag, kp_need need, uint16_t &ret)
{
	return kp_u16_decode(in.get(), tag, need, &ret);
}
inline bool take(reader &in, unsigned tag, kp_need need, uint32_t &ret)
{
	return kp_u32_decode(in.get(), tag, need, &ret);
}
inline bool take(reader &in, unsigned tag, kp_need need, float &ret)
{
	return kp_f32_decode(in.get(), tag, need, &ret);
}
inline bool take(reader &in, unsigned tag, kp_need need, double &ret)
{
	return kp_f64_decode(in.get(), tag, need, &ret);
}
inline bool take(reader &in, unsigned tag, kp_need need, std::string &ret)
{
	struct kp_str text = {};
	if (!kp_str_decode(in.get(), tag, need, &text) || !in.charge(text.len))
		return false;
	ret.assign(text_of(text));
	return true;
}
inline bool take(reader &in, unsigned tag, kp_need need, std::vector<char> &ret)
{
	struct kp_bytes bytes = {};
	if (!kp_bytes_decode(in.get(), tag, need, &bytes) || !in.charge(bytes.len))
		return false;
	ret.assign(bytes.ptr, bytes.ptr + bytes.len);
	return true;
}

} // namespace detail

// encode appends one field, of any type.
template <class T> void encode(struct kp_buf *out, unsigned tag, const T &value)
{
	if constexpr (std::is_enum_v<T>) {
		detail::put(out, tag, static_cast<int32_t>(value));
	} else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string> ||
	                     std::is_same_v<T, std::vector<char>>) {
		detail::put(out, tag, value);
	} else if constexpr (detail::is_vector<T>::value) {
		kp_list_begin(out, tag, value.size());
		for (const typename T::value_type &item : value)
			encode(out, 0, item);
	} else if constexpr (detail::is_map<T>::value) {
		kp_map_begin(out, tag, value.size());
		for (const typename T::value_type &entry : value) {
			encode(out, 0, entry.first);
			encode(out, 1, entry.second);
		}
	} else {
		kp_struct_begin(out, tag);
		encode_fields(out, value);
		kp_struct_end(out);
	}
}

// decode looks for a field and writes `ret` when it is there, as kp_i32_decode does. Of two equal
// keys of a map the later one counts. A struct that is absent or broken may be partly written.
template <class T> bool decode(reader &in, unsigned tag, kp_need need, T &ret)
{
	if constexpr (std::is_enum_v<T>) {
		int32_t number = 0;
		if (!detail::take(in, tag, need, number))
			return false;
		ret = static_cast<T>(number);
	} else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string> ||
	                     std::is_same_v<T, std::vector<char>>) {
		return detail::take(in, tag, need, ret);
	} else if constexpr (detail::is_vector<T>::value) {
		using item_type = typename T::value_type;
		size_t count = 0;
		if (!kp_list_enter(in.get(), tag, need, &count))
			return false;
		ret.clear();
		ret.reserve(std::min(count, 4096 / sizeof(item_type) + 1));
		for (size_t i = 0; i < count && in.charge(sizeof(item_type)); i++) {
			item_type item{};
			if (decode(in, 0, KP_REQUIRED, item))
				ret.push_back(std::move(item));
		}
		kp_list_leave(in.get());
	} else if constexpr (detail::is_map<T>::value) {
		size_t count = 0;
		if (!kp_map_enter(in.get(), tag, need, &count))
			return false;
		ret.clear();
		for (size_t i = 0; i < count && in.charge(sizeof(typename T::value_type) + 64);
		     i++) {
			typename T::key_type key{};
			typename T::mapped_type value{};
			if (decode(in, 0, KP_REQUIRED, key) && decode(in, 1, KP_REQUIRED, value))
				ret.insert_or_assign(std::move(key), std::move(value));
		}
		kp_list_leave(in.get());
	} else {
		if (!kp_struct_enter(in.get(), tag, need))
			return false;
		ret = T{};
		decode_fields(in, ret);
		kp_struct_leave(in.get());
	}
	return static_cast<bool>(in);
}

namespace detail
{

// bytes is a kp_buf that frees itself.
struct bytes {
	bytes() = default;
	bytes(const bytes &) = delete;
	bytes &operator=(const bytes &) = delete;

	~bytes()
	{
		kp_buf_fini(&buf);
	}

	struct kp_buf buf = {};
};

template <class View, class T>
kp_err to_view(const T &value, struct kp_arena *arena, View *ret,
               bool (*decode_view)(struct kp_decoder *, unsigned, kp_need, View *))
{
	bytes out;
	encode(&out.buf, 0, value);
	struct kp_str copy = kp_arena_str(arena, kp_buf_str(&out.buf));
	if (out.buf.err != KP_OK || !copy.ptr)
		return out.buf.err != KP_OK ? out.buf.err : KP_ERR_NOMEM;
	struct kp_decoder in =
	        kp_decoder({reinterpret_cast<const uint8_t *>(copy.ptr), copy.len}, arena);
	decode_view(&in, 0, KP_REQUIRED, ret);
	return in.err;
}

template <class View, class T>
kp_err from_view(const View *view, T &ret,
                 void (*encode_view)(struct kp_buf *, unsigned, const View *))
{
	bytes out;
	encode_view(&out.buf, 0, view);
	if (out.buf.err != KP_OK)
		return out.buf.err;
	struct kp_arena *arena = kp_arena_new(0);
	if (!arena)
		return KP_ERR_NOMEM;
	struct kp_decoder in = kp_decoder(kp_buf_bytes(&out.buf), arena);
	reader from(&in);
	decode(from, 0, KP_REQUIRED, ret);
	kp_arena_free(arena);
	return in.err;
}

template <class View, class T>
std::string print(const T &value,
                  bool (*decode_view)(struct kp_decoder *, unsigned, kp_need, View *),
                  void (*print_view)(const View *, struct kp_buf *))
{
	bytes out;
	View view;
	struct kp_arena *arena = kp_arena_new(0);
	if (arena && to_view(value, arena, &view, decode_view) == KP_OK)
		print_view(&view, &out.buf);
	kp_arena_free(arena);
	return std::string(text_of(kp_buf_str(&out.buf)));
}

inline const char *name_of(const struct kp_enum_type &type, int32_t number)
{
	for (size_t i = 0; i < type.value_count; i++)
		if (type.values[i].value == number)
			return type.values[i].name;
	return nullptr;
}

} // namespace detail

} // namespace kipp
