// loopback.c - hands a request to the dispatch function of its interface at once.
#include "loopback.h"

void loopback_start(struct kp_call *call, const struct kp_interface *interface, const void *ops)
{
	*call = (struct kp_call){.arena = kp_arena_new(0), .interface = interface, .ops = ops};
}

void loopback_stop(struct kp_call *call)
{
	kp_arena_free(call->arena);
	kp_buf_fini(&call->answer);
}

struct kp_proxy *kp_client_proxy(struct kp_client *client, const char *object)
{
	return object ? (struct kp_proxy *)client : NULL;
}

kp_err kp_request_open(struct kp_proxy *proxy, struct kp_call *call, struct kp_str function,
                       struct kp_request **ret)
{
	struct kp_request *request = kp_new(struct kp_request);
	if (!request)
		return KP_ERR_NOMEM;
	request->call = call ? call : (struct kp_call *)proxy;
	request->function = function;
	*ret = request;
	return KP_OK;
}

struct kp_buf *kp_request_body(struct kp_request *request)
{
	return &request->body;
}

// serve does what a server does with one request.
static kp_err serve(struct kp_request *request)
{
	struct kp_call *call = request->call;
	if (request->body.err != KP_OK)
		return request->body.err;
	int index = call->interface->find(request->function);
	if (index < 0)
		return KP_ERR_NOFUNC;
	call->asked++;
	call->ret = 0;
	call->is_deferred = false;
	kp_buf_clear(&call->answer);
	struct kp_decoder in = kp_decoder(kp_buf_bytes(&request->body), call->arena);
	call->interface->functions[index].dispatch(call->ops, call, &in);
	if (in.err != KP_OK)
		return in.err;
	if (call->ret == KP_RET_NOFUNC)
		return KP_ERR_NOFUNC;
	return call->ret ? KP_ERR_SERVER : call->answer.err;
}

static void free_request(struct kp_request *request)
{
	kp_buf_fini(&request->body);
	kp_free(request);
}

kp_err kp_request_wait(struct kp_request *request, struct kp_decoder *ret_in)
{
	kp_err err = serve(request);
	struct kp_call *call = request->call;
	// What the arguments point into outlives the handler, as the receive buffer does.
	struct kp_str answer = kp_arena_str(call->arena, kp_buf_str(&call->answer));
	if (err == KP_OK && !answer.ptr)
		err = KP_ERR_NOMEM;
	free_request(request);
	if (err == KP_OK)
		*ret_in = kp_decoder((struct kp_bytes){(const uint8_t *)answer.ptr, answer.len},
		                     call->arena);
	return err;
}

kp_err kp_request_begin(struct kp_request *request, struct kp_request **ret)
{
	*ret = request;
	return KP_OK;
}

kp_err kp_request_end(struct kp_request *request, struct kp_decoder *ret_in)
{
	return kp_request_wait(request, ret_in);
}

kp_err kp_request_async(struct kp_request *request, kp_on_answer on_answer, const void *context,
                        size_t context_size)
{
	char copy[32];
	memcpy(copy, context, context_size);
	struct kp_decoder in;
	kp_err err = kp_request_wait(request, &in);
	on_answer(copy, err, err == KP_OK ? &in : NULL);
	return KP_OK;
}

kp_err kp_request_oneway(struct kp_request *request)
{
	request->call->is_unwanted = true;
	kp_err err = serve(request);
	request->call->is_unwanted = false;
	free_request(request);
	return err;
}

struct kp_buf *kp_call_answer(struct kp_call *call)
{
	return call->is_unwanted || call->is_deferred ? NULL : kp_call_answer_late(call);
}

struct kp_buf *kp_call_answer_late(struct kp_call *call)
{
	return call->is_unwanted || call->ret ? NULL : &call->answer;
}

void kp_call_defer(struct kp_call *call)
{
	call->is_deferred = true;
}

void kp_call_done(struct kp_call *call)
{
	call->done++;
}

void kp_call_fail(struct kp_call *call, int code, const char *format, ...)
{
	call->ret = format ? code : 0;
}

void kp_app_serve(struct kp_app *app, const char *object, const struct kp_interface *interface,
                  const void *ops, void *user)
{
	loopback_start((struct kp_call *)app, interface, ops);
}
