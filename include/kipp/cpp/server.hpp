// server.hpp - servants, and the programs that offer them.
//
// A servant is an object of a class made from an interface, whose functions are virtual. All loops
// of a server call the one object, at the same time when there are several.
#pragma once

#include "kipp/app.h"
#include "kipp/cpp/request.hpp"
#include "kipp/server.h"

namespace kipp
{

namespace detail
{

template <class A> void write_answer(struct kp_buf *out, const A &answer)
{
	if constexpr (has_fields<A>::value)
		encode_answer(out, answer);
	else
		encode(out, 0, answer);
}

template <class A, class F> void run_handler(call &call, struct kp_decoder *raw, F &&handler)
{
	reader in(raw);
	if constexpr (std::is_void_v<A>) {
		handler(call, in);
		if (in)
			kp_call_answer(call.get());
	} else {
		const A answer = handler(call, in);
		struct kp_buf *out = in ? kp_call_answer(call.get()) : nullptr;
		if (out)
			write_answer(out, answer);
	}
}

// handle runs a handler and answers with what it returns or throws. Nothing is thrown into the C
// code above it. `handler` decodes the arguments itself, and what it returns when it cannot does
// not count. A handler that throws after it deferred its call answers by its kipp::later alone.
template <class A, class F>
void handle(struct kp_call *raw, struct kp_decoder *in, F &&handler) noexcept
{
	call call(raw);
#if KIPP_EXCEPTIONS
	try {
		run_handler<A>(call, in, handler);
	} catch (const error &thrown) {
		if (!call.is_deferred())
			call.fail(thrown.answer(), thrown.what());
	} catch (const std::exception &thrown) {
		if (!call.is_deferred())
			call.fail(KP_RET_UNKNOWN, thrown.what());
	} catch (...) {
		if (!call.is_deferred())
			call.fail(KP_RET_UNKNOWN, "the handler threw something unknown");
	}
#else
	run_handler<A>(call, in, handler);
#endif
}

// with_dispatch is a row of an interface's table with another dispatch function.
inline struct kp_function with_dispatch(const struct kp_interface &interface, size_t index,
                                        kp_dispatch dispatch)
{
	struct kp_function function = interface.functions[index];
	function.dispatch = dispatch;
	return function;
}

} // namespace detail

// later answers a call after its handler has returned, once, from any thread: making one defers the
// call, and what the handler returns is ignored. One that is thrown away unanswered answers -99.
// The call itself is the handler's; only `later` may be kept.
template <class A> class later
{
      public:
	explicit later(call &call) : raw_(call.get())
	{
		kp_call_defer(raw_);
		call.is_deferred_ = true;
	}

	later(later &&other) noexcept : raw_(std::exchange(other.raw_, nullptr))
	{
	}

	later &operator=(later &&other) noexcept
	{
		if (this != &other) {
			give_up();
			raw_ = std::exchange(other.raw_, nullptr);
		}
		return *this;
	}

	~later()
	{
		give_up();
	}

	explicit operator bool() const noexcept
	{
		return raw_ != nullptr;
	}

	// answer does nothing when the call has been answered.
	template <class B = A> std::enable_if_t<!std::is_void_v<B>> answer(const B &answer)
	{
		struct kp_buf *out = raw_ ? kp_call_answer_late(raw_) : nullptr;
		if (out)
			detail::write_answer<A>(out, answer);
		done();
	}

	template <class B = A> std::enable_if_t<std::is_void_v<B>> answer()
	{
		if (raw_)
			kp_call_answer_late(raw_);
		done();
	}

	void fail(int code, std::string_view text)
	{
		if (raw_)
			call(raw_).fail(code, text);
		done();
	}

	bool is_cancelled() const
	{
		return !raw_ || kp_call_is_cancelled(raw_);
	}

      private:
	void done()
	{
		if (raw_)
			kp_call_done(std::exchange(raw_, nullptr));
	}

	void give_up()
	{
		if (raw_)
			fail(KP_RET_UNKNOWN, "the server gave no answer");
	}

	struct kp_call *raw_;
};

// app is a server program; see kipp/app.h. One that was opened is run.
class app
{
      public:
	// The command line's errors are told on stderr; then the app is false.
	app(int argc, char **argv)
	{
		if (kp_app_open(argc, argv, &raw_) != KP_OK)
			raw_ = nullptr;
	}

	app(const app &) = delete;
	app &operator=(const app &) = delete;

	explicit operator bool() const
	{
		return raw_ != nullptr;
	}

	struct kp_app *get() const
	{
		return raw_;
	}

	// serve offers a servant, which must live until run returns.
	template <class Servant> void serve(const char *object, Servant &servant)
	{
		typename Servant::kipp_servant *base = &servant;
		kp_app_serve(raw_, object, base->kipp_interface(), base, base);
	}

	// run serves until the program is asked to stop, and returns its exit code.
	int run()
	{
		return raw_ ? kp_app_run(std::exchange(raw_, nullptr)) : 1;
	}

	void stop()
	{
		kp_app_stop(raw_);
	}

	kipp::client client() const
	{
		return kipp::client::borrow(kp_app_client(raw_));
	}

	std::string_view config(const char *path) const
	{
		return text_of(kp_app_config(raw_, path));
	}

	void log(enum kp_log_level level, std::string_view text)
	{
		kp_app_log(raw_, level, "%.*s", static_cast<int>(text.size()), text.data());
	}

      private:
	struct kp_app *raw_ = nullptr;
};

// server offers servants without a platform around; see kipp/server.h.
class server
{
      public:
#if KIPP_EXCEPTIONS
	explicit server(const struct kp_server_options &options = {})
	    : server(open(options).value())
	{
	}
#endif

	static result<server> open(const struct kp_server_options &options = {})
	{
		struct kp_server *raw = nullptr;
		struct kp_why why = {};
		kp_err err = kp_server_open(&options, &raw, &why);
		if (err != KP_OK)
			return failure{err, 0, why.text[0] ? why.text : kp_err_text(err)};
		return server(raw);
	}

	struct kp_server *get() const
	{
		return raw_.get();
	}

	// listen_try adds an adapter and returns its number.
	result<int> listen_try(const struct kp_adapter_options &options)
	{
		int adapter = 0;
		struct kp_why why = {};
		kp_err err = kp_server_listen(get(), &options, &adapter, &why);
		if (err != KP_OK)
			return failure{err, 0, why.text[0] ? why.text : kp_err_text(err)};
		return adapter;
	}

	template <class Servant>
	result<void> serve_try(int adapter, const char *object, Servant &servant)
	{
		typename Servant::kipp_servant *base = &servant;
		return check(kp_server_serve(get(), adapter, object, base->kipp_interface(), base,
		                             base));
	}

	result<void> start_try()
	{
		return check(kp_server_start(get()));
	}

#if KIPP_EXCEPTIONS
	int listen(const struct kp_adapter_options &options)
	{
		return listen_try(options).value();
	}

	template <class Servant> void serve(int adapter, const char *object, Servant &servant)
	{
		serve_try(adapter, object, servant).value();
	}

	void start()
	{
		start_try().value();
	}
#endif

	std::string endpoint(int adapter) const
	{
		return kp_server_endpoint(get(), adapter);
	}

	void stop(int grace_ms)
	{
		kp_server_stop(get(), grace_ms);
	}

      private:
	struct closer {
		void operator()(struct kp_server *raw) const
		{
			kp_server_close(raw);
		}
	};

	explicit server(struct kp_server *raw) : raw_(raw)
	{
	}

	static result<void> check(kp_err err)
	{
		if (err != KP_OK)
			return failure_of(err);
		return {};
	}

	std::unique_ptr<struct kp_server, closer> raw_;
};

} // namespace kipp
