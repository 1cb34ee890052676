// request.hpp - calls under way: waited for, pending, asynchronous, one-way, awaited.
#pragma once

#include "kipp/cpp/call.hpp"
#include "kipp/cpp/value.hpp"
#include "kipp/stub.h"

#include <array>
#include <new>
#include <vector>

#ifdef __cpp_impl_coroutine
#include <coroutine>
#endif

namespace kipp
{

namespace detail
{

// has_fields finds the answers that are more than one value: they know how to decode themselves.
template <class A, class = void> struct has_fields : std::false_type {
};
template <class A>
struct has_fields<
        A, std::void_t<decltype(decode_answer(std::declval<reader &>(), std::declval<A &>()))>>
    : std::true_type {
};

template <class A> result<A> read_answer(struct kp_decoder *raw)
{
	reader in(raw);
	A answer{};
	if constexpr (has_fields<A>::value)
		decode_answer(in, answer);
	else
		decode(in, 0, KP_REQUIRED, answer);
	if (!in)
		return failure{raw->err, 0,
		               std::string("the answer cannot be read: ") + kp_err_text(raw->err)};
	return answer;
}

template <> inline result<void> read_answer(struct kp_decoder *)
{
	return {};
}

// read_or_fail is read_answer where nothing may be thrown.
template <class A> result<A> read_or_fail(struct kp_decoder *in)
{
#if KIPP_EXCEPTIONS
	try {
		return read_answer<A>(in);
	} catch (const std::bad_alloc &) {
		return failure_of(KP_ERR_NOMEM);
	}
#else
	return read_answer<A>(in);
#endif
}

template <class A> result<A> answer_of(kp_err err, struct kp_decoder *in, struct kp_call *call)
{
	if (err == KP_OK)
		return read_answer<A>(in);
	std::string text(text_of(kp_call_reason(call)));
	return failure{err, kp_call_ret(call), text.empty() ? kp_err_text(err) : text};
}

// on_answer_of keeps a function that is called once; a small one in the request itself.
template <class A, class F> struct on_answer_of {
	static constexpr bool is_small =
	        sizeof(F) <= 32 && alignof(F) <= alignof(void *) && std::is_trivially_copyable_v<F>;

	static void run(void *context, kp_err err, struct kp_decoder *in) noexcept
	{
		if constexpr (is_small) {
			(*static_cast<F *>(context))(result_of(context, err, in));
		} else {
			std::unique_ptr<F> function(*static_cast<F **>(context));
			(*function)(result_of(context, err, in));
		}
	}

	static result<A> result_of(const void *context, kp_err err, struct kp_decoder *in)
	{
		if (err == KP_OK)
			return read_or_fail<A>(in);
		failure why = failure_of(err);
		struct kp_str reason = {};
		why.ret = kp_answer_ret(context, &reason);
		if (reason.len > 0)
			why.text = text_of(reason);
		return why;
	}
};

} // namespace detail

// pending is a call that was begun. It ends with get() or get_try(), which wait if need be; one
// that is thrown away is cancelled. It does not outlive its call or scope, and stays on its thread.
template <class A> class [[nodiscard]] pending
{
      public:
	pending(struct kp_request *raw, call &call, kp_err err) : raw_(raw), call_(&call), err_(err)
	{
		if (raw_)
			call_->pendings_++;
	}

	pending(pending &&other) noexcept
	    : raw_(std::exchange(other.raw_, nullptr)), call_(other.call_), err_(other.err_)
	{
	}

	pending &operator=(pending &&other) noexcept
	{
		if (this != &other) {
			cancel();
			raw_ = std::exchange(other.raw_, nullptr);
			call_ = other.call_;
			err_ = other.err_;
		}
		return *this;
	}

	~pending()
	{
		cancel();
	}

	// get_try takes the answer; a second time there is none (STATE).
	result<A> get_try()
	{
		if (!raw_)
			return failure_of(std::exchange(err_, KP_ERR_STATE));
		err_ = KP_ERR_STATE;
		struct kp_decoder in;
		kp_err err = kp_request_end(forget(), &in);
		return detail::answer_of<A>(err, &in, call_->get());
	}

#if KIPP_EXCEPTIONS
	A get()
	{
		return get_try().value();
	}
#endif

	void cancel() noexcept
	{
		if (raw_)
			kp_request_cancel(forget());
		err_ = KP_ERR_CANCELLED;
	}

	// raw is for the joins; NULL when the call could not begin or has ended.
	struct kp_request *raw() const
	{
		return raw_;
	}

      private:
	struct kp_request *forget()
	{
		call_->pendings_--;
		return std::exchange(raw_, nullptr);
	}

	struct kp_request *raw_;
	call *call_;
	kp_err err_; // of a call that could not begin
};

// join_all waits until all are done, well or badly; each then says how by get(). TIMEOUT: the time
// was up first (0: no limit but their own), and what was not done ends with TIMEOUT.
inline kp_err join_all(call &call, struct kp_request **requests, size_t count, int timeout_ms)
{
	kp_err err = kp_join_all(call.get(), requests, count, timeout_ms, nullptr);
	return err == KP_ERR_NOTFOUND ? KP_OK : err;
}

template <class... A> kp_err join_all(call &call, int timeout_ms, pending<A> &...pendings)
{
	std::array<struct kp_request *, sizeof...(A)> raws = {pendings.raw()...};
	return join_all(call, raws.data(), raws.size(), timeout_ms);
}

namespace detail
{

template <class A> std::vector<struct kp_request *> raws_of(const std::vector<pending<A>> &pendings)
{
	std::vector<struct kp_request *> raws;
	raws.reserve(pendings.size());
	for (const pending<A> &one : pendings)
		raws.push_back(one.raw());
	return raws;
}

using join = kp_err (*)(struct kp_call *, struct kp_request **, size_t, int, size_t *);

inline result<size_t> join_one(join join, call &call, struct kp_request **requests, size_t count,
                               int timeout_ms)
{
	size_t index = 0;
	kp_err err = join(call.get(), requests, count, timeout_ms, &index);
	if (err != KP_OK)
		return failure_of(err);
	return index;
}

} // namespace detail

template <class A> kp_err join_all(call &call, int timeout_ms, std::vector<pending<A>> &pendings)
{
	std::vector<struct kp_request *> raws = detail::raws_of(pendings);
	return join_all(call, raws.data(), raws.size(), timeout_ms);
}

// join_any waits for one of them and says which. Those that could not begin or have ended do not
// count; NOTFOUND: there are only such.
template <class A>
result<size_t> join_any(call &call, int timeout_ms, std::vector<pending<A>> &pendings)
{
	std::vector<struct kp_request *> raws = detail::raws_of(pendings);
	return detail::join_one(kp_join_any, call, raws.data(), raws.size(), timeout_ms);
}

template <class... A> result<size_t> join_any(call &call, int timeout_ms, pending<A> &...pendings)
{
	std::array<struct kp_request *, sizeof...(A)> raws = {pendings.raw()...};
	return detail::join_one(kp_join_any, call, raws.data(), raws.size(), timeout_ms);
}

// join_good waits for one that went well and says which. If none does, it says why the last did
// not.
template <class A>
result<size_t> join_good(call &call, int timeout_ms, std::vector<pending<A>> &pendings)
{
	std::vector<struct kp_request *> raws = detail::raws_of(pendings);
	return detail::join_one(kp_join_good, call, raws.data(), raws.size(), timeout_ms);
}

template <class... A> result<size_t> join_good(call &call, int timeout_ms, pending<A> &...pendings)
{
	std::array<struct kp_request *, sizeof...(A)> raws = {pendings.raw()...};
	return detail::join_one(kp_join_good, call, raws.data(), raws.size(), timeout_ms);
}

// request is a call that generated code has opened and is about to send, in one of four ways.
class request
{
      public:
	request(struct kp_proxy *proxy, call *call, std::string_view function) : call_(call)
	{
		if (call_)
			call_->make_room();
		err_ = kp_request_open(proxy, call_ ? call_->get() : nullptr, view_of(function),
		                       &raw_);
	}

	request(const request &) = delete;
	request &operator=(const request &) = delete;

	// body is where the parameters go; NULL when there is no request.
	struct kp_buf *body() const
	{
		return raw_ ? kp_request_body(raw_) : nullptr;
	}

	template <class A> result<A> wait()
	{
		if (!raw_)
			return failure_of(err_);
		struct kp_decoder in;
		kp_err err = kp_request_wait(raw_, &in);
		return detail::answer_of<A>(err, &in, call_->get());
	}

	template <class A> pending<A> begin()
	{
		struct kp_request *begun = nullptr;
		if (raw_)
			err_ = kp_request_begin(raw_, &begun);
		return pending<A>(begun, *call_, err_);
	}

	// async has `function` called once with the result, which must not throw; unless async
	// itself fails.
	template <class A, class F> kp_err async(F &&function)
	{
		using kept = std::decay_t<F>;
		using on_answer = detail::on_answer_of<A, kept>;
		if (!raw_)
			return err_;
		if constexpr (on_answer::is_small) {
			kept copy(std::forward<F>(function));
			return kp_request_async(raw_, on_answer::run, &copy, sizeof(copy));
		} else {
			kept *copy = new kept(std::forward<F>(function));
			kp_err err = kp_request_async(raw_, on_answer::run, &copy, sizeof(copy));
			if (err != KP_OK)
				delete copy;
			return err;
		}
	}

	kp_err oneway()
	{
		return raw_ ? kp_request_oneway(raw_) : err_;
	}

	kp_err err() const
	{
		return err_;
	}

      private:
	struct kp_request *raw_ = nullptr;
	call *call_;
	kp_err err_;
};

#ifdef __cpp_impl_coroutine

// awaitable is what `co_await hello.say_await("bob")` waits for; it gives a result. The coroutine
// goes on where callbacks run: on a fiber of the thread that awaited, which drives its client or is
// a server's.
template <class A, class Start> class [[nodiscard]] awaitable
{
      public:
	explicit awaitable(Start start) : start_(std::move(start))
	{
	}

	bool await_ready() const noexcept
	{
		return false;
	}

	bool await_suspend(std::coroutine_handle<> waiting)
	{
		kp_err err = start_([this, waiting](result<A> answer) {
			answer_ = std::move(answer);
			waiting.resume();
		});
		if (err != KP_OK)
			answer_ = failure_of(err);
		return err == KP_OK;
	}

	result<A> await_resume()
	{
		return std::move(answer_);
	}

      private:
	Start start_;
	result<A> answer_ = failure_of(KP_ERR_STATE);
};

// detached is a coroutine that nobody waits for. It must not throw.
struct detached {
	struct promise_type {
		detached get_return_object() noexcept
		{
			return {};
		}

		std::suspend_never initial_suspend() noexcept
		{
			return {};
		}

		std::suspend_never final_suspend() noexcept
		{
			return {};
		}

		void return_void() noexcept
		{
		}

		void unhandled_exception() noexcept
		{
			std::terminate();
		}
	};
};

#endif

} // namespace kipp
