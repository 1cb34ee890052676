// result.hpp - what a call gives: a value, or why there is none.
//
// Everything that can fail comes in two forms: one that throws kipp::error and one, named _try,
// that returns a kipp::result. Without exceptions (-fno-exceptions, or KIPP_NO_EXCEPTIONS defined
// before any header of Kipp) there is only the second. All of a program chooses the same.
#pragma once

#include "kipp/err.h"
#include "kipp/str.h"

#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#if defined(__cpp_exceptions) && !defined(KIPP_NO_EXCEPTIONS)
#define KIPP_EXCEPTIONS 1
#else
#define KIPP_EXCEPTIONS 0
#endif

namespace kipp
{

// view_of and text_of turn texts into those of the other language; nothing is copied.
inline struct kp_str view_of(std::string_view text)
{
	return {text.data(), text.size()};
}

inline std::string_view text_of(struct kp_str text)
{
	return text.len ? std::string_view(text.ptr, text.len) : std::string_view();
}

// failure is why a call gave nothing.
struct failure {
	kp_err code = KP_ERR_SERVER; // the framework's outcome
	int ret = 0;                 // iRet of the answer, where one came
	std::string text;            // the answer's own words, or the framework's
};

// error is a failure that is thrown. A handler that throws error(7, "sold out") answers iRet 7 with
// that text. One that lets a failed call's error pass answers -99, and 1 to 2147483647 as they came
// from an application: what the framework of another server said of itself is not said again.
class error : public std::exception
{
      public:
	error(int ret, std::string text) : why_{KP_ERR_SERVER, ret, std::move(text)}, answer_(ret)
	{
	}

	explicit error(failure why) : why_(std::move(why)), answer_(why_.ret > 0 ? why_.ret : -99)
	{
	}

	const char *what() const noexcept override
	{
		return why_.text.c_str();
	}

	kp_err code() const noexcept
	{
		return why_.code;
	}

	int ret() const noexcept
	{
		return why_.ret;
	}

	const failure &why() const noexcept
	{
		return why_;
	}

	// answer is the iRet that a handler answers with when it throws this.
	int answer() const noexcept
	{
		return answer_;
	}

      private:
	failure why_;
	int answer_;
};

// fail throws, or ends the program where nothing can be thrown: a value was asked for that is not
// there.
[[noreturn]] inline void fail(failure why)
{
#if KIPP_EXCEPTIONS
	throw error(std::move(why));
#else
	(void)why;
	std::abort();
#endif
}

inline failure failure_of(kp_err err)
{
	return {err, 0, kp_err_text(err)};
}

// result holds a T or a failure. value() of a failure throws it.
template <class T> class [[nodiscard]] result
{
      public:
	result(T value) : held_(std::in_place_index<1>, std::move(value))
	{
	}

	result(failure why) : held_(std::in_place_index<0>, std::move(why))
	{
	}

	bool ok() const noexcept
	{
		return held_.index() == 1;
	}

	explicit operator bool() const noexcept
	{
		return ok();
	}

	T &value() &
	{
		check();
		return *std::get_if<1>(&held_);
	}

	const T &value() const &
	{
		check();
		return *std::get_if<1>(&held_);
	}

	T value() &&
	{
		check();
		return std::move(*std::get_if<1>(&held_));
	}

	T &operator*() &
	{
		return value();
	}

	T *operator->()
	{
		return &value();
	}

	const T *operator->() const
	{
		return &value();
	}

	// why is the failure; only when there is one.
	const failure &why() const
	{
		if (ok())
			std::abort();
		return *std::get_if<0>(&held_);
	}

      private:
	void check() const
	{
		if (!ok())
			fail(why());
	}

	std::variant<failure, T> held_;
};

template <> class [[nodiscard]] result<void>
{
      public:
	result() = default;

	result(failure why) : why_(std::move(why)), is_ok_(false)
	{
	}

	bool ok() const noexcept
	{
		return is_ok_;
	}

	explicit operator bool() const noexcept
	{
		return is_ok_;
	}

	void value() const
	{
		if (!is_ok_)
			fail(why_);
	}

	const failure &why() const
	{
		if (is_ok_)
			std::abort();
		return why_;
	}

      private:
	failure why_;
	bool is_ok_ = true;
};

} // namespace kipp
