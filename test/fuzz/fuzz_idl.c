// fuzz_idl.c - any text as a .tars file, through every stage of the compiler.
#include "base/assert.h"
#include "idl/idl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The file includes itself by its own name, and one good file by "b.tars".
static kp_err read_text(void *arg, const char *path, struct kp_buf *out)
{
	if (strcmp(path, "a.tars") == 0)
		kp_buf_append_str(out, *(const struct kp_str *)arg);
	else if (strcmp(path, "b.tars") == 0)
		kp_buf_append_str(
		        out,
		        kp_str("module B { enum E { X, Y = 5 }; struct T { 0 require E e; }; };"));
	else
		return KP_ERR_NOTFOUND;
	return out->err;
}

static void check_emit(struct kp_idl *idl)
{
	struct kp_buf header = {0}, source = {0}, cpp = {0};
	kp_assert(kp_idl_emit_c(idl, "a", &header, &source) == KP_OK);
	kp_assert(kp_idl_emit_cpp(idl, "a", &cpp) == KP_OK);
	kp_assert(header.len > 0 && source.len > 0 && cpp.len > 0);
	kp_buf_fini(&cpp);
	kp_buf_fini(&header);
	kp_buf_fini(&source);
}

// check_describe wants every table complete, also when the tree is gone.
static void check_describe(struct kp_idl *idl)
{
	struct kp_arena *arena = kp_arena_new(0);
	struct kp_idl_description description;
	kp_assert(arena && kp_idl_describe(idl, arena, &description) == KP_OK);
	kp_idl_close(idl);
	for (size_t i = 0; i < description.struct_count; i++) {
		const struct kp_struct_type *type = &description.structs[i];
		kp_assert(type->size > 0 && strchr(type->name, ':'));
		for (size_t f = 0; f < type->field_count; f++)
			kp_assert(type->fields[f].offset + type->fields[f].type->size <=
			          type->size);
	}
	for (size_t i = 0; i < description.interface_count; i++)
		for (size_t f = 0; f < description.interfaces[i].function_count; f++)
			kp_assert(description.interfaces[i].functions[f].result);
	kp_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kp_str text = {(const char *)data, size};
	struct kp_idl_options options = {.read = read_text, .arg = &text};
	struct kp_buf messages = {0};
	struct kp_idl *idl = NULL;
	kp_err err = kp_idl_open("a.tars", &options, &idl, &messages);
	kp_assert(err == KP_OK || err == KP_ERR_INVALID || err == KP_ERR_NOMEM);
	kp_assert((err == KP_OK) == (messages.len == 0));
	kp_buf_fini(&messages);
	if (err != KP_OK)
		return 0;
	check_emit(idl);
	check_describe(idl);
	return 0;
}
