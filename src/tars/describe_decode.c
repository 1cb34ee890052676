// describe_decode.c - TARS bytes to an interface's description; describe_encode.c has the layout.
#include "base/try.h"
#include "tars/describe.h"

enum {
	NAME_SIZE_MAX = 255
};

struct reader {
	struct kp_decoder in;
	struct kp_enum_type *enums;
	size_t enum_count;
	struct kp_struct_type *structs; // known by number before their fields are read
	size_t struct_count;
};

static void refuse(struct reader *reader)
{
	if (reader->in.err == KP_OK)
		reader->in.err = KP_ERR_DECODE;
}

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == ':';
}

static const char *copy_text(struct reader *reader, struct kp_str text)
{
	struct kp_str copy = kp_arena_str(reader->in.arena, text);
	if (!copy.ptr && reader->in.err == KP_OK)
		reader->in.err = KP_ERR_NOMEM;
	return copy.ptr;
}

static const char *read_name(struct reader *reader, unsigned tag)
{
	struct kp_str name;
	if (!kp_str_decode(&reader->in, tag, KP_REQUIRED, &name))
		return NULL;
	bool is_good = name.len > 0 && name.len <= NAME_SIZE_MAX;
	for (size_t i = 0; i < name.len && is_good; i++)
		is_good = is_name_byte(name.ptr[i]);
	if (is_good)
		return copy_text(reader, name);
	refuse(reader);
	return NULL;
}

// read_default takes printable text, so that whoever prints it is safe.
static const char *read_default(struct reader *reader, unsigned tag)
{
	struct kp_str text;
	if (!kp_str_decode(&reader->in, tag, KP_OPTIONAL, &text))
		return NULL;
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
			refuse(reader);
	return copy_text(reader, text);
}

static void read_named_type(struct reader *reader, struct kp_type *type)
{
	int32_t index;
	if (!kp_i32_decode(&reader->in, 3, KP_REQUIRED, &index))
		return;
	size_t count = type->kind == KP_KIND_STRUCT ? reader->struct_count : reader->enum_count;
	if (index < 0 || (size_t)index >= count)
		refuse(reader);
	else if (type->kind == KP_KIND_STRUCT)
		type->structure = &reader->structs[index];
	else
		type->enumeration = &reader->enums[index];
}

// read_type reads a type; only a function's result may be void.
static const struct kp_type *read_type(struct reader *reader, unsigned tag, bool may_be_void)
{
	struct kp_decoder *in = &reader->in;
	struct kp_type *type = kp_decoder_alloc(in, 1, sizeof(*type));
	int8_t kind;
	if (!type || !kp_struct_enter(in, tag, KP_REQUIRED))
		return type;
	if (kp_i8_decode(in, 0, KP_REQUIRED, &kind)) {
		if (kind < (may_be_void ? KP_KIND_VOID : KP_KIND_BOOL) || kind > KP_KIND_ENUM)
			refuse(reader);
		type->kind = (enum kp_kind)kind;
	}
	if (in->err == KP_OK && (type->kind == KP_KIND_LIST || type->kind == KP_KIND_MAP))
		type->element = read_type(reader, 1, false);
	if (in->err == KP_OK && type->kind == KP_KIND_MAP)
		type->key = read_type(reader, 2, false);
	if (in->err == KP_OK && (type->kind == KP_KIND_STRUCT || type->kind == KP_KIND_ENUM))
		read_named_type(reader, type);
	kp_struct_leave(in);
	return type;
}

// read_list enters a list and allocates room for its elements.
static void *read_list(struct reader *reader, unsigned tag, size_t size, size_t *ret_count)
{
	*ret_count = 0;
	size_t count;
	if (!kp_list_enter(&reader->in, tag, KP_REQUIRED, &count))
		return NULL;
	void *list = kp_decoder_alloc(&reader->in, count, size);
	if (list)
		*ret_count = count;
	return list;
}

static void read_enum(struct reader *reader, struct kp_enum_type *enumeration)
{
	struct kp_decoder *in = &reader->in;
	if (!kp_struct_enter(in, 0, KP_REQUIRED))
		return;
	enumeration->name = read_name(reader, 0);
	struct kp_enum_value *values =
	        read_list(reader, 1, sizeof(*values), &enumeration->value_count);
	enumeration->values = values;
	for (size_t i = 0; i < enumeration->value_count && in->err == KP_OK; i++) {
		if (!kp_struct_enter(in, 0, KP_REQUIRED))
			break;
		values[i].name = read_name(reader, 0);
		kp_i32_decode(in, 1, KP_REQUIRED, &values[i].value);
		kp_struct_leave(in);
	}
	kp_list_leave(in);
	kp_struct_leave(in);
}

static void read_field(struct reader *reader, struct kp_field *field)
{
	struct kp_decoder *in = &reader->in;
	if (!kp_struct_enter(in, 0, KP_REQUIRED))
		return;
	field->name = read_name(reader, 0);
	kp_u8_decode(in, 1, KP_REQUIRED, &field->tag);
	kp_bool_decode(in, 2, KP_REQUIRED, &field->required);
	field->type = read_type(reader, 3, false);
	if (in->err == KP_OK)
		field->default_text = read_default(reader, 4);
	kp_struct_leave(in);
}

static void read_struct(struct reader *reader, struct kp_struct_type *structure)
{
	struct kp_decoder *in = &reader->in;
	if (!kp_struct_enter(in, 0, KP_REQUIRED))
		return;
	structure->name = read_name(reader, 0);
	struct kp_field *fields = read_list(reader, 1, sizeof(*fields), &structure->field_count);
	structure->fields = fields;
	bool is_taken[256] = {false};
	for (size_t i = 0; i < structure->field_count && in->err == KP_OK; i++) {
		read_field(reader, &fields[i]);
		if (is_taken[fields[i].tag])
			refuse(reader);
		is_taken[fields[i].tag] = true;
	}
	kp_list_leave(in);
	kp_struct_leave(in);
}

static void read_function(struct reader *reader, struct kp_function *function)
{
	struct kp_decoder *in = &reader->in;
	if (!kp_struct_enter(in, 0, KP_REQUIRED))
		return;
	function->name = read_name(reader, 0);
	function->result = read_type(reader, 1, true);
	struct kp_param *params = read_list(reader, 2, sizeof(*params), &function->param_count);
	function->params = params;
	if (function->param_count > 255) // tags end there
		refuse(reader);
	for (size_t i = 0; i < function->param_count && in->err == KP_OK; i++) {
		if (!kp_struct_enter(in, 0, KP_REQUIRED))
			break;
		params[i].name = read_name(reader, 0);
		params[i].type = read_type(reader, 1, false);
		kp_bool_decode(in, 2, KP_REQUIRED, &params[i].is_out);
		kp_struct_leave(in);
	}
	kp_list_leave(in);
	kp_struct_leave(in);
}

static void read_interface(struct reader *reader, struct kp_interface *interface)
{
	struct kp_decoder *in = &reader->in;
	int32_t version;
	if (kp_i32_decode(in, 0, KP_REQUIRED, &version) && version < KP_DESCRIPTION_VERSION)
		refuse(reader);
	interface->name = read_name(reader, 1);

	reader->enums = read_list(reader, 2, sizeof(*reader->enums), &reader->enum_count);
	if (reader->enum_count > KP_DESCRIPTION_TYPES_MAX)
		refuse(reader);
	for (size_t i = 0; i < reader->enum_count && in->err == KP_OK; i++)
		read_enum(reader, &reader->enums[i]);
	kp_list_leave(in);

	reader->structs = read_list(reader, 3, sizeof(*reader->structs), &reader->struct_count);
	if (reader->struct_count > KP_DESCRIPTION_TYPES_MAX)
		refuse(reader);
	for (size_t i = 0; i < reader->struct_count && in->err == KP_OK; i++)
		read_struct(reader, &reader->structs[i]);
	kp_list_leave(in);

	struct kp_function *functions =
	        read_list(reader, 4, sizeof(*functions), &interface->function_count);
	interface->functions = functions;
	for (size_t i = 0; i < interface->function_count && in->err == KP_OK; i++)
		read_function(reader, &functions[i]);
	kp_list_leave(in);
}

kp_err kp_interface_decode(struct kp_bytes bytes, struct kp_arena *arena, struct kp_interface **ret)
{
	if (bytes.len > KP_DESCRIPTION_SIZE_MAX)
		return KP_ERR_DECODE;
	struct reader reader = {.in = kp_decoder(bytes, arena)};
	struct kp_interface *interface = kp_decoder_alloc(&reader.in, 1, sizeof(*interface));
	if (interface)
		read_interface(&reader, interface);
	kp_err err = kp_decoder_skip_rest(&reader.in);
	if (err != KP_OK)
		return err == KP_ERR_LIMIT ? KP_ERR_DECODE : err; // nested too deeply
	*ret = interface;
	return KP_OK;
}
