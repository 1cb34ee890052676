// call_test.cc - calls, errors, fan-out and late answers, with exceptions.
#include "edge.hpp"

static void every_type_goes_there_and_back()
{
	world world(1);
	kipp::scope scope(world.client);
	auto [ret, tree, defaults] =
	        world.proxy().echo(scope, some_containers(), some_scalars(true));
	CHECK(ret == some_containers());
	CHECK(tree == some_tree(5) && defaults == All::Defaults());
	CHECK(world.proxy().add(scope, INT32_MAX, 0) == INT32_MAX);
	CHECK(world.proxy().raise(scope, 0, std::string(100000, 'y')).size() == 100000);
}

static void expect_failure(const kipp::result<std::string> &result, kp_err code, int ret,
                           const char *text)
{
	CHECK(!result.ok());
	CHECK(result.why().code == code && result.why().ret == ret);
	CHECK(result.why().text == text);
}

static void what_a_handler_throws_is_what_its_caller_gets()
{
	world world(1);
	kipp::scope scope(world.client);
	Face::EdgeProxy edge = world.proxy();
	expect_failure(edge.raise_try(scope, 1, "sold out"), KP_ERR_SERVER, 7, "sold out");
	expect_failure(edge.raise_try(scope, 2, "100 %s"), KP_ERR_SERVER, -99, "100 %s");
	expect_failure(edge.raise_try(scope, 3, ""), KP_ERR_SERVER, -99,
	               "the handler threw something unknown");
	expect_failure(edge.raise_try(scope, 4, "busy"), KP_ERR_OVERLOAD, -9, "busy");
	expect_failure(edge.raise_try(scope, 5, "failed"), KP_ERR_SERVER, 8, "failed");
	expect_failure(edge.raise_try(scope, 6, ""), KP_ERR_SERVER, -99, "std::bad_alloc");
	CHECK(edge.raise_try(scope, 0, "fine").value() == "fine");
	try {
		(void)edge.raise(scope, 1, "sold out");
		CHECK(false);
	} catch (const kipp::error &error) {
		CHECK(error.code() == KP_ERR_SERVER && error.ret() == 7);
		CHECK(std::string(error.what()) == "sold out");
	}
}

static void what_a_server_below_said_of_itself_is_not_said_again()
{
	world below(1), world(1);
	kipp::scope scope(world.client);
	Face::EdgeProxy edge = world.proxy();
	// An application's own number passes, a framework's does not.
	kipp::result<int32_t> result = edge.relay_try(scope, below.object, 1);
	CHECK(result.why().ret == 7 && result.why().text == "from below");
	result = edge.relay_try(scope, below.object, 4);
	CHECK(result.why().ret == -99 && result.why().code == KP_ERR_SERVER);
	result = edge.relay_try(scope, "Face.Server.NobodyObj@tcp -h 127.0.0.1 -p 1", 0);
	CHECK(result.why().ret == -99);
	CHECK(edge.relay(scope, below.object, 0) == 0);
}

static void calls_that_reach_nobody_say_so()
{
	world world(1);
	kipp::scope scope(world.client);
	Face::EdgeProxy nobody(world.client, "Face.Server.EdgeObj@tcp -h 127.0.0.1 -p 1");
	kipp::result<int32_t> result = nobody.add_try(scope, 1, 2);
	CHECK(result.why().code == KP_ERR_CONNECT && result.why().ret == 0);
	CHECK(!result.why().text.empty());
	Face::EdgeProxy wrong(world.client, "no object at all@");
	CHECK(wrong.add_try(scope, 1, 2).why().code == KP_ERR_INVALID);
	kipp::pending<int32_t> pending = nobody.add_begin(scope, 1, 2);
	CHECK(!pending.get_try().ok());
	CHECK(pending.get_try().why().code == KP_ERR_STATE);
}

static void fibers_may_wait_in_catch_blocks()
{
	world world(1);
	kipp::scope scope(world.client);
	Face::EdgeProxy edge = world.proxy();
	std::vector<kipp::pending<std::string>> pendings;
	for (int i = 0; i < 200; i++) {
		std::string text = "exception " + std::to_string(i);
		pendings.push_back(i % 2 ? edge.waitInCatch_begin(scope, i % 7 + 1, text)
		                         : edge.waitWhileThrowing_begin(scope, i % 5 + 1, text));
		if (i % 3 == 0)
			CHECK(edge.raise_begin(scope, 2, text).get_try().why().text == text);
	}
	for (int i = 0; i < 200; i++)
		CHECK(pendings[i].get() == "exception " + std::to_string(i));
}

static void a_thread_may_call_from_a_catch_block()
{
	world world(1);
	kipp::scope scope(world.client);
	Face::EdgeProxy edge = world.proxy();
	int heard = 0;
	try {
		throw std::runtime_error("outer");
	} catch (const std::exception &outer) {
		CHECK(edge.raise_async(2, "inner", [&heard](kipp::result<std::string> result) {
			try {
				(void)result.value();
			} catch (const kipp::error &) {
				heard++;
			}
		}) == KP_OK);
		CHECK(world.client.drive(60000) == KP_OK);
		CHECK(edge.add(scope, 1, 2) == 3);
		CHECK(std::string(outer.what()) == "outer");
		try {
			throw;
		} catch (const std::runtime_error &again) {
			CHECK(std::string(again.what()) == "outer");
		}
	}
	CHECK(heard == 1 && std::uncaught_exceptions() == 0);
}

// expect_raised checks what became of the call `what` to raise.
static void expect_raised(int what, const std::string &text, const kp_err code, int ret,
                          const std::string &said)
{
	static const int rets[] = {0, 7, -99, -99, -9, 8, -99};
	CHECK(ret == rets[what]);
	CHECK(code == (what == 0 ? KP_OK : what == 4 ? KP_ERR_OVERLOAD : KP_ERR_SERVER));
	if (what != 3 && what != 6)
		CHECK(said == text);
}

static void a_thousand_handlers_throw_at_once(int threads, int pool_threads)
{
	world world(threads, pool_threads);
	kipp::scope scope(world.client);
	Face::EdgeProxy edge = world.proxy();
	std::vector<kipp::pending<std::string>> pendings;
	int heard = 0;
	for (int i = 0; i < 1000; i++) {
		std::string text = std::to_string(i);
		pendings.push_back(edge.raise_begin(scope, i % 7, text));
		auto on_answer = [&heard, text, i](kipp::result<std::string> result) {
			if (result.ok())
				expect_raised(i % 7, text, KP_OK, 0, *result);
			else
				expect_raised(i % 7, text, result.why().code, result.why().ret,
				              result.why().text);
			heard++;
		};
		CHECK(edge.raise_async(i % 7, text, on_answer) == KP_OK);
	}
	for (int i = 0; i < 1000; i++) {
		kipp::result<std::string> result = pendings[i].get_try();
		if (result.ok())
			expect_raised(i % 7, std::to_string(i), KP_OK, 0, *result);
		else
			expect_raised(i % 7, std::to_string(i), result.why().code, result.why().ret,
			              result.why().text);
	}
	CHECK(world.client.drive(60000) == KP_OK);
	CHECK(heard == 1000);
}

static void a_thousand_handlers_throw_at_once_on_fibers()
{
	a_thousand_handlers_throw_at_once(2, 0);
}

static void a_thousand_handlers_throw_at_once_on_a_pool()
{
	a_thousand_handlers_throw_at_once(1, 4);
}

static void oneway_calls_arrive()
{
	world world(1);
	kipp::scope scope(world.client);
	for (int i = 0; i < 10; i++)
		CHECK(world.proxy().note_oneway(1) == KP_OK);
	world.proxy().note(scope, 90); // behind them on the same connection
	CHECK(world.servant.noted == 100);
}

static void late_answers_come_from_other_threads()
{
	world world(1);
	kipp::scope scope(world.client);
	Face::EdgeProxy edge = world.proxy();
	CHECK(edge.answerLater(scope, "than never") == "later than never");
	std::vector<kipp::pending<std::string>> pendings;
	for (int i = 0; i < 20; i++)
		pendings.push_back(edge.answerLater_begin(scope, std::to_string(i)));
	for (int i = 0; i < 20; i++)
		CHECK(pendings[i].get() == "later " + std::to_string(i));
}

static void a_late_answer_that_nobody_gives_is_an_error()
{
	world world(1);
	kipp::scope scope(world.client);
	for (int how = 0; how < 2; how++) {
		kipp::result<int32_t> result = world.proxy().forget_try(scope, how);
		CHECK(result.why().ret == -99 && result.why().text == "the server gave no answer");
	}
	kipp::result<int32_t> result = world.proxy().forget_try(scope, 2);
	CHECK(result.why().ret == 10 && result.why().text == "failed later");
}

static void handlers_fan_out()
{
	world world(1);
	kipp::scope scope(world.client);
	std::vector<int32_t> values;
	for (int i = 1; i <= 100; i++)
		values.push_back(i);
	CHECK(world.proxy().sum(scope, world.object, values) == 5050);
	CHECK(world.proxy().sum(scope, world.object, {}) == 0);
}

static void joins_wait_for_all_for_any_and_for_a_good_one()
{
	world world(1);
	kipp::scope scope(world.client);
	Face::EdgeProxy edge = world.proxy();
	kipp::pending<int32_t> add = edge.add_begin(scope, 1, 2);
	kipp::pending<std::string> raise = edge.raise_begin(scope, 1, "no");
	CHECK(kipp::join_all(scope, 0, add, raise) == KP_OK);
	CHECK(add.get() == 3 && raise.get_try().why().ret == 7);

	std::vector<kipp::pending<std::string>> pendings;
	pendings.push_back(edge.waitInCatch_begin(scope, 30000, "slow"));
	pendings.push_back(edge.raise_begin(scope, 0, "quick"));
	kipp::result<size_t> first = kipp::join_any(scope, 0, pendings);
	CHECK(first.value() == 1 && pendings[1].get() == "quick");
	pendings[1] = edge.raise_begin(scope, 1, "bad");
	pendings.push_back(edge.raise_begin(scope, 0, "good"));
	first = kipp::join_good(scope, 0, pendings);
	CHECK(first.value() == 2 && pendings[2].get() == "good");
	CHECK(kipp::join_all(scope, 1, pendings) == KP_ERR_TIMEOUT);
	CHECK(pendings[0].get_try().why().code == KP_ERR_TIMEOUT);
	pendings.clear();
	CHECK(kipp::join_any(scope, 0, pendings).why().code == KP_ERR_NOTFOUND);
	CHECK(kipp::join_all(scope, 0, pendings) == KP_OK);
	CHECK(edge.add(scope, 1, 1) == 2);
}

static void a_pending_call_that_is_thrown_away_is_cancelled()
{
	world world(1);
	kipp::scope scope(world.client);
	{
		kipp::pending<std::string> slow =
		        world.proxy().waitInCatch_begin(scope, 10000, "slow");
		kipp::pending<std::string> moved = std::move(slow);
		CHECK(moved.raw() && !slow.raw());
	}
	CHECK(world.proxy().add(scope, 1, 2) == 3);
}

static void a_scope_does_not_grow()
{
	world world(1);
	kipp::scope scope(world.client);
	std::string text(1 << 20, 'x');
	for (int i = 0; i < 300; i++) // more than an arena may hold
		CHECK(world.proxy().raise(scope, 0, text).size() == text.size());
}

int main()
{
	const named_test tests[] = {
	        TEST(every_type_goes_there_and_back),
	        TEST(what_a_handler_throws_is_what_its_caller_gets),
	        TEST(what_a_server_below_said_of_itself_is_not_said_again),
	        TEST(calls_that_reach_nobody_say_so),
	        TEST(fibers_may_wait_in_catch_blocks),
	        TEST(a_thread_may_call_from_a_catch_block),
	        TEST(a_thousand_handlers_throw_at_once_on_fibers),
	        TEST(a_thousand_handlers_throw_at_once_on_a_pool),
	        TEST(oneway_calls_arrive),
	        TEST(late_answers_come_from_other_threads),
	        TEST(a_late_answer_that_nobody_gives_is_an_error),
	        TEST(handlers_fan_out),
	        TEST(joins_wait_for_all_for_any_and_for_a_good_one),
	        TEST(a_pending_call_that_is_thrown_away_is_cancelled),
	        TEST(a_scope_does_not_grow),
	};
	return run_tests(tests);
}
