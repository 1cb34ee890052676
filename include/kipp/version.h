// version.h - which Kipp this is.
#pragma once

#define KP_VERSION_MAJOR 0
#define KP_VERSION_MINOR 1
#define KP_VERSION_PATCH 0
#define KP_VERSION_TEXT  "0.1.0"
