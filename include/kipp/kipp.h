// kipp.h - all that a service author includes.
#pragma once

#include "kipp/app.h"
#include "kipp/arena.h"
#include "kipp/buf.h"
#include "kipp/call.h"
#include "kipp/client.h"
#include "kipp/codec.h"
#include "kipp/describe.h"
#include "kipp/err.h"
#include "kipp/limits.h"
#include "kipp/push.h"
#include "kipp/server.h"
#include "kipp/str.h"
#include "kipp/stub.h"
#include "kipp/tls.h"
#include "kipp/types.h"
