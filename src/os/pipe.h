// pipe.h - whether somebody listens to what a program prints.
#pragma once

#include <stdbool.h>

// kp_pipe_has_reader tells whether `fd` still has a reader. Anything but a pipe or a socket whose
// other end is closed has one.
bool kp_pipe_has_reader(int fd);
