// explain.c - asking a client's loops for their routes.
//
// A loop may be a thread's own that runs only while that thread calls, so nothing is posted to it:
// its lock is taken, which it takes itself only to change a route.
#include "rpc/explain.h"

#include "os/clock.h"
#include "route/explain.h"
#include "rpc/client_internal.h"

#include <stdio.h>

enum {
	DECISIONS_TOLD = 20, // of each loop
};

static void explain_route(const struct route *route, int number, struct kp_buf *out)
{
	char where[48];
	snprintf(where, sizeof(where), "%s %d",
	         route->loop->is_private ? "a thread's own loop" : "server loop", number);
	kp_explain_format(&(struct kp_explain){.table = &route->table,
	                                       .name = route->proxy->object,
	                                       .where = where,
	                                       .now_ns = kp_clock_ns(),
	                                       .decisions_max = DECISIONS_TOLD},
	                  out);
	if (route->err != KP_OK)
		kp_buf_printf(out, "  the last look-up failed: %s\n", route->why.text);
}

// explain_loop returns how many routes it has found.
static int explain_loop(struct client_loop *loop, const char *object, int number,
                        struct kp_buf *out)
{
	int found = 0;
	pthread_mutex_lock(&loop->lock);
	for (size_t i = 0; i < loop->routes.len; i++) {
		const struct route *route = loop->routes.ptr[i];
		if (!route || (strcmp(route->proxy->object, object) != 0 &&
		               strcmp(route->proxy->text, object) != 0))
			continue;
		explain_route(route, number, out);
		found++;
	}
	pthread_mutex_unlock(&loop->lock);
	return found;
}

kp_err kp_client_explain(struct kp_client *client, const char *object, struct kp_buf *out)
{
	int found = 0, number = 0;
	pthread_mutex_lock(&client->lock);
	KP_LIST_EACH (&client->loops, link, following)
		found += explain_loop(KP_CONTAINER(link, struct client_loop, link), object,
		                      ++number, out);
	pthread_mutex_unlock(&client->lock);
	if (found == 0)
		return KP_ERR_NOTFOUND;
	return out->err;
}
