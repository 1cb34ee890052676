// cpp_interface.c - the C++ of an interface: the class of its servants and that of its proxies.
#include "idl/emit/cpp.h"

// one_interface is what the parts of one interface's code share.
struct one_interface {
	struct idl_emitter *e;
	const struct idl_decl *decl;
	struct kp_str name;  // of the servant's class
	struct kp_str proxy; // of the proxy's class
};

static bool has_outs(const struct idl_function *function)
{
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (param->is_out)
			return true;
	return false;
}

static bool has_ins(const struct idl_function *function)
{
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (!param->is_out)
			return true;
	return false;
}

static bool is_void(const struct idl_function *function)
{
	return function->result->kind == KP_KIND_VOID;
}

// answer_type is what a call gives: the return value, or a struct of it and the outs.
static struct kp_str answer_type(struct idl_emitter *e, const struct idl_function *function)
{
	if (!has_outs(function))
		return idl_cpp_type(e->idl, function->result);
	return idl_format(e->idl, "%.*s_answer", KP_STR_ARG(function->cpp_name));
}

static void add_ins(struct idl_emitter *e, struct idl_signature *signature,
                    const struct idl_function *function)
{
	for (const struct idl_param *param = function->params; param; param = param->next) {
		if (param->is_out)
			continue;
		bool is_simple = idl_cpp_is_simple(param->type);
		idl_signature_add(e, signature, "%s%.*s %s%.*s", is_simple ? "" : "const ",
		                  KP_STR_ARG(idl_cpp_type(e->idl, param->type)),
		                  is_simple ? "" : "&", KP_STR_ARG(param->c_name));
	}
}

static void append_in_names(struct idl_emitter *e, const struct idl_function *function)
{
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (!param->is_out)
			kp_buf_printf(e->out, ", %.*s", KP_STR_ARG(param->c_name));
}

// --- servants

static void emit_answer(struct idl_emitter *e, const struct idl_function *function)
{
	if (!has_outs(function))
		return;
	struct kp_buf *out = e->out;
	struct kp_str name = answer_type(e, function);
	kp_buf_printf(out, "\n\tstruct %.*s {\n", KP_STR_ARG(name));
	if (!is_void(function))
		kp_buf_printf(out, "\t\t%.*s ret%.*s;\n",
		              KP_STR_ARG(idl_cpp_type(e->idl, function->result)),
		              KP_STR_ARG(idl_cpp_initial(function->result)));
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (param->is_out)
			kp_buf_printf(out, "\t\t%.*s %.*s%.*s;\n",
			              KP_STR_ARG(idl_cpp_type(e->idl, param->type)),
			              KP_STR_ARG(param->c_name),
			              KP_STR_ARG(idl_cpp_initial(param->type)));
	kp_buf_printf(out,
	              "\n\t\tfriend void encode_answer(struct kp_buf *out, const %.*s "
	              "&answer)\n\t\t{\n",
	              KP_STR_ARG(name));
	if (!is_void(function))
		kp_buf_append_str(out, kp_str("\t\t\tkipp::encode(out, 0, answer.ret);\n"));
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (param->is_out)
			kp_buf_printf(out, "\t\t\tkipp::encode(out, %u, answer.%.*s);\n",
			              param->tag, KP_STR_ARG(param->c_name));
	kp_buf_printf(out,
	              "\t\t}\n\n\t\tfriend void decode_answer(kipp::reader &in, %.*s "
	              "&answer)\n\t\t{\n",
	              KP_STR_ARG(name));
	if (!is_void(function))
		kp_buf_append_str(out,
		                  kp_str("\t\t\tkipp::decode(in, 0, KP_REQUIRED, answer.ret);\n"));
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (param->is_out)
			kp_buf_printf(out,
			              "\t\t\tkipp::decode(in, %u, KP_REQUIRED, answer.%.*s);\n",
			              param->tag, KP_STR_ARG(param->c_name));
	kp_buf_append_str(out, kp_str("\t\t}\n\t};\n"));
}

static void emit_handler(struct idl_emitter *e, const struct idl_function *function)
{
	idl_emit_comment(e, "\t", function->comment);
	struct kp_str answer = answer_type(e, function);
	struct idl_signature signature = idl_signature_begin(
	        e, "\tvirtual %.*s %.*s", KP_STR_ARG(answer), KP_STR_ARG(function->cpp_name));
	idl_signature_add(e, &signature, "kipp::call &call");
	add_ins(e, &signature, function);
	idl_signature_end(&signature, " = 0;");
}

static void emit_servant(const struct one_interface *one)
{
	struct idl_emitter *e = one->e;
	const struct idl_function *functions = one->decl->functions;
	struct kp_str name = one->name;
	kp_buf_append_byte(e->out, '\n');
	idl_emit_comment(e, "", one->decl->comment);
	kp_buf_printf(e->out,
	              "class %.*s\n{\n      public:\n\tusing kipp_servant = %.*s;\n\n"
	              "\tvirtual ~%.*s() = default;\n",
	              KP_STR_ARG(name), KP_STR_ARG(name), KP_STR_ARG(name));
	for (const struct idl_function *f = functions; f; f = f->next)
		emit_answer(e, f);
	if (functions)
		kp_buf_append_byte(e->out, '\n');
	for (const struct idl_function *f = functions; f; f = f->next)
		emit_handler(e, f);
	kp_buf_append_str(e->out,
	                  kp_str("\n\tstatic const struct kp_interface *kipp_interface();\n"));
	if (functions)
		kp_buf_append_str(e->out, kp_str("\n      private:\n"));
	for (const struct idl_function *f = functions; f; f = f->next) {
		struct idl_signature signature = idl_signature_begin(
		        e, "\tstatic void kipp_dispatch_%.*s", KP_STR_ARG(f->cpp_name));
		idl_signature_add(e, &signature, "const void *ops");
		idl_signature_add(e, &signature, "struct kp_call *context");
		idl_signature_add(e, &signature, "struct kp_decoder *body");
		idl_signature_end(&signature, ";");
	}
	kp_buf_append_str(e->out, kp_str("};\n"));
}

static void emit_dispatch(const struct one_interface *one, const struct idl_function *function)
{
	struct idl_emitter *e = one->e;
	struct kp_str name = one->name, answer = answer_type(e, function);
	kp_buf_append_byte(e->out, '\n');
	struct idl_signature signature =
	        idl_signature_begin(e, "inline void %.*s::kipp_dispatch_%.*s", KP_STR_ARG(name),
	                            KP_STR_ARG(function->cpp_name));
	idl_signature_add(e, &signature, "const void *ops");
	idl_signature_add(e, &signature, "struct kp_call *context");
	idl_signature_add(e, &signature, "struct kp_decoder *body");
	idl_signature_end(&signature, "");
	kp_buf_printf(e->out,
	              "{\n\tauto *handlers = static_cast<%.*s *>(const_cast<void *>(ops));\n"
	              "\tauto handler = [&](kipp::call &call, kipp::reader &%s) -> %.*s {\n",
	              KP_STR_ARG(name), has_ins(function) ? "in" : "", KP_STR_ARG(answer));
	for (const struct idl_param *param = function->params; param; param = param->next) {
		if (param->is_out)
			continue;
		kp_buf_printf(e->out,
		              "\t\t%.*s %.*s%.*s;\n\t\tkipp::decode(in, %u, KP_REQUIRED, %.*s);\n",
		              KP_STR_ARG(idl_cpp_type(e->idl, param->type)),
		              KP_STR_ARG(param->c_name), KP_STR_ARG(idl_cpp_initial(param->type)),
		              param->tag, KP_STR_ARG(param->c_name));
	}
	if (has_ins(function))
		kp_buf_append_str(e->out, kp_str(is_void(function) && !has_outs(function)
		                                         ? "\t\tif (!in)\n\t\t\treturn;\n"
		                                         : "\t\tif (!in)\n\t\t\treturn {};\n"));
	kp_buf_printf(e->out, "\t\treturn handlers->%.*s(call", KP_STR_ARG(function->cpp_name));
	append_in_names(e, function);
	kp_buf_printf(e->out,
	              ");\n\t};\n\tkipp::detail::handle<%.*s>(context, body, handler);\n}\n",
	              KP_STR_ARG(answer));
}

static void emit_table(const struct one_interface *one)
{
	struct idl_emitter *e = one->e;
	struct kp_str c_name = one->decl->c_name;
	size_t count = 0;
	kp_buf_printf(e->out, "\ninline const struct kp_interface *%.*s::kipp_interface()\n{\n",
	              KP_STR_ARG(one->name));
	if (!one->decl->functions) {
		kp_buf_printf(e->out, "\treturn &%.*s_interface;\n}\n", KP_STR_ARG(c_name));
		return;
	}
	kp_buf_append_str(e->out, kp_str("\tstatic const struct kp_function functions[] = {\n"));
	for (const struct idl_function *f = one->decl->functions; f; f = f->next, count++)
		kp_buf_printf(e->out,
		              "\t        kipp::detail::with_dispatch(%.*s_interface, %zu, "
		              "kipp_dispatch_%.*s),\n",
		              KP_STR_ARG(c_name), count, KP_STR_ARG(f->cpp_name));
	kp_buf_printf(e->out,
	              "\t};\n\tstatic const struct kp_interface table = {\n"
	              "\t        %.*s_interface.name, functions, %zu, %.*s_interface.find};\n"
	              "\treturn &table;\n}\n",
	              KP_STR_ARG(c_name), count, KP_STR_ARG(c_name));
}

// --- proxies

static void emit_writer(struct idl_emitter *e, const struct idl_function *function)
{
	if (!has_ins(function))
		return;
	kp_buf_append_byte(e->out, '\n');
	struct idl_signature signature = idl_signature_begin(e, "\tstatic void kipp_write_%.*s",
	                                                     KP_STR_ARG(function->cpp_name));
	idl_signature_add(e, &signature, "kipp::request &request");
	add_ins(e, &signature, function);
	idl_signature_end(&signature, "");
	kp_buf_append_str(e->out, kp_str("\t{\n\t\tstruct kp_buf *out = request.body();\n"
	                                 "\t\tif (!out)\n\t\t\treturn;\n"));
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (!param->is_out)
			kp_buf_printf(e->out, "\t\tkipp::encode(out, %u, %.*s);\n", param->tag,
			              KP_STR_ARG(param->c_name));
	kp_buf_append_str(e->out, kp_str("\t}\n"));
}

// emit_open writes the first lines of a call, up to where the request is sent.
static void emit_open(struct idl_emitter *e, const struct idl_function *function, const char *call)
{
	kp_buf_printf(e->out, "\t{\n\t\tkipp::request request(kipp_proxy_, %s, \"%.*s\");\n", call,
	              KP_STR_ARG(function->name.text));
	if (!has_ins(function))
		return;
	kp_buf_printf(e->out, "\t\tkipp_write_%.*s(request", KP_STR_ARG(function->cpp_name));
	append_in_names(e, function);
	kp_buf_append_str(e->out, kp_str(");\n"));
}

// emit_waiting writes one way of calling that has a scope.
static void emit_waiting(struct idl_emitter *e, const struct idl_function *function,
                         const char *gives, const char *suffix, const char *sends)
{
	struct kp_str answer = answer_type(e, function), name = function->cpp_name;
	kp_buf_append_byte(e->out, '\n');
	struct idl_signature signature = idl_signature_begin(
	        e, "\tkipp::%s<%.*s> %.*s%s", gives, KP_STR_ARG(answer), KP_STR_ARG(name), suffix);
	idl_signature_add(e, &signature, "kipp::call &call");
	add_ins(e, &signature, function);
	idl_signature_end(&signature, " const");
	emit_open(e, function, "&call");
	kp_buf_printf(e->out, "\t\treturn request.%s<%.*s>();\n\t}\n", sends, KP_STR_ARG(answer));
}

static void emit_throwing(struct idl_emitter *e, const struct idl_function *function)
{
	struct kp_str name = function->cpp_name;
	kp_buf_append_str(e->out, kp_str("\n#if KIPP_EXCEPTIONS\n"));
	idl_emit_comment(e, "\t", function->comment);
	struct idl_signature signature = idl_signature_begin(
	        e, "\t%.*s %.*s", KP_STR_ARG(answer_type(e, function)), KP_STR_ARG(name));
	idl_signature_add(e, &signature, "kipp::call &call");
	add_ins(e, &signature, function);
	idl_signature_end(&signature, " const");
	kp_buf_printf(e->out, "\t{\n\t\treturn %.*s_try(call", KP_STR_ARG(name));
	append_in_names(e, function);
	kp_buf_append_str(e->out, kp_str(").value();\n\t}\n#endif\n"));
}

static void emit_async(struct idl_emitter *e, const struct idl_function *function)
{
	struct kp_str answer = answer_type(e, function), name = function->cpp_name;
	kp_buf_append_str(e->out, kp_str("\n\ttemplate <class KippF>\n"));
	struct idl_signature signature =
	        idl_signature_begin(e, "\tkp_err %.*s_async", KP_STR_ARG(name));
	add_ins(e, &signature, function);
	idl_signature_add(e, &signature, "KippF &&on_answer");
	idl_signature_end(&signature, " const");
	emit_open(e, function, "nullptr");
	kp_buf_printf(e->out,
	              "\t\treturn request.async<%.*s>(std::forward<KippF>(on_answer));\n\t}\n\n",
	              KP_STR_ARG(answer));
	signature = idl_signature_begin(e, "\tkp_err %.*s_oneway", KP_STR_ARG(name));
	add_ins(e, &signature, function);
	idl_signature_end(&signature, " const");
	emit_open(e, function, "nullptr");
	kp_buf_append_str(e->out, kp_str("\t\treturn request.oneway();\n\t}\n"));
}

static void emit_await(struct idl_emitter *e, const struct idl_function *function)
{
	struct kp_str name = function->cpp_name;
	kp_buf_append_str(e->out, kp_str("\n#ifdef __cpp_impl_coroutine\n"));
	struct idl_signature signature =
	        idl_signature_begin(e, "\tauto %.*s_await", KP_STR_ARG(name));
	add_ins(e, &signature, function);
	idl_signature_end(&signature, " const");
	kp_buf_append_str(e->out, kp_str("\t{\n\t\tauto kipp_start = [kipp_self = *this"));
	append_in_names(e, function);
	kp_buf_printf(e->out, "](auto on_answer) {\n\t\t\treturn kipp_self.%.*s_async(",
	              KP_STR_ARG(name));
	for (const struct idl_param *param = function->params; param; param = param->next)
		if (!param->is_out)
			kp_buf_printf(e->out, "%.*s, ", KP_STR_ARG(param->c_name));
	kp_buf_printf(
	        e->out,
	        "on_answer);\n\t\t};\n"
	        "\t\treturn kipp::awaitable<%.*s, decltype(kipp_start)>(std::move(kipp_start));\n"
	        "\t}\n#endif\n",
	        KP_STR_ARG(answer_type(e, function)));
}

static void emit_proxy(const struct one_interface *one)
{
	struct idl_emitter *e = one->e;
	struct kp_str proxy = one->proxy;
	const struct idl_function *functions = one->decl->functions;
	kp_buf_printf(e->out, "\n// %.*s calls a servant; a copy calls the same.\nclass %.*s\n{\n",
	              KP_STR_ARG(proxy), KP_STR_ARG(proxy));
	kp_buf_append_str(e->out, kp_str("      public:\n"));
	struct idl_signature signature = idl_signature_begin(e, "\t%.*s", KP_STR_ARG(proxy));
	idl_signature_add(e, &signature, "const kipp::client &client");
	idl_signature_add(e, &signature, "const std::string &object");
	idl_signature_end(&signature, "");
	kp_buf_append_str(e->out, kp_str("\t        : kipp_proxy_(kp_client_proxy(client.get(), "
	                                 "object.c_str()))\n\t{\n\t}\n\n"
	                                 "\tstruct kp_proxy *kipp_proxy() const\n\t{\n"
	                                 "\t\treturn kipp_proxy_;\n\t}\n"));
	bool is_first = true;
	for (const struct idl_function *f = functions; f; f = f->next) {
		if (!has_outs(f))
			continue;
		struct kp_str answer = answer_type(e, f);
		kp_buf_printf(e->out, "%s\tusing %.*s = %.*s::%.*s;\n", is_first ? "\n" : "",
		              KP_STR_ARG(answer), KP_STR_ARG(one->name), KP_STR_ARG(answer));
		is_first = false;
	}
	for (const struct idl_function *f = functions; f; f = f->next) {
		emit_throwing(e, f);
		emit_waiting(e, f, "result", "_try", "wait");
		emit_waiting(e, f, "pending", "_begin", "begin");
		emit_async(e, f);
		emit_await(e, f);
	}
	kp_buf_append_str(e->out, kp_str("\n      private:\n\tstruct kp_proxy *kipp_proxy_;\n"));
	for (const struct idl_function *f = functions; f; f = f->next)
		emit_writer(e, f);
	kp_buf_append_str(e->out, kp_str("};\n"));
}

static struct kp_str proxy_name(struct kp_idl *idl, const struct idl_decl *decl)
{
	struct kp_str name = idl_format(idl, "%.*sProxy", KP_STR_ARG(decl->name.text));
	while (name.ptr && idl_find_decl(idl, decl->module, name))
		name = idl_format(idl, "%.*s_", KP_STR_ARG(name));
	return name;
}

void idl_cpp_emit_interfaces(struct idl_emitter *e, struct kp_str *module)
{
	IDL_EACH(e, decl, IDL_INTERFACE)
	{
		idl_cpp_module(e, module, decl->module);
		struct one_interface one = {.e = e, .decl = decl};
		one.name = idl_c_word(e->idl, decl->name.text);
		one.proxy = proxy_name(e->idl, decl);
		emit_servant(&one);
		for (const struct idl_function *f = decl->functions; f; f = f->next)
			emit_dispatch(&one, f);
		emit_table(&one);
		emit_proxy(&one);
	}
}
