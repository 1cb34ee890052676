// some.hpp - values of every type, at their edges.
#pragma once

#include "everything.hpp"

#include <limits>

inline All::Scalars some_scalars(bool is_high)
{
	All::Scalars value;
	value.isOn = is_high;
	value.tiny = is_high ? INT8_MAX : INT8_MIN;
	value.small = is_high ? INT16_MAX : INT16_MIN;
	value.middle = is_high ? INT32_MAX : INT32_MIN;
	value.big = is_high ? INT64_MAX : INT64_MIN;
	value.utiny = is_high ? UINT8_MAX : 128;
	value.usmall = is_high ? UINT16_MAX : 32768;
	value.umiddle = is_high ? UINT32_MAX : 2147483648u;
	value.single = is_high ? std::numeric_limits<float>::max() : -0.5f;
	value.real = is_high ? std::numeric_limits<double>::infinity() : 5e-324;
	value.text = is_high ? std::string(300, 'x') : std::string("a\0b", 3);
	value.raw = {'\0', '\x7f', '\xff'};
	value.level = is_high ? All::Level::Under : static_cast<All::Level>(12345);
	value.colour = Other::Colour::Green;
	value.point = {7, -1};
	return value;
}

inline All::Containers some_containers()
{
	All::Containers value;
	value.bools = {true, false, true};
	value.shorts = {-1, 0, 300};
	value.ints = {0, 1, 300, 70000};
	value.longs = {INT64_MIN, INT64_MAX};
	value.ubytes = {0, 255};
	value.ushorts = {65535};
	value.uints = {4294967295u};
	value.floats = {0, -1.5f};
	value.doubles = {0, 1e300};
	value.strings = {"a", "", "bc"};
	value.blobs = {{'\1', '\2', '\xff'}, {}};
	value.levels = {All::Level::Low, All::Level::Under};
	value.structs = {some_scalars(false), some_scalars(true)};
	value.table = {{1, 2}, {}};
	value.texts = {{"a", "b"}, {"", ""}};
	value.files = {{"k", {'\1'}}};
	value.byNumber = {{70000, some_scalars(true)}, {-1, some_scalars(false)}};
	value.byPoint = {{{1, 2}, {"x"}}, {{1, 3}, {}}};
	value.deep = {{All::Level::Middle, {{"pi", 3.25}, {"zero", 0}}}};
	value.fixed = {4, 3, 2, 1};
	value.buffer = {'\1', '\2'};
	value.any = {"any"};
	value.flags = {{true, 5}, {false, -5}};
	value.counters = {{{"n", 1}}, {}};
	return value;
}

inline All::Tree some_tree(int depth)
{
	All::Tree tree;
	tree.name = std::to_string(depth);
	tree.leaf.id = depth;
	if (depth > 0) {
		tree.children = {some_tree(depth - 1)};
		tree.byName["x"] = some_tree(0);
		tree.leaf.trees = {some_tree(0), some_tree(0)};
	}
	return tree;
}
