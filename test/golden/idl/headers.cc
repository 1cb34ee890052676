// headers.cc - generated headers are C++17 too, in any order and more than once.
#include "everything.h"

#include "other.h"

#include "everything.h"
#include "other.hpp"

#include "everything.hpp"

#include "everything.hpp"

static int handle_add(kp_call *, int32_t a, int32_t b)
{
	return a + b;
}

// servant has exactly the functions of the interface.
class servant : public All::Service
{
      public:
	void nothing(kipp::call &) override
	{
	}

	void tell(kipp::call &, const std::string &) override
	{
	}

	int32_t add(kipp::call &, int32_t a, int32_t b) override
	{
		return a + b;
	}

	bool flip(kipp::call &, bool value) override
	{
		return !value;
	}

	echo_answer echo(kipp::call &, const All::Scalars &in,
	                 const std::vector<All::Level> &) override
	{
		return {in, in, {}};
	}

	bytes_answer bytes(kipp::call &, const std::string &,
	                   const std::vector<char> &data) override
	{
		return {data, 3};
	}

	points_answer points(kipp::call &, const std::map<int32_t, Other::Point> &points,
	                     Other::Colour) override
	{
		return {points, All::Level::Low};
	}

	delete__answer delete_(kipp::call &, uint8_t, int64_t) override
	{
		return {"proxy"};
	}

	key_answer key(kipp::call &, const std::vector<std::string> &, int8_t) override
	{
		return {};
	}

	proxy_answer proxy(kipp::call &, double x, double y) override
	{
		return {x, y};
	}

	int32_t add_end_(kipp::call &, int32_t value) override
	{
		return value;
	}
};

int main()
{
	servant servant;
	All::Tree tree;
	if (tree < tree || servant.kipp_interface()->function_count == 0)
		return All::Level::Low == All::Level::High;
	All_Service_ops ops = {};
	ops.add = handle_add;
	kp_str_All_Tree_map_entry entry = {};
	entry.value.leaf.id = All_LIMIT;
	return ops.add(nullptr, entry.value.leaf.id, All_Level_Low - 16);
}
