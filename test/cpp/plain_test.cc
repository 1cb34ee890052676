// plain_test.cc - without exceptions everything is a result.
#include "Edge.hpp"

#include "check.hpp"

static_assert(KIPP_EXCEPTIONS == 0);

class adder : public Face::Edge
{
      public:
	echo_answer echo(kipp::call &, const All::Containers &containers,
	                 const All::Scalars &) override
	{
		return {containers, {}, {}};
	}

	int32_t add(kipp::call &, int32_t a, int32_t b) override
	{
		return a + b;
	}

	void note(kipp::call &, int32_t) override
	{
	}

	std::string raise(kipp::call &call, int32_t what, const std::string &text) override
	{
		if (what != 0)
			call.fail(what, text);
		return text;
	}

	std::string waitInCatch(kipp::call &call, int32_t ms, const std::string &text) override
	{
		(void)call.sleep(ms);
		return text;
	}

	std::string waitWhileThrowing(kipp::call &, int32_t, const std::string &text) override
	{
		return text;
	}

	std::string answerLater(kipp::call &call, const std::string &text) override
	{
		kipp::later<std::string> later(call);
		later.answer(text);
		return "ignored";
	}

	int32_t forget(kipp::call &call, int32_t) override
	{
		kipp::later<int32_t> later(call);
		return 0;
	}

	int32_t relay(kipp::call &, const std::string &, int32_t) override
	{
		return 0;
	}

	int32_t sum(kipp::call &, const std::string &, const std::vector<int32_t> &) override
	{
		return 0;
	}
};

static void calls_give_results()
{
	kipp::result<kipp::server> opened = kipp::server::open();
	CHECK(opened.ok());
	kipp::server server = std::move(opened).value();
	adder servant;
	struct kp_adapter_options options = {};
	options.endpoint = "nonsense";
	CHECK(server.listen_try(options).why().code == KP_ERR_INVALID);
	options.endpoint = "tcp -h 127.0.0.1 -p 0";
	int adapter = server.listen_try(options).value();
	CHECK(server.serve_try(adapter, "Face.Server.EdgeObj", servant).ok());
	CHECK(server.serve_try(adapter, "Face.Server.EdgeObj", servant).why().code ==
	      KP_ERR_EXISTS);
	CHECK(server.start_try().ok());

	kipp::client client = kipp::client::open().value();
	kipp::scope scope(client, nullptr);
	CHECK(scope.get());
	Face::EdgeProxy edge(client, "Face.Server.EdgeObj@" + server.endpoint(adapter));
	CHECK(edge.add_try(scope, 2, 40).value() == 42);
	CHECK(edge.note_try(scope, 1).ok());
	CHECK(edge.raise_try(scope, 7, "sold out").why().text == "sold out");
	CHECK(edge.answerLater_try(scope, "x").value() == "x");
	CHECK(edge.forget_try(scope, 0).why().ret == KP_RET_UNKNOWN);
	kipp::pending<int32_t> pending = edge.add_begin(scope, 1, 2);
	CHECK(pending.get_try().value() == 3);
	int sum = 0;
	CHECK(edge.add_async(3, 4, [&sum](kipp::result<int32_t> result) { sum = *result; }) ==
	      KP_OK);
	CHECK(client.drive(60000) == KP_OK && sum == 7);
	server.stop(60000);
}

int main()
{
	const named_test tests[] = {TEST(calls_give_results)};
	return run_tests(tests);
}
