// edge.hpp - a servant that throws, waits and answers late, in a server of this process.
#pragma once

#include "Edge.hpp"

#include "check.hpp"
#include "some.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

// sleeper waits when it is destroyed, and keeps whether an exception was passing then.
class sleeper
{
      public:
	sleeper(kipp::call &call, int ms, int &passing) : call_(call), ms_(ms), passing_(passing)
	{
	}

	~sleeper()
	{
		(void)call_.sleep(ms_);
		passing_ = std::uncaught_exceptions();
	}

      private:
	kipp::call &call_;
	int ms_;
	int &passing_;
};

class edge : public Face::Edge
{
      public:
	explicit edge(const kipp::client &client) : client_(client)
	{
	}

	~edge() override
	{
		for (std::thread &thread : threads_)
			thread.join();
	}

	echo_answer echo(kipp::call &, const All::Containers &containers,
	                 const All::Scalars &scalars) override
	{
		CHECK(scalars == some_scalars(true));
		return {containers, some_tree(5), All::Defaults()};
	}

	int32_t add(kipp::call &, int32_t a, int32_t b) override
	{
		return a + b;
	}

	void note(kipp::call &, int32_t value) override
	{
		noted += value;
	}

	std::string raise(kipp::call &call, int32_t what, const std::string &text) override
	{
		switch (what) {
		case 0:
			return text;
		case 1:
			throw kipp::error(7, text);
		case 2:
			throw std::runtime_error(text);
		case 3:
			throw 5;
		case 4:
			throw kipp::error(KP_RET_OVERLOAD, text);
		case 5:
			call.fail(8, text);
			return "ignored";
		default:
			throw std::bad_alloc();
		}
	}

	std::string waitInCatch(kipp::call &call, int32_t ms, const std::string &text) override
	{
		try {
			try {
				throw std::runtime_error(text);
			} catch (const std::exception &first) {
				(void)call.sleep(ms);
				CHECK(first.what() == text);
				try {
					throw std::logic_error("inner " + text);
				} catch (const std::logic_error &) {
					(void)call.sleep(ms);
				}
				(void)call.sleep(ms);
				throw; // the exception of this fiber, whatever others did meanwhile
			}
		} catch (const std::runtime_error &last) {
			CHECK(std::uncaught_exceptions() == 0);
			return last.what();
		}
	}

	std::string waitWhileThrowing(kipp::call &call, int32_t ms,
	                              const std::string &text) override
	{
		int passing = -1;
		try {
			sleeper sleeper(call, ms, passing);
			throw std::runtime_error(text);
		} catch (const std::runtime_error &caught) {
			CHECK(passing == 1 && std::uncaught_exceptions() == 0);
			return caught.what();
		}
	}

	std::string answerLater(kipp::call &call, const std::string &text) override
	{
		kipp::later<std::string> later(call);
		std::lock_guard<std::mutex> guard(lock_);
		threads_.emplace_back([later = std::move(later), text]() mutable {
			later.answer("later " + text);
		});
		return "ignored";
	}

	int32_t forget(kipp::call &call, int32_t how) override
	{
		kipp::later<int32_t> later(call);
		if (how == 1)
			throw kipp::error(9, "nobody hears this");
		if (how == 2)
			later.fail(10, "failed later");
		return 1;
	}

	int32_t relay(kipp::call &call, const std::string &object, int32_t what) override
	{
		Face::EdgeProxy next(client_, object);
		(void)next.raise(call, what, "from below");
		return 0;
	}

	int32_t sum(kipp::call &call, const std::string &object,
	            const std::vector<int32_t> &values) override
	{
		Face::EdgeProxy self(client_, object);
		std::vector<kipp::pending<int32_t>> pendings;
		for (int32_t value : values)
			pendings.push_back(self.add_begin(call, value, 0));
		CHECK(kipp::join_all(call, 0, pendings) == KP_OK);
		int32_t sum = 0;
		for (kipp::pending<int32_t> &one : pendings)
			sum += one.get();
		return sum;
	}

	std::atomic<int> noted{0};

      private:
	const kipp::client &client_;
	std::mutex lock_;
	std::vector<std::thread> threads_;
};

// world is a server with the servant, and a client that knows where it is.
class world
{
      public:
	explicit world(int threads, int pool_threads = 0)
	    : servant(client), server(server_options(threads))
	{
		struct kp_adapter_options options = {};
		options.endpoint = "tcp -h 127.0.0.1 -p 0";
		options.pool_threads = pool_threads;
		int adapter = server.listen(options);
		server.serve(adapter, "Face.Server.EdgeObj", servant);
		server.start();
		object = "Face.Server.EdgeObj@" + server.endpoint(adapter);
	}

	~world()
	{
		server.stop(60000);
	}

	Face::EdgeProxy proxy() const
	{
		return Face::EdgeProxy(client, object);
	}

	static struct kp_client_options client_options()
	{
		struct kp_client_options options = {};
		options.timeout_ms = 60000;
		return options;
	}

	static struct kp_server_options server_options(int threads)
	{
		struct kp_server_options options = {};
		options.threads = threads;
		return options;
	}

	kipp::client client{client_options()};
	edge servant;
	kipp::server server;
	std::string object;
};
