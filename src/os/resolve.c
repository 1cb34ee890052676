// resolve.c - getaddrinfo on libuv's worker threads.
#include "os/resolve.h"

#include "os/loop_internal.h"

struct kp_resolve {
	uv_getaddrinfo_t request;
	int port;
	kp_on_resolved on_resolved; // NULL: cancelled
	void *arg;
};

static void on_addresses(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	struct kp_resolve *resolve = request->data;
	struct kp_address address = {0};
	if (status == 0 && found)
		kp_address_of_list(found, resolve->port, &address);
	uv_freeaddrinfo(found);
	if (resolve->on_resolved)
		resolve->on_resolved(resolve->arg, address.len ? KP_OK : KP_ERR_NOTFOUND, &address);
	kp_free(resolve);
}

kp_err kp_resolve_start(struct kp_loop *loop, const char *host, int port,
                        kp_on_resolved on_resolved, void *arg, struct kp_resolve **ret)
{
	struct kp_resolve *resolve = kp_new(struct kp_resolve);
	if (!resolve)
		return KP_ERR_NOMEM;
	*resolve = (struct kp_resolve){.port = port, .on_resolved = on_resolved, .arg = arg};
	resolve->request.data = resolve;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	if (uv_getaddrinfo(&loop->uv, &resolve->request, on_addresses, host, NULL, &hints) != 0) {
		kp_free(resolve);
		return KP_ERR_INVALID;
	}
	*ret = resolve;
	return KP_OK;
}

void kp_resolve_cancel(struct kp_resolve *resolve)
{
	if (!resolve)
		return;
	resolve->on_resolved = NULL;
	uv_cancel((uv_req_t *)&resolve->request);
}
