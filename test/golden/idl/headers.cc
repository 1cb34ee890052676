// headers.cc - generated headers are C++17 too, in any order and more than once.
#include "everything.h"

#include "other.h"

#include "everything.h"

static int handle_add(kp_call *, int32_t a, int32_t b)
{
	return a + b;
}

int main()
{
	All_Service_ops ops = {};
	ops.add = handle_add;
	kp_str_All_Tree_map_entry entry = {};
	entry.value.leaf.id = All_LIMIT;
	return ops.add(nullptr, entry.value.leaf.id, All_Level_Low - 16);
}
