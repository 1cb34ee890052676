// error.c - collects the errors of a text and shows them with their lines.
#include "idl/error.h"

#include <stdlib.h>

enum {
	SHOWN_BEFORE_MAX = 80, // of a line, around the caret
	SHOWN_AFTER_MAX = 80,
};

void idl_error(struct kp_idl *idl, struct idl_place place, const char *format, ...)
{
	idl->error_count++;
	if (idl->errors.len == IDL_ERRORS_MAX || idl->err != KP_OK)
		return;
	va_list args;
	va_start(args, format);
	struct kp_str text = kp_arena_vformat(&idl->arena, format, args);
	va_end(args);
	struct idl_error error = {place, text};
	if (!text.ptr || kp_vec_push(&idl->errors, error) != KP_OK)
		idl->err = KP_ERR_NOMEM;
}

static int compare_errors(const void *a, const void *b)
{
	const struct idl_error *x = a, *y = b;
	size_t x_file = x->place.file->index, y_file = y->place.file->index;
	if (x_file != y_file)
		return x_file < y_file ? -1 : 1;
	if (x->place.offset != y->place.offset)
		return x->place.offset < y->place.offset ? -1 : 1;
	return kp_str_compare(x->text, y->text);
}

static bool is_inside_character(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

// print_line shows the line and puts a caret under `at`; a tab stays a tab, so that both align.
static void print_line(struct kp_str text, size_t line_start, size_t at, struct kp_buf *out)
{
	size_t start = at - line_start > SHOWN_BEFORE_MAX ? at - SHOWN_BEFORE_MAX : line_start;
	while (start < at && is_inside_character(text.ptr[start]))
		start++;
	size_t end = at;
	while (end < text.len && end - at < SHOWN_AFTER_MAX && text.ptr[end] != '\n' &&
	       text.ptr[end] != '\r')
		end++;
	for (size_t i = start; i < end; i++)
		kp_buf_append_byte(out, text.ptr[i] ? (uint8_t)text.ptr[i] : ' ');
	kp_buf_append_byte(out, '\n');
	for (size_t i = start; i < at; i++) {
		if (text.ptr[i] == '\t')
			kp_buf_append_byte(out, '\t');
		else if (!is_inside_character(text.ptr[i]))
			kp_buf_append_byte(out, ' ');
	}
	kp_buf_append_str(out, kp_str("^\n"));
}

static void print_error(const struct idl_error *error, struct kp_buf *out)
{
	struct kp_str text = error->place.file->text;
	size_t line = 1, line_start = 0;
	for (size_t i = 0; i < error->place.offset; i++) {
		if (text.ptr[i] == '\n') {
			line++;
			line_start = i + 1;
		}
	}
	kp_buf_printf(out, "%s:%zu:%zu: %.*s\n", error->place.file->path.ptr, line,
	              error->place.offset - line_start + 1, KP_STR_ARG(error->text));
	print_line(text, line_start, error->place.offset, out);
}

void idl_errors_print(struct kp_idl *idl, struct kp_buf *out)
{
	if (idl->errors.len == 0)
		return;
	qsort(idl->errors.ptr, idl->errors.len, sizeof(*idl->errors.ptr), compare_errors);
	for (size_t i = 0; i < idl->errors.len; i++)
		print_error(&idl->errors.ptr[i], out);
	if (idl->error_count > idl->errors.len)
		kp_buf_printf(out, "and %zu more\n", idl->error_count - idl->errors.len);
}
