// hello_server.c - the smallest server a service author writes, to weigh it.
#include "Hello.h"

static int32_t say(struct kp_call *call, struct kp_str name, struct kp_str *greeting)
{
	*greeting = kp_call_format(call, "hello, %.*s", KP_STR_ARG(name));
	return 0;
}

int main(int argc, char **argv)
{
	struct kp_app *app;
	if (kp_app_open(argc, argv, &app) != KP_OK)
		return 1;
	Demo_Hello_serve(app, "HelloObj", &(struct Demo_Hello_ops){.say = say}, NULL);
	return kp_app_run(app);
}
