// kipp.hpp - Kipp for C++17: values, exceptions or results, and lambdas over the C library.
//
// Headers only. `kipp idl --cpp` makes X.hpp beside X.h and X.c; a program includes X.hpp and
// compiles X.c.
#pragma once

#include "kipp/cpp/call.hpp"
#include "kipp/cpp/request.hpp"
#include "kipp/cpp/result.hpp"
#include "kipp/cpp/server.hpp"
#include "kipp/cpp/value.hpp"
