// c.c - the C header and source of one .tars file.
#include "idl/emit/emit.h"

#include "base/text.h"

static void use(struct idl_emitter *e, const struct idl_type *type)
{
	if (type->kind == KP_KIND_LIST || type->kind == KP_KIND_MAP) {
		use(e, type->element);
		if (type->key)
			use(e, type->key);
	}
	struct idl_used **last = &e->used;
	for (; *last; last = &(*last)->next)
		if (kp_str_equal(idl_type_name((*last)->type), idl_type_name(type)))
			return;
	*last = idl_new(e->idl, struct idl_used);
	if (*last)
		(*last)->type = type;
}

// collect_used finds every type that the file's code and tables speak of.
static void collect_used(struct idl_emitter *e)
{
	IDL_EACH(e, decl, IDL_STRUCT)
	{
		for (const struct idl_field *field = decl->fields; field; field = field->next)
			use(e, field->type);
		struct idl_type *self = idl_new(e->idl, struct idl_type);
		if (!self)
			return;
		self->kind = KP_KIND_STRUCT;
		self->decl = decl;
		use(e, self);
	}
	IDL_EACH(e, decl, IDL_INTERFACE)
	{
		for (const struct idl_function *f = decl->functions; f; f = f->next) {
			use(e, f->result);
			for (const struct idl_param *param = f->params; param; param = param->next)
				use(e, param->type);
		}
	}
}

struct kp_str idl_base_name(struct kp_str path)
{
	size_t at = path.len;
	while (at > 0 && path.ptr[at - 1] != '/')
		at--;
	return kp_str_sub(path, at, path.len);
}

static void emit_includes(struct idl_emitter *e)
{
	for (const struct idl_include *include = e->file->includes; include;
	     include = include->next) {
		struct kp_str path = include->path;
		if (kp_str_ends_with(path, kp_str(".tars")))
			path = kp_str_sub(path, 0, path.len - 5);
		kp_buf_printf(e->out, "#include \"%.*s.h\"\n", KP_STR_ARG(path));
	}
}

static void emit_header(struct idl_emitter *e)
{
	kp_buf_printf(e->out,
	              "// %s.h - made from %.*s by kipp idl; edit that file instead.\n"
	              "#pragma once\n\n#include <kipp/kipp.h>\n",
	              e->stem, KP_STR_ARG(idl_base_name(e->file->path)));
	if (e->file->includes)
		kp_buf_append_byte(e->out, '\n');
	emit_includes(e);
	kp_buf_append_str(e->out, kp_str("\nKP_BEGIN_DECLS\n"));
	idl_emit_types(e);
	idl_emit_struct_prototypes(e);
	idl_emit_client_prototypes(e);
	idl_emit_server_prototypes(e);
	kp_buf_append_str(e->out, kp_str("\nKP_END_DECLS\n"));
}

static void emit_source(struct idl_emitter *e)
{
	kp_buf_printf(e->out,
	              "// %s.c - made from %.*s by kipp idl; edit that file instead.\n"
	              "#include \"%s.h\"\n",
	              e->stem, KP_STR_ARG(idl_base_name(e->file->path)), e->stem);
	idl_emit_tables(e);
	idl_emit_container_functions(e);
	idl_emit_struct_functions(e);
	idl_emit_client(e);
	idl_emit_server(e);
	idl_emit_interface_tables(e);
}

kp_err kp_idl_emit_c(struct kp_idl *idl, const char *stem, struct kp_buf *header,
                     struct kp_buf *source)
{
	struct idl_emitter emitter = {.idl = idl, .file = idl->files, .stem = stem};
	collect_used(&emitter);
	if (idl->err != KP_OK)
		return idl->err;
	emitter.out = header;
	emit_header(&emitter);
	emitter.out = source;
	emit_source(&emitter);
	if (idl->err != KP_OK)
		return idl->err;
	return header->err != KP_OK ? header->err : source->err;
}
