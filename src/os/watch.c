// watch.c - readiness of descriptors.
#include "base/assert.h"
#include "os/loop_internal.h"

struct kp_watch {
	uv_poll_t poll;
	kp_on_ready on_ready;
	void *arg;
	unsigned events;
};

static int uv_events_of(unsigned events)
{
	return (events & KP_READABLE ? UV_READABLE : 0) | (events & KP_WRITABLE ? UV_WRITABLE : 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct kp_watch *watch = poll->data;
	unsigned ready =
	        (events & UV_READABLE ? KP_READABLE : 0) | (events & UV_WRITABLE ? KP_WRITABLE : 0);
	if (status < 0) {
		// libuv has stopped watching; there may be data to read before the error shows.
		uv_poll_start(poll, uv_events_of(watch->events), on_poll);
		ready = watch->events;
	}
	watch->on_ready(watch->arg, ready);
}

kp_err kp_watch_new(struct kp_loop *loop, int fd, unsigned events, kp_on_ready on_ready, void *arg,
                    struct kp_watch **ret)
{
	struct kp_watch *watch = kp_new(struct kp_watch);
	if (!watch)
		return KP_ERR_NOMEM;
	if (uv_poll_init(&loop->uv, &watch->poll, fd) != 0) {
		kp_free(watch);
		return KP_ERR_IO;
	}
	watch->poll.data = watch;
	watch->on_ready = on_ready;
	watch->arg = arg;
	kp_watch_set(watch, events);
	*ret = watch;
	return KP_OK;
}

void kp_watch_set(struct kp_watch *watch, unsigned events)
{
	if (watch->events == events)
		return;
	watch->events = events;
	if (events)
		uv_poll_start(&watch->poll, uv_events_of(events), on_poll);
	else
		uv_poll_stop(&watch->poll);
}

static void on_closed(uv_handle_t *handle)
{
	kp_free(handle->data);
}

void kp_watch_free(struct kp_watch *watch)
{
	if (watch)
		uv_close((uv_handle_t *)&watch->poll, on_closed);
}
