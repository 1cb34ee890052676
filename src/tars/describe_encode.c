// describe_encode.c - an interface's description to TARS bytes.
//
// In .tars words, the body is the fields of Interface, unwrapped:
//
//     struct Type      { 0 require byte kind; 1 optional Type element; 2 optional Type key;
//                        3 optional int index; };  // of a STRUCT or ENUM in its table
//     struct EnumValue { 0 require string name; 1 require int value; };
//     struct Enum      { 0 require string name; 1 require vector<EnumValue> values; };
//     struct Field     { 0 require string name; 1 require byte tag (as short); 2 require bool
//     required;
//                        3 require Type type; 4 optional string default; };
//     struct Struct    { 0 require string name; 1 require vector<Field> fields; };
//     struct Param     { 0 require string name; 1 require Type type; 2 require bool isOut; };
//     struct Function  { 0 require string name; 1 require Type result; 2 require vector<Param>
//     params; }; struct Interface { 0 require int version; 1 require string name; 2 require
//     vector<Enum> enums;
//                        3 require vector<Struct> structs; 4 require vector<Function> functions; };
//
// Lists and maps spell their element out, named types go by index, so a type may use itself.
#include "tars/describe.h"

#include "base/try.h"

struct writer {
	struct kp_buf *out;
	struct kp_type_table table;
};

static int32_t index_of_struct(const struct writer *writer, const struct kp_struct_type *structure)
{
	int32_t index = 0;
	while (writer->table.structs.ptr[index] != structure)
		index++;
	return index;
}

static int32_t index_of_enum(const struct writer *writer, const struct kp_enum_type *enumeration)
{
	int32_t index = 0;
	while (writer->table.enums.ptr[index] != enumeration)
		index++;
	return index;
}

static void write_type(struct writer *writer, unsigned tag, const struct kp_type *type)
{
	struct kp_buf *out = writer->out;
	kp_struct_begin(out, tag);
	kp_i8_encode(out, 0, (int8_t)type->kind);
	if (type->kind == KP_KIND_LIST || type->kind == KP_KIND_MAP)
		write_type(writer, 1, type->element);
	if (type->kind == KP_KIND_MAP)
		write_type(writer, 2, type->key);
	if (type->kind == KP_KIND_STRUCT)
		kp_i32_encode(out, 3, index_of_struct(writer, type->structure));
	if (type->kind == KP_KIND_ENUM)
		kp_i32_encode(out, 3, index_of_enum(writer, type->enumeration));
	kp_struct_end(out);
}

static void write_enum(struct writer *writer, const struct kp_enum_type *enumeration)
{
	struct kp_buf *out = writer->out;
	kp_struct_begin(out, 0);
	kp_str_encode(out, 0, kp_str(enumeration->name));
	kp_list_begin(out, 1, enumeration->value_count);
	for (size_t i = 0; i < enumeration->value_count; i++) {
		kp_struct_begin(out, 0);
		kp_str_encode(out, 0, kp_str(enumeration->values[i].name));
		kp_i32_encode(out, 1, enumeration->values[i].value);
		kp_struct_end(out);
	}
	kp_struct_end(out);
}

static void write_struct(struct writer *writer, const struct kp_struct_type *structure)
{
	struct kp_buf *out = writer->out;
	kp_struct_begin(out, 0);
	kp_str_encode(out, 0, kp_str(structure->name));
	kp_list_begin(out, 1, structure->field_count);
	for (size_t i = 0; i < structure->field_count; i++) {
		const struct kp_field *field = &structure->fields[i];
		kp_struct_begin(out, 0);
		kp_str_encode(out, 0, kp_str(field->name));
		kp_u8_encode(out, 1, field->tag);
		kp_bool_encode(out, 2, field->required);
		write_type(writer, 3, field->type);
		if (field->default_text)
			kp_str_encode(out, 4, kp_str(field->default_text));
		kp_struct_end(out);
	}
	kp_struct_end(out);
}

static void write_function(struct writer *writer, const struct kp_function *function)
{
	struct kp_buf *out = writer->out;
	kp_struct_begin(out, 0);
	kp_str_encode(out, 0, kp_str(function->name));
	write_type(writer, 1, function->result);
	kp_list_begin(out, 2, function->param_count);
	for (size_t i = 0; i < function->param_count; i++) {
		const struct kp_param *param = &function->params[i];
		kp_struct_begin(out, 0);
		kp_str_encode(out, 0, kp_str(param->name));
		write_type(writer, 1, param->type);
		kp_bool_encode(out, 2, param->is_out);
		kp_struct_end(out);
	}
	kp_struct_end(out);
}

static void write_interface(struct writer *writer, const struct kp_interface *interface)
{
	struct kp_buf *out = writer->out;
	kp_i32_encode(out, 0, KP_DESCRIPTION_VERSION);
	kp_str_encode(out, 1, kp_str(interface->name));
	kp_list_begin(out, 2, writer->table.enums.len);
	for (size_t i = 0; i < writer->table.enums.len; i++)
		write_enum(writer, writer->table.enums.ptr[i]);
	kp_list_begin(out, 3, writer->table.structs.len);
	for (size_t i = 0; i < writer->table.structs.len; i++)
		write_struct(writer, writer->table.structs.ptr[i]);
	kp_list_begin(out, 4, interface->function_count);
	for (size_t i = 0; i < interface->function_count; i++)
		write_function(writer, &interface->functions[i]);
}

static void fini_writer(struct writer *writer)
{
	kp_type_table_fini(&writer->table);
}

kp_err kp_interface_encode(const struct kp_interface *interface, struct kp_buf *out)
{
	kp_cleanup(fini_writer) struct writer writer = {.out = out};
	KP_TRY(kp_type_table_collect(&writer.table, interface));
	write_interface(&writer, interface);
	return out->err;
}
