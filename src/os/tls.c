// tls.c - finding the TLS module, and contexts that can be replaced.
#include "os/tls.h"

#include "base/mem.h"
#include "base/try.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const char module_name[] = "libkipp-tls.so.0";

// Set in a program that is linked with the module.
extern const struct kp_tls_ops kp_tls_module __attribute__((weak, visibility("hidden")));

// --- the module

// open_beside loads the module from the directory that this code was loaded from.
static void *open_beside(void)
{
	Dl_info self;
	char path[4096];
	if (!dladdr(module_name, &self) || !self.dli_fname)
		return NULL;
	const char *slash = strrchr(self.dli_fname, '/');
	if (!slash)
		return NULL;
	int len = snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - self.dli_fname),
	                   self.dli_fname, module_name);
	return len < (int)sizeof(path) ? dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) : NULL;
}

static kp_err find_ops(const struct kp_tls_ops **ret, struct kp_why *why)
{
	const struct kp_tls_ops *ops = &kp_tls_module;
	if (!ops) {
		void *module = open_beside();
		if (!module)
			module = dlopen(module_name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
		if (!module)
			return kp_why_set(why, KP_ERR_UNSUPPORTED,
			                  "TLS needs %s, which cannot be loaded: %s", module_name,
			                  dlerror());
		ops = dlsym(module, "kp_tls_module");
	}
	if (!ops || ops->version != KP_TLS_OPS_VERSION)
		return kp_why_set(why, KP_ERR_UNSUPPORTED,
		                  "%s is not of the same version as libkipp", module_name);
	*ret = ops;
	return KP_OK;
}

kp_err kp_tls_crypto(const struct kp_tls_ops **ret, struct kp_why *why)
{
	return find_ops(ret, why);
}

// --- contexts

struct kp_tls_source {
	const struct kp_tls_ops *ops;
	struct kp_tls_options options; // its texts are owned
	bool is_server;
	pthread_mutex_t lock; // of what follows
	struct kp_tls_context *context;
};

static bool copy(const char *text, const char **ret)
{
	*ret = text && *text ? kp_strdup(text) : NULL;
	return *ret || !text || !*text;
}

static bool copy_options(const struct kp_tls_options *from, struct kp_tls_options *to)
{
	*to = *from;
	bool is_fine = copy(from->cert, &to->cert);
	is_fine &= copy(from->key, &to->key);
	is_fine &= copy(from->ca, &to->ca);
	is_fine &= copy(from->ciphers, &to->ciphers);
	is_fine &= copy(from->name, &to->name);
	return is_fine;
}

void kp_tls_source_free(struct kp_tls_source *source)
{
	if (!source)
		return;
	kp_tls_context_unref(source->context);
	pthread_mutex_destroy(&source->lock);
	kp_free((char *)source->options.cert);
	kp_free((char *)source->options.key);
	kp_free((char *)source->options.ca);
	kp_free((char *)source->options.ciphers);
	kp_free((char *)source->options.name);
	kp_free(source);
}

kp_err kp_tls_source_reload(struct kp_tls_source *source, struct kp_why *why)
{
	struct kp_tls_context *context;
	KP_TRY(source->ops->context_new(&source->options, source->is_server, &context, why));
	pthread_mutex_lock(&source->lock);
	struct kp_tls_context *old = source->context;
	source->context = context;
	pthread_mutex_unlock(&source->lock);
	kp_tls_context_unref(old);
	return KP_OK;
}

kp_err kp_tls_source_new(const struct kp_tls_options *options, bool is_server,
                         struct kp_tls_source **ret, struct kp_why *why)
{
	const struct kp_tls_ops *ops = NULL;
	KP_TRY(find_ops(&ops, why));
	struct kp_tls_source *source = kp_new(struct kp_tls_source);
	if (!source)
		return kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	source->ops = ops;
	source->is_server = is_server;
	pthread_mutex_init(&source->lock, NULL);
	kp_err err = copy_options(options, &source->options)
	                     ? kp_tls_source_reload(source, why)
	                     : kp_why_set(why, KP_ERR_NOMEM, "out of memory");
	if (err != KP_OK) {
		kp_tls_source_free(source);
		return err;
	}
	*ret = source;
	return KP_OK;
}

kp_err kp_tls_source_open(struct kp_tls_source *source, const char *host,
                          const struct kp_tls_ticket *ticket, struct kp_tls **ret)
{
	pthread_mutex_lock(&source->lock);
	struct kp_tls_context *context = kp_tls_context_ref(source->context);
	pthread_mutex_unlock(&source->lock);
	kp_err err = source->ops->open(context, host, ticket, ret);
	kp_tls_context_unref(context);
	return err;
}

// --- sessions

void kp_tls_free(struct kp_tls *tls)
{
	if (tls)
		tls->ops->free(tls);
}

kp_err kp_tls_shake(struct kp_tls *tls, struct kp_bytes in, struct kp_buf *out, struct kp_why *why)
{
	return tls->ops->shake(tls, in, out, why);
}

kp_err kp_tls_receive(struct kp_tls *tls, struct kp_bytes *in, uint8_t *data, size_t size,
                      struct kp_buf *out, size_t *ret_size, struct kp_why *why)
{
	return tls->ops->receive(tls, in, data, size, out, ret_size, why);
}

kp_err kp_tls_send(struct kp_tls *tls, struct kp_bytes plain, struct kp_buf *out)
{
	return tls->ops->send(tls, plain, out);
}

void kp_tls_finish(struct kp_tls *tls, struct kp_buf *out)
{
	tls->ops->finish(tls, out);
}

struct kp_tls_ticket *kp_tls_take_ticket(struct kp_tls *tls)
{
	return tls->ops->take_ticket(tls);
}

void kp_tls_ticket_free(struct kp_tls_ticket *ticket)
{
	if (ticket)
		ticket->ops->ticket_free(ticket);
}

void kp_tls_describe(const struct kp_tls *tls, struct kp_tls_info *ret)
{
	tls->ops->describe(tls, ret);
}
