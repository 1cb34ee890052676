// describe_print.c - an interface's description as the .tars text it came from, comments aside.
#include "base/try.h"
#include "tars/describe.h"

static const char *const scalar_names[] = {
        [KP_KIND_VOID] = "void",
        [KP_KIND_BOOL] = "bool",
        [KP_KIND_I8] = "byte",
        [KP_KIND_I16] = "short",
        [KP_KIND_I32] = "int",
        [KP_KIND_I64] = "long",
        [KP_KIND_U8] = "unsigned byte",
        [KP_KIND_U16] = "unsigned short",
        [KP_KIND_U32] = "unsigned int",
        [KP_KIND_F32] = "float",
        [KP_KIND_F64] = "double",
        [KP_KIND_STR] = "string",
        [KP_KIND_BYTES] = "vector<byte>",
};

// split_name splits "Module::Name"; the module is empty if there is none.
static void split_name(const char *full, struct kp_str *ret_module, struct kp_str *ret_name)
{
	struct kp_str text = kp_str(full);
	*ret_module = kp_str_sub(text, 0, 0);
	*ret_name = text;
	for (size_t i = text.len; i > 1; i--) {
		if (text.ptr[i - 1] != ':' || text.ptr[i - 2] != ':')
			continue;
		*ret_module = kp_str_sub(text, 0, i - 2);
		*ret_name = kp_str_sub(text, i, text.len);
		return;
	}
}

// print_name leaves the module away inside that module.
static void print_name(const char *full, struct kp_str home, struct kp_buf *out)
{
	struct kp_str module, name;
	split_name(full, &module, &name);
	kp_buf_append_str(out, kp_str_equal(module, home) ? name : kp_str(full));
}

static void print_type(const struct kp_type *type, struct kp_str home, struct kp_buf *out)
{
	switch (type->kind) {
	case KP_KIND_LIST:
		kp_buf_append_str(out, kp_str("vector<"));
		print_type(type->element, home, out);
		kp_buf_append_byte(out, '>');
		break;
	case KP_KIND_MAP:
		kp_buf_append_str(out, kp_str("map<"));
		print_type(type->key, home, out);
		kp_buf_append_str(out, kp_str(", "));
		print_type(type->element, home, out);
		kp_buf_append_byte(out, '>');
		break;
	case KP_KIND_STRUCT:
		print_name(type->structure->name, home, out);
		break;
	case KP_KIND_ENUM:
		print_name(type->enumeration->name, home, out);
		break;
	default:
		kp_buf_append_str(out, kp_str(scalar_names[type->kind]));
	}
}

static void print_function(const struct kp_function *function, struct kp_str home,
                           struct kp_buf *out)
{
	print_type(function->result, home, out);
	kp_buf_printf(out, " %s(", function->name);
	for (size_t i = 0; i < function->param_count; i++) {
		const struct kp_param *param = &function->params[i];
		kp_buf_printf(out, "%s%s", i > 0 ? ", " : "", param->is_out ? "out " : "");
		print_type(param->type, home, out);
		kp_buf_printf(out, " %s", param->name);
	}
	kp_buf_append_byte(out, ')');
}

void kp_type_print(const struct kp_type *type, struct kp_buf *out)
{
	print_type(type, (struct kp_str){0}, out);
}

void kp_function_signature(const struct kp_function *function, struct kp_buf *out)
{
	print_function(function, (struct kp_str){0}, out);
}

static void print_enum(const struct kp_enum_type *enumeration, struct kp_str home,
                       struct kp_buf *out)
{
	kp_buf_append_str(out, kp_str("\tenum "));
	print_name(enumeration->name, home, out);
	kp_buf_append_str(out, kp_str("\n\t{\n"));
	for (size_t i = 0; i < enumeration->value_count; i++) {
		const struct kp_enum_value *value = &enumeration->values[i];
		bool is_last = i + 1 == enumeration->value_count;
		kp_buf_printf(out, "\t\t%s = %d%s\n", value->name, value->value,
		              is_last ? "" : ",");
	}
	kp_buf_append_str(out, kp_str("\t};\n"));
}

static void print_struct(const struct kp_struct_type *structure, struct kp_str home,
                         struct kp_buf *out)
{
	kp_buf_append_str(out, kp_str("\tstruct "));
	print_name(structure->name, home, out);
	kp_buf_append_str(out, kp_str("\n\t{\n"));
	for (size_t i = 0; i < structure->field_count; i++) {
		const struct kp_field *field = &structure->fields[i];
		kp_buf_printf(out, "\t\t%d %s ", field->tag,
		              field->required ? "require" : "optional");
		print_type(field->type, home, out);
		kp_buf_printf(out, " %s", field->name);
		if (field->default_text)
			kp_buf_printf(out, " = %s", field->default_text);
		kp_buf_append_str(out, kp_str(";\n"));
	}
	kp_buf_append_str(out, kp_str("\t};\n"));
}

static void print_functions(const struct kp_interface *interface, struct kp_str home,
                            struct kp_buf *out)
{
	kp_buf_append_str(out, kp_str("\tinterface "));
	print_name(interface->name, home, out);
	kp_buf_append_str(out, kp_str("\n\t{\n"));
	for (size_t i = 0; i < interface->function_count; i++) {
		kp_buf_append_str(out, kp_str("\t\t"));
		print_function(&interface->functions[i], home, out);
		kp_buf_append_str(out, kp_str(";\n"));
	}
	kp_buf_append_str(out, kp_str("\t};\n"));
}

// A printer knows which module it stands in.
struct printer {
	struct kp_buf *out;
	struct kp_str module;
	bool is_open;
	struct kp_type_table table;
	size_t printed; // the first structs of the table
};

static void close_module(struct printer *printer)
{
	if (printer->is_open)
		kp_buf_append_str(printer->out, kp_str("};\n"));
	printer->is_open = false;
}

// open_module stands in the module of `full`, and leaves a blank line to what stands before.
static struct kp_str open_module(struct printer *printer, const char *full)
{
	struct kp_str module, name;
	split_name(full, &module, &name);
	bool is_same = printer->is_open && kp_str_equal(printer->module, module);
	if (!is_same)
		close_module(printer);
	if (printer->out->len > 0)
		kp_buf_append_byte(printer->out, '\n');
	if (!is_same)
		kp_buf_printf(printer->out, "module %.*s\n{\n", KP_STR_ARG(module));
	printer->module = module;
	printer->is_open = true;
	return module;
}

static bool is_printed(const struct printer *printer, const struct kp_struct_type *structure)
{
	for (size_t i = 0; i < printer->printed; i++)
		if (printer->table.structs.ptr[i] == structure)
			return true;
	return false;
}

static bool is_type_known(const struct printer *printer, const struct kp_type *type,
                          const struct kp_struct_type *self)
{
	if (type->kind == KP_KIND_STRUCT)
		return type->structure == self || is_printed(printer, type->structure);
	if (type->kind == KP_KIND_MAP && !is_type_known(printer, type->key, self))
		return false;
	if (type->kind == KP_KIND_MAP || type->kind == KP_KIND_LIST)
		return is_type_known(printer, type->element, self);
	return true;
}

static bool is_ready(const struct printer *printer, const struct kp_struct_type *structure)
{
	for (size_t i = 0; i < structure->field_count; i++)
		if (!is_type_known(printer, structure->fields[i].type, structure))
			return false;
	return true;
}

// take_next moves the next struct to print, one that uses only printed ones if there is any, to the
// end of the printed ones.
static const struct kp_struct_type *take_next(struct printer *printer)
{
	const struct kp_struct_type **structs = printer->table.structs.ptr;
	size_t best = printer->table.structs.len - 1; // what is used stands behind its user
	while (best > printer->printed && !is_ready(printer, structs[best]))
		best--;
	const struct kp_struct_type *next = structs[best];
	memmove(&structs[printer->printed + 1], &structs[printer->printed],
	        (best - printer->printed) * sizeof(*structs));
	structs[printer->printed++] = next;
	return next;
}

static void fini_printer(struct printer *printer)
{
	kp_type_table_fini(&printer->table);
}

kp_err kp_interface_print(const struct kp_interface *interface, struct kp_buf *out)
{
	kp_cleanup(fini_printer) struct printer printer = {.out = out};
	KP_TRY(kp_type_table_collect(&printer.table, interface));
	for (size_t i = 0; i < printer.table.enums.len; i++) {
		const struct kp_enum_type *enumeration = printer.table.enums.ptr[i];
		print_enum(enumeration, open_module(&printer, enumeration->name), out);
	}
	while (printer.printed < printer.table.structs.len) {
		const struct kp_struct_type *structure = take_next(&printer);
		print_struct(structure, open_module(&printer, structure->name), out);
	}
	print_functions(interface, open_module(&printer, interface->name), out);
	close_module(&printer);
	return out->err;
}
