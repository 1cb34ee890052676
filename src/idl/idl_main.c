// idl_main.c - the compiler as a program of its own, which the build needs before `kipp` exists.
#include "idl/idl.h"

int main(int argc, char **argv)
{
	return kp_idl_run("kipp-idl", argc, argv);
}
