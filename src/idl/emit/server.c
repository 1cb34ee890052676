// server.c - the handlers of an interface and the functions that dispatch to them.
#include "idl/emit/emit.h"

static bool has_outs(const struct idl_function *function)
{
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (param->is_out)
			return true;
	return function->result->kind != KP_KIND_VOID;
}

static void emit_handler_member(struct idl_emitter *e, const struct idl_function *function)
{
	idl_emit_comment(e, "\t", function->comment);
	struct kp_str result = idl_c_type(e->idl, function->result);
	struct idl_signature signature = idl_signature_begin(
	        e, "\t%.*s (*%.*s)", KP_STR_ARG(result), KP_STR_ARG(function->c_member));
	idl_signature_add(e, &signature, "struct kp_call *call");
	idl_signature_add_ins(e, &signature, function);
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (param->is_out)
			idl_signature_add(e, &signature, "%.*s *%.*s",
			                  KP_STR_ARG(idl_c_type(e->idl, param->type)),
			                  KP_STR_ARG(param->c_name));
	idl_signature_end(&signature, ";");
}

// emit_answer_head writes the head of the function that answers a deferred call.
static void emit_answer_head(struct idl_emitter *e, const struct idl_function *function,
                             const char *tail)
{
	struct idl_signature signature =
	        idl_signature_begin(e, "void %.*s_answer", KP_STR_ARG(function->c_name));
	idl_signature_add(e, &signature, "struct kp_call *call");
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (param->is_out)
			idl_signature_add_value(e, &signature, param->type, param->c_name);
	if (function->result->kind != KP_KIND_VOID)
		idl_signature_add_value(e, &signature, function->result, kp_str("ret"));
	idl_signature_end(&signature, tail);
}

void idl_emit_server_prototypes(struct idl_emitter *e)
{
	IDL_EACH(e, decl, IDL_INTERFACE)
	{
		struct kp_str name = decl->c_name;
		kp_buf_printf(
		        e->out,
		        "\n// %.*s_ops are the handlers of a servant. A NULL one answers that "
		        "there is no such function.\nstruct %.*s_ops {\n",
		        KP_STR_ARG(name), KP_STR_ARG(name));
		for (const struct idl_function *f = decl->functions; f; f = f->next)
			emit_handler_member(e, f);
		if (!decl->functions)
			kp_buf_append_str(e->out,
			                  kp_str("\tchar unused; // C has no empty structs\n"));
		kp_buf_append_str(e->out, kp_str("};\n\n"));
		struct idl_signature signature =
		        idl_signature_begin(e, "static inline void %.*s_serve", KP_STR_ARG(name));
		idl_signature_add(e, &signature, "struct kp_app *app");
		idl_signature_add(e, &signature, "const char *object");
		idl_signature_add(e, &signature, "const struct %.*s_ops *ops", KP_STR_ARG(name));
		idl_signature_add(e, &signature, "void *user");
		idl_signature_end(&signature, "");
		kp_buf_printf(e->out,
		              "{\n\tkp_app_serve(app, object, &%.*s_interface, ops, user);\n}\n",
		              KP_STR_ARG(name));
		if (decl->functions)
			kp_buf_append_str(e->out,
			                  kp_str("\n// Answers of calls that were deferred, from "
			                         "any thread. Each ends its call.\n"));
		for (const struct idl_function *f = decl->functions; f; f = f->next)
			emit_answer_head(e, f, ";");
	}
}

// emit_in decodes one parameter into a local variable.
static void emit_in(struct idl_emitter *e, const struct idl_param *param)
{
	struct kp_str type = idl_c_type(e->idl, param->type);
	enum kp_kind kind = param->type->kind;
	bool is_scalar = kind < KP_KIND_STR || kind == KP_KIND_ENUM;
	kp_buf_printf(e->out, "\t%.*s %.*s = %s;\n\t", KP_STR_ARG(type), KP_STR_ARG(param->c_name),
	              kind == KP_KIND_BOOL ? "false"
	              : is_scalar          ? "0"
	                                   : "{0}");
	idl_emit_decode(e, param->type, "in", param->tag, true,
	                idl_format(e->idl, "&%.*s", KP_STR_ARG(param->c_name)));
	kp_buf_append_str(e->out, kp_str(";\n"));
}

static void emit_handler_call(struct idl_emitter *e, const struct idl_function *function)
{
	bool is_void = function->result->kind == KP_KIND_VOID;
	struct idl_signature signature =
	        idl_signature_begin(e, "\t%shandlers->%.*s",
	                            is_void ? "" : "result.ret = ", KP_STR_ARG(function->c_member));
	idl_signature_add(e, &signature, "call");
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (!param->is_out)
			idl_signature_add(e, &signature, "%s%.*s",
			                  param->type->kind == KP_KIND_STRUCT ? "&" : "",
			                  KP_STR_ARG(param->c_name));
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (param->is_out)
			idl_signature_add(e, &signature, "&result.%.*s", KP_STR_ARG(param->c_name));
	idl_signature_end(&signature, ";");
}

static void emit_answer(struct idl_emitter *e, const struct idl_function *function)
{
	kp_buf_append_str(e->out, kp_str("\tstruct kp_buf *out = kp_call_answer(call);\n"
	                                 "\tif (!out)\n\t\treturn;\n"));
	if (function->result->kind != KP_KIND_VOID)
		idl_emit_encode(e, "\t", 0, function->result,
		                kp_str(function->result->kind == KP_KIND_STRUCT ? "&result.ret"
		                                                                : "result.ret"));
	for (const struct idl_param *param = function->params; param; param = param->next) {
		const char *address = param->type->kind == KP_KIND_STRUCT ? "&" : "";
		if (param->is_out)
			idl_emit_encode(e, "\t", param->tag, param->type,
			                idl_format(e->idl, "%sresult.%.*s", address,
			                           KP_STR_ARG(param->c_name)));
	}
}

static void emit_result_init(struct idl_emitter *e, const struct idl_function *function)
{
	kp_buf_printf(e->out, "\tstruct %.*s_result result = {0};\n", KP_STR_ARG(function->c_name));
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (param->is_out && param->type->kind == KP_KIND_STRUCT)
			kp_buf_printf(e->out, "\t%.*s_init(&result.%.*s);\n",
			              KP_STR_ARG(param->type->decl->c_name),
			              KP_STR_ARG(param->c_name));
}

static void emit_dispatch(struct idl_emitter *e, const struct idl_decl *decl,
                          const struct idl_function *function)
{
	bool has_ins = false;
	for (const struct idl_param *param = function->params; param; param = param->next)
		has_ins |= !param->is_out;
	kp_buf_append_byte(e->out, '\n');
	struct idl_signature signature =
	        idl_signature_begin(e, "static void dispatch_%.*s", KP_STR_ARG(function->c_name));
	idl_signature_add(e, &signature, "const void *ops");
	idl_signature_add(e, &signature, "struct kp_call *call");
	idl_signature_add(e, &signature, "struct kp_decoder *in");
	idl_signature_end(&signature, "");
	kp_buf_printf(e->out,
	              "{\n\tconst struct %.*s_ops *handlers = ops;\n\tif (!handlers->%.*s) {\n"
	              "\t\tkp_call_fail(call, KP_RET_NOFUNC, \"%.*s has no handler here\");"
	              "\n\t\treturn;\n\t}\n",
	              KP_STR_ARG(decl->c_name), KP_STR_ARG(function->c_member),
	              KP_STR_ARG(function->name.text));
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (!param->is_out)
			emit_in(e, param);
	if (has_ins)
		kp_buf_append_str(e->out, kp_str("\tif (in->err != KP_OK)\n\t\treturn;\n"));
	else
		kp_buf_append_str(e->out, kp_str("\t(void)in;\n"));
	if (has_outs(function))
		emit_result_init(e, function);
	emit_handler_call(e, function);
	if (has_outs(function))
		emit_answer(e, function);
	else
		kp_buf_append_str(e->out, kp_str("\tkp_call_answer(call);\n"));
	kp_buf_append_str(e->out, kp_str("}\n"));
}

static void emit_late_answer(struct idl_emitter *e, const struct idl_function *function)
{
	kp_buf_append_byte(e->out, '\n');
	emit_answer_head(e, function, "");
	if (!has_outs(function)) {
		kp_buf_append_str(
		        e->out,
		        kp_str("{\n\tkp_call_answer_late(call);\n\tkp_call_done(call);\n}\n"));
		return;
	}
	kp_buf_append_str(e->out, kp_str("{\n\tstruct kp_buf *out = kp_call_answer_late(call);\n"
	                                 "\tif (out) {\n"));
	if (function->result->kind != KP_KIND_VOID)
		idl_emit_encode(e, "\t\t", 0, function->result, kp_str("ret"));
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (param->is_out)
			idl_emit_encode(e, "\t\t", param->tag, param->type, param->c_name);
	kp_buf_append_str(e->out, kp_str("\t}\n\tkp_call_done(call);\n}\n"));
}

void idl_emit_server(struct idl_emitter *e)
{
	IDL_EACH(e, decl, IDL_INTERFACE)
	{
		for (const struct idl_function *f = decl->functions; f; f = f->next) {
			emit_dispatch(e, decl, f);
			emit_late_answer(e, f);
		}
	}
}
