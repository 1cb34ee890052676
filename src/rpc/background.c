// background.c - handing work to a server's first loop.
#include "rpc/background.h"

#include "rpc/server_internal.h"

struct background {
	struct kp_task task;
	struct kp_loop *loop;
	kp_fiber_main main;
	void *arg;
};

struct kp_loop *kp_server_loop(struct kp_server *server)
{
	return server->loops[0].loop;
}

static void on_task(struct kp_task *task)
{
	struct background *background = KP_CONTAINER(task, struct background, task);
	if (kp_loop_spawn(background->loop, background->main, background->arg) == KP_OK)
		kp_free(background);
	else
		kp_loop_post(background->loop, task); // out of memory now is not for ever
}

kp_err kp_server_spawn(struct kp_server *server, kp_fiber_main main, void *arg)
{
	struct background *background = kp_new(struct background);
	if (!background)
		return KP_ERR_NOMEM;
	*background = (struct background){{.run = on_task}, kp_server_loop(server), main, arg};
	kp_loop_post(background->loop, &background->task);
	return KP_OK;
}
