// client.c - calling the functions of an interface: waiting, in two steps, with a callback,
// one-way.
#include "idl/emit/emit.h"

static bool has_result(const struct idl_function *function)
{
	return function->result->kind != KP_KIND_VOID;
}

static bool has_answer(const struct idl_function *function)
{
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (param->is_out)
			return true;
	return has_result(function);
}

static struct idl_signature begin_call(struct idl_emitter *e, const struct idl_decl *decl,
                                       const struct idl_function *function, const char *suffix)
{
	struct idl_signature signature =
	        idl_signature_begin(e, "kp_err %.*s%s", KP_STR_ARG(function->c_name), suffix);
	idl_signature_add(e, &signature, "struct %.*s *proxy", KP_STR_ARG(decl->c_name));
	return signature;
}

static void add_outs(struct idl_emitter *e, struct idl_signature *signature,
                     const struct idl_function *function)
{
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (param->is_out)
			idl_signature_add(e, signature, "%.*s *ret_%.*s",
			                  KP_STR_ARG(idl_c_type(e->idl, param->type)),
			                  KP_STR_ARG(param->name.text));
	if (has_result(function))
		idl_signature_add(e, signature, "%.*s *ret",
		                  KP_STR_ARG(idl_c_type(e->idl, function->result)));
}

static void emit_sync_head(struct idl_emitter *e, const struct idl_decl *decl,
                           const struct idl_function *function, const char *tail)
{
	struct idl_signature signature = begin_call(e, decl, function, "");
	idl_signature_add(e, &signature, "struct kp_call *call");
	idl_signature_add_ins(e, &signature, function);
	add_outs(e, &signature, function);
	idl_signature_end(&signature, tail);
}

static void emit_begin_head(struct idl_emitter *e, const struct idl_decl *decl,
                            const struct idl_function *function, const char *tail)
{
	struct idl_signature signature = begin_call(e, decl, function, "_begin");
	idl_signature_add(e, &signature, "struct kp_call *call");
	idl_signature_add_ins(e, &signature, function);
	idl_signature_add(e, &signature, "struct kp_request **ret");
	idl_signature_end(&signature, tail);
}

static void emit_end_head(struct idl_emitter *e, const struct idl_function *function,
                          const char *tail)
{
	struct idl_signature signature =
	        idl_signature_begin(e, "kp_err %.*s_end", KP_STR_ARG(function->c_name));
	idl_signature_add(e, &signature, "struct kp_request *request");
	add_outs(e, &signature, function);
	idl_signature_end(&signature, tail);
}

static void emit_async_head(struct idl_emitter *e, const struct idl_decl *decl,
                            const struct idl_function *function, const char *tail)
{
	struct idl_signature signature = begin_call(e, decl, function, "_async");
	idl_signature_add_ins(e, &signature, function);
	idl_signature_add(e, &signature, "%.*s_fn on_answer", KP_STR_ARG(function->c_name));
	idl_signature_add(e, &signature, "void *arg");
	idl_signature_end(&signature, tail);
}

static void emit_oneway_head(struct idl_emitter *e, const struct idl_decl *decl,
                             const struct idl_function *function, const char *tail)
{
	struct idl_signature signature = begin_call(e, decl, function, "_oneway");
	idl_signature_add_ins(e, &signature, function);
	idl_signature_end(&signature, tail);
}

static void emit_result_struct(struct idl_emitter *e, const struct idl_function *function)
{
	kp_buf_printf(e->out, "\nstruct %.*s_result {\n", KP_STR_ARG(function->c_name));
	if (has_result(function))
		kp_buf_printf(e->out, "\t%.*s ret;\n",
		              KP_STR_ARG(idl_c_type(e->idl, function->result)));
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (param->is_out)
			kp_buf_printf(e->out, "\t%.*s %.*s;\n",
			              KP_STR_ARG(idl_c_type(e->idl, param->type)),
			              KP_STR_ARG(param->c_name));
	if (!has_answer(function))
		kp_buf_append_str(e->out, kp_str("\tchar unused; // C has no empty structs\n"));
	kp_buf_append_str(e->out, kp_str("};\n"));
	struct idl_signature signature =
	        idl_signature_begin(e, "typedef void (*%.*s_fn)", KP_STR_ARG(function->c_name));
	idl_signature_add(e, &signature, "void *arg");
	idl_signature_add(e, &signature, "kp_err err");
	idl_signature_add(e, &signature, "const struct %.*s_result *result",
	                  KP_STR_ARG(function->c_name));
	idl_signature_end(&signature, ";");
}

void idl_emit_client_prototypes(struct idl_emitter *e)
{
	IDL_EACH(e, decl, IDL_INTERFACE)
	{
		struct kp_str name = decl->c_name;
		kp_buf_append_byte(e->out, '\n');
		idl_emit_comment(e, "", decl->comment);
		kp_buf_printf(e->out, "struct %.*s; // a proxy of %.*s\n", KP_STR_ARG(name),
		              KP_STR_ARG(decl->full_name));
		kp_buf_printf(e->out, "extern const struct kp_interface %.*s_interface;\n",
		              KP_STR_ARG(name));
		struct idl_signature signature = idl_signature_begin(
		        e, "struct %.*s *%.*s_proxy", KP_STR_ARG(name), KP_STR_ARG(name));
		idl_signature_add(e, &signature, "struct kp_client *client");
		idl_signature_add(e, &signature, "const char *object");
		idl_signature_end(&signature, ";");
		for (const struct idl_function *f = decl->functions; f; f = f->next) {
			emit_result_struct(e, f);
			idl_emit_comment(e, "", f->comment);
			emit_sync_head(e, decl, f, ";");
			emit_async_head(e, decl, f, ";");
			emit_oneway_head(e, decl, f, ";");
			emit_begin_head(e, decl, f, ";");
			emit_end_head(e, f, ";");
		}
	}
}

// emit_open writes the helper that starts a call and encodes its parameters.
static void emit_open(struct idl_emitter *e, const struct idl_decl *decl,
                      const struct idl_function *function)
{
	kp_buf_append_byte(e->out, '\n');
	struct idl_signature signature =
	        idl_signature_begin(e, "static kp_err open_%.*s", KP_STR_ARG(function->c_name));
	idl_signature_add(e, &signature, "struct %.*s *proxy", KP_STR_ARG(decl->c_name));
	idl_signature_add(e, &signature, "struct kp_call *call");
	idl_signature_add_ins(e, &signature, function);
	idl_signature_add(e, &signature, "struct kp_request **ret");
	idl_signature_end(&signature, "");
	kp_buf_printf(e->out, "{\n\tstruct kp_str function = {\"%.*s\", %zu};\n",
	              KP_STR_ARG(function->name.text), function->name.text.len);
	const char *open = "kp_request_open((struct kp_proxy *)proxy, call, function, ret)";
	bool has_ins = false;
	for (const struct idl_param *param = function->params; param; param = param->next)
		has_ins |= !param->is_out;
	if (!has_ins) {
		kp_buf_printf(e->out, "\treturn %s;\n}\n", open);
		return;
	}
	kp_buf_printf(e->out,
	              "\tkp_err err = %s;\n\tif (err != KP_OK)\n\t\treturn err;\n"
	              "\tstruct kp_buf *out = kp_request_body(*ret);\n",
	              open);
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (!param->is_out)
			idl_emit_encode(e, "\t", param->tag, param->type, param->c_name);
	kp_buf_append_str(e->out, kp_str("\treturn KP_OK;\n}\n"));
}

// emit_read writes the helper that decodes the answer.
static void emit_read(struct idl_emitter *e, const struct idl_function *function)
{
	struct kp_str name = function->c_name;
	kp_buf_append_byte(e->out, '\n');
	struct idl_signature signature =
	        idl_signature_begin(e, "static kp_err read_%.*s", KP_STR_ARG(name));
	idl_signature_add(e, &signature, "struct kp_decoder *in");
	idl_signature_add(e, &signature, "struct %.*s_result *ret", KP_STR_ARG(name));
	idl_signature_end(&signature, "");
	kp_buf_printf(e->out, "{\n\t*ret = (struct %.*s_result){0};\n", KP_STR_ARG(name));
	if (has_result(function)) {
		kp_buf_append_byte(e->out, '\t');
		idl_emit_decode(e, function->result, "in", 0, true, kp_str("&ret->ret"));
		kp_buf_append_str(e->out, kp_str(";\n"));
	}
	for (const struct idl_param *param = function->params; param; param = param->next) {
		if (!param->is_out)
			continue;
		kp_buf_append_byte(e->out, '\t');
		idl_emit_decode(e, param->type, "in", param->tag, true,
		                idl_format(e->idl, "&ret->%.*s", KP_STR_ARG(param->c_name)));
		kp_buf_append_str(e->out, kp_str(";\n"));
	}
	kp_buf_append_str(e->out, kp_str("\treturn in->err;\n}\n"));
}

static void emit_open_call(struct idl_emitter *e, const struct idl_function *function,
                           const char *call)
{
	kp_buf_append_str(e->out, kp_str("{\n\tstruct kp_request *request;\n"));
	kp_buf_printf(e->out, "\tkp_err err = open_%.*s(proxy, %s", KP_STR_ARG(function->c_name),
	              call);
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (!param->is_out)
			kp_buf_printf(e->out, ", %.*s", KP_STR_ARG(param->c_name));
	kp_buf_append_str(e->out, kp_str(", &request);\n"));
}

// emit_results hands over what an answer holds, once `err` says that it is there.
static void emit_results(struct idl_emitter *e, const struct idl_function *function)
{
	if (!has_answer(function)) {
		kp_buf_append_str(e->out, kp_str("\treturn err;\n}\n"));
		return;
	}
	kp_buf_printf(e->out,
	              "\tstruct %.*s_result result;\n\tif (err == KP_OK)\n"
	              "\t\terr = read_%.*s(&in, &result);\n\tif (err != KP_OK)\n"
	              "\t\treturn err;\n",
	              KP_STR_ARG(function->c_name), KP_STR_ARG(function->c_name));
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (param->is_out)
			kp_buf_printf(e->out, "\t*ret_%.*s = result.%.*s;\n",
			              KP_STR_ARG(param->name.text), KP_STR_ARG(param->c_name));
	if (has_result(function))
		kp_buf_append_str(e->out, kp_str("\t*ret = result.ret;\n"));
	kp_buf_append_str(e->out, kp_str("\treturn KP_OK;\n}\n"));
}

static void emit_sync(struct idl_emitter *e, const struct idl_decl *decl,
                      const struct idl_function *function)
{
	kp_buf_append_byte(e->out, '\n');
	emit_sync_head(e, decl, function, "");
	emit_open_call(e, function, "call");
	kp_buf_append_str(e->out, kp_str("\tstruct kp_decoder in;\n\tif (err == KP_OK)\n"
	                                 "\t\terr = kp_request_wait(request, &in);\n"));
	emit_results(e, function);
}

static void emit_begin(struct idl_emitter *e, const struct idl_decl *decl,
                       const struct idl_function *function)
{
	kp_buf_append_byte(e->out, '\n');
	emit_begin_head(e, decl, function, "");
	emit_open_call(e, function, "call");
	kp_buf_append_str(
	        e->out,
	        kp_str("\treturn err == KP_OK ? kp_request_begin(request, ret) : err;\n}\n"));
}

static void emit_end(struct idl_emitter *e, const struct idl_function *function)
{
	kp_buf_append_byte(e->out, '\n');
	emit_end_head(e, function, "");
	kp_buf_append_str(e->out, kp_str("{\n\tstruct kp_decoder in;\n"
	                                 "\tkp_err err = kp_request_end(request, &in);\n"));
	emit_results(e, function);
}

static void emit_async(struct idl_emitter *e, const struct idl_decl *decl,
                       const struct idl_function *function)
{
	struct kp_str name = function->c_name;
	kp_buf_printf(e->out,
	              "\nstruct stub_%.*s {\n\t%.*s_fn on_answer;\n\tvoid *arg;\n};\n\n"
	              "static void on_%.*s(void *context, kp_err err, struct kp_decoder *in)\n{\n"
	              "\tconst struct stub_%.*s *stub = context;\n"
	              "\tstruct %.*s_result result;\n"
	              "\tif (err == KP_OK)\n\t\terr = read_%.*s(in, &result);\n"
	              "\tstub->on_answer(stub->arg, err, err == KP_OK ? &result : NULL);\n}\n\n",
	              KP_STR_ARG(name), KP_STR_ARG(name), KP_STR_ARG(name), KP_STR_ARG(name),
	              KP_STR_ARG(name), KP_STR_ARG(name));
	emit_async_head(e, decl, function, "");
	emit_open_call(e, function, "NULL");
	kp_buf_printf(e->out,
	              "\tif (err != KP_OK)\n\t\treturn err;\n"
	              "\tstruct stub_%.*s stub = {on_answer, arg};\n"
	              "\treturn kp_request_async(request, on_%.*s, &stub, sizeof(stub));\n}\n",
	              KP_STR_ARG(name), KP_STR_ARG(name));
}

static void emit_oneway(struct idl_emitter *e, const struct idl_decl *decl,
                        const struct idl_function *function)
{
	kp_buf_append_byte(e->out, '\n');
	emit_oneway_head(e, decl, function, "");
	emit_open_call(e, function, "NULL");
	kp_buf_append_str(e->out,
	                  kp_str("\treturn err == KP_OK ? kp_request_oneway(request) : err;\n}\n"));
}

void idl_emit_client(struct idl_emitter *e)
{
	IDL_EACH(e, decl, IDL_INTERFACE)
	{
		struct kp_str name = decl->c_name;
		kp_buf_append_byte(e->out, '\n');
		struct idl_signature signature = idl_signature_begin(
		        e, "struct %.*s *%.*s_proxy", KP_STR_ARG(name), KP_STR_ARG(name));
		idl_signature_add(e, &signature, "struct kp_client *client");
		idl_signature_add(e, &signature, "const char *object");
		idl_signature_end(&signature, "");
		kp_buf_printf(e->out,
		              "{\n\treturn (struct %.*s *)kp_client_proxy(client, object);\n}\n",
		              KP_STR_ARG(name));
		for (const struct idl_function *f = decl->functions; f; f = f->next) {
			emit_open(e, decl, f);
			emit_read(e, f);
			emit_sync(e, decl, f);
			emit_async(e, decl, f);
			emit_oneway(e, decl, f);
			emit_begin(e, decl, f);
			emit_end(e, f);
		}
	}
}
