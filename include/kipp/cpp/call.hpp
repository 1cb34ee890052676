// call.hpp - clients, and the scopes that calls are made in.
#pragma once

#include "kipp/client.h"
#include "kipp/cpp/result.hpp"

#include <memory>

namespace kipp
{

template <class A> class later;
template <class A> class pending;
class request;

// call is a handle on a kp_call that somebody else owns: a handler's request, or a scope. What it
// returns as text are views that live as long as the handler's call, or until the scope's next one.
class call
{
      public:
	explicit call(struct kp_call *raw, bool is_scope = false) : raw_(raw), is_scope_(is_scope)
	{
	}

	call(const call &) = delete;
	call &operator=(const call &) = delete;

	struct kp_call *get() const
	{
		return raw_;
	}

	// For the calls made from here; see kipp/call.h.
	void set_timeout(int timeout_ms)
	{
		kp_call_set_timeout(raw_, timeout_ms);
	}

	void set_priority(int priority)
	{
		kp_call_set_priority(raw_, priority);
	}

	void set_hash(uint32_t hash)
	{
		kp_call_set_hash(raw_, hash);
	}

	void set_key(std::string_view key)
	{
		kp_call_set_key(raw_, view_of(key));
	}

	kp_err set_context(std::string_view key, std::string_view value)
	{
		return kp_call_set_context(raw_, view_of(key), view_of(value));
	}

	// context is a pair that came in: with the request, or with the scope's last answer.
	std::string_view context(std::string_view key) const
	{
		return text_of(kp_call_context(raw_, view_of(key)));
	}

	// What follows is for handlers.
	kp_err set_answer_context(std::string_view key, std::string_view value)
	{
		return kp_call_answer_context(raw_, view_of(key), view_of(value));
	}

	// fail answers with iRet `code`, whatever the handler returns.
	void fail(int code, std::string_view text)
	{
		kp_call_fail(raw_, code, "%.*s", static_cast<int>(text.size()), text.data());
	}

	bool is_cancelled() const
	{
		return kp_call_is_cancelled(raw_);
	}

	bool is_oneway() const
	{
		return kp_call_is_oneway(raw_);
	}

	std::string_view servant() const
	{
		return text_of(kp_call_servant(raw_));
	}

	std::string_view function() const
	{
		return text_of(kp_call_function(raw_));
	}

	std::string_view peer() const
	{
		return text_of(kp_call_peer(raw_));
	}

	kp_err sleep(int duration_ms)
	{
		return kp_call_sleep(raw_, duration_ms);
	}

	// is_deferred tells whether a kipp::later was made of it.
	bool is_deferred() const
	{
		return is_deferred_;
	}

      protected:
	struct kp_call *raw_;

      private:
	template <class A> friend class later;
	template <class A> friend class pending;
	friend class request;

	// make_room frees what the calls of a scope have left behind, whose values are copies. The
	// calls of a handler share the memory of its request and end with it.
	void make_room()
	{
		if (is_scope_ && pendings_ == 0)
			kp_call_reset(raw_);
	}

	bool is_scope_;
	bool is_deferred_ = false;
	int pendings_ = 0;
};

// client is a kp_client, its own or an app's.
class client
{
      public:
#if KIPP_EXCEPTIONS
	explicit client(const struct kp_client_options &options = {})
	    : client(open(options).value())
	{
	}
#endif

	static result<client> open(const struct kp_client_options &options = {})
	{
		struct kp_client *raw = nullptr;
		struct kp_why why = {};
		kp_err err = kp_client_open(&options, &raw, &why);
		if (err != KP_OK)
			return failure{err, 0, why.text[0] ? why.text : kp_err_text(err)};
		return client(raw, true);
	}

	// borrow makes a handle on a client that somebody else closes.
	static client borrow(struct kp_client *raw)
	{
		return client(raw, false);
	}

	struct kp_client *get() const
	{
		return raw_.get();
	}

	kp_err drive(int timeout_ms) const
	{
		return kp_client_drive(get(), timeout_ms);
	}

	kp_err listen(int duration_ms) const
	{
		return kp_client_listen(get(), duration_ms);
	}

      private:
	struct closer {
		bool is_owner;

		void operator()(struct kp_client *raw) const
		{
			if (is_owner)
				kp_client_close(raw);
		}
	};

	client(struct kp_client *raw, bool is_owner) : raw_(raw, closer{is_owner})
	{
	}

	std::unique_ptr<struct kp_client, closer> raw_;
};

// scope is a call of a client's own, for calls from outside a handler; one thread's at a time.
class scope : public call
{
      public:
#if KIPP_EXCEPTIONS
	explicit scope(const client &client) : scope(client, nullptr)
	{
		if (!raw_)
			kipp::fail(failure_of(KP_ERR_NOMEM));
	}
#endif

	// For those who live without exceptions: get() is NULL when out of memory.
	scope(const client &client, std::nullptr_t) : call(open(client), true)
	{
	}

	~scope()
	{
		kp_call_close(raw_);
	}

      private:
	static struct kp_call *open(const client &client)
	{
		struct kp_call *raw = nullptr;
		return kp_call_open(client.get(), &raw) == KP_OK ? raw : nullptr;
	}
};

} // namespace kipp
