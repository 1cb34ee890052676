// coroutine_test.cc - awaiting calls, on a plain thread and in a server.
#include "edge.hpp"

static kipp::detached add_three(const Face::EdgeProxy edge, int &sum, std::string &failure)
{
	sum = (co_await edge.add_await(1, 2)).value();
	sum = (co_await edge.add_await(sum, 3)).value();
	kipp::result<std::string> result = co_await edge.raise_await(1, "sold out");
	failure = kp_err_name(result.why().code);
	sum = (co_await edge.add_await(sum, 4)).value();
}

static void a_coroutine_goes_on_with_each_answer()
{
	world world(1);
	int sum = 0;
	std::string failure;
	add_three(world.proxy(), sum, failure);
	CHECK(sum == 0);
	CHECK(world.client.drive(60000) == KP_OK);
	CHECK(sum == 10 && failure == "SERVER");
}

static kipp::detached count_answers(const Face::EdgeProxy edge, int &count)
{
	for (int i = 0; i < 10; i++)
		count += (co_await edge.raise_await(0, std::to_string(i))).value() ==
		         std::to_string(i);
}

static void many_coroutines_run_at_once()
{
	world world(2);
	int count = 0;
	for (int i = 0; i < 100; i++)
		count_answers(world.proxy(), count);
	CHECK(world.client.drive(60000) == KP_OK);
	CHECK(count == 1000);
}

static kipp::detached fail_at_once(const kipp::client &client, kp_err &err)
{
	Face::EdgeProxy edge(client, "no object at all@");
	err = (co_await edge.add_await(1, 2)).why().code;
}

static void a_call_that_cannot_start_does_not_wait()
{
	kipp::client client;
	kp_err err = KP_OK;
	fail_at_once(client, err);
	CHECK(client.drive(60000) == KP_OK);
	CHECK(err == KP_ERR_INVALID);
}

int main()
{
	const named_test tests[] = {
	        TEST(a_coroutine_goes_on_with_each_answer),
	        TEST(many_coroutines_run_at_once),
	        TEST(a_call_that_cannot_start_does_not_wait),
	};
	return run_tests(tests);
}
