// record.c - one "key=value" to a line.
#include "node/record.h"

#include "base/mem.h"
#include "base/text.h"
#include "base/try.h"
#include "os/file.h"

#include <inttypes.h>
#include <stdio.h>

enum {
	SIZE_MAX_OF_RECORD = 64 << 10,
};

static const char port_prefix[] = "port.";

int record_port(const struct record *record, struct kp_str adapter)
{
	for (size_t i = 0; i < record->port_count; i++)
		if (kp_str_equal(kp_str(record->ports[i].adapter), adapter))
			return record->ports[i].port;
	return 0;
}

kp_err record_set_port(struct record *record, struct kp_str adapter, int port)
{
	size_t i = 0;
	while (i < record->port_count && !kp_str_equal(kp_str(record->ports[i].adapter), adapter))
		i++;
	if (i == RECORD_PORTS_MAX || adapter.len >= RECORD_NAME_SIZE)
		return KP_ERR_LIMIT;
	if (i == record->port_count) {
		memcpy(record->ports[i].adapter, adapter.ptr, adapter.len);
		record->ports[i].adapter[adapter.len] = '\0';
		record->port_count++;
	}
	record->ports[i].port = port;
	record->has_new_ports = true;
	return KP_OK;
}

struct number {
	const char *key;
	int64_t *value;
};

struct text {
	const char *key;
	char *value;
	size_t size;
};

// The members of a record by their names on disk. Unsigned ones travel as signed.
struct fields {
	int64_t pid, start_time, is_active, spec, admin_port;
	struct number numbers[8];
	struct text texts[4];
};

static void map_fields(struct fields *f, struct record *r)
{
	*f = (struct fields){
	        .pid = r->pid,
	        .start_time = (int64_t)r->start_time,
	        .is_active = r->is_active,
	        .spec = (int64_t)r->running.spec,
	        .admin_port = r->admin_port,
	        .texts = {{"boot", r->boot, sizeof(r->boot)},
	                  {"token", r->token, sizeof(r->token)},
	                  {"package", r->running.package, sizeof(r->running.package)},
	                  {"version", r->version, sizeof(r->version)}},
	};
	const struct number numbers[] = {
	        {"pid", &f->pid},
	        {"start_time", &f->start_time},
	        {"is_active", &f->is_active},
	        {"spec", &f->spec},
	        {"restart_count", &r->running.restart_count},
	        {"started_ms", &r->started_ms},
	        {"restarts", &r->restarts},
	        {"admin_port", &f->admin_port},
	};
	memcpy(f->numbers, numbers, sizeof(numbers));
}

static kp_err read_line(struct fields *f, struct record *r, struct kp_str key, struct kp_str value)
{
	for (size_t i = 0; i < sizeof(f->numbers) / sizeof(*f->numbers); i++)
		if (kp_str_equal(key, kp_str(f->numbers[i].key)))
			return kp_str_i64(value, INT64_MIN, INT64_MAX, f->numbers[i].value);
	for (size_t i = 0; i < sizeof(f->texts) / sizeof(*f->texts); i++)
		if (kp_str_equal(key, kp_str(f->texts[i].key)))
			return kp_file_format(f->texts[i].value, f->texts[i].size, "%.*s",
			                      KP_STR_ARG(value));
	if (!kp_str_starts_with(key, kp_str(port_prefix)))
		return KP_OK;
	int64_t port;
	KP_TRY(kp_str_i64(value, 1, 65535, &port));
	return record_set_port(r, kp_str_sub(key, sizeof(port_prefix) - 1, key.len), (int)port);
}

static kp_err parse(struct kp_str rest, struct record *r)
{
	struct fields f;
	struct kp_str line;
	bool is_whole = false;
	map_fields(&f, r);
	while (kp_str_split_next(&rest, '\n', &line)) {
		size_t equal = kp_str_find(line, '=');
		if (equal == line.len) {
			is_whole |= kp_str_equal(line, kp_str("end"));
			continue;
		}
		if (read_line(&f, r, kp_str_sub(line, 0, equal),
		              kp_str_sub(line, equal + 1, line.len)) != KP_OK)
			return KP_ERR_CORRUPT;
	}
	if (!is_whole || f.pid < 0 || f.pid > INT32_MAX || f.admin_port < 0 || f.admin_port > 65535)
		return KP_ERR_CORRUPT;
	r->pid = (int)f.pid;
	r->start_time = (uint64_t)f.start_time;
	r->is_active = f.is_active != 0;
	r->running.spec = (uint64_t)f.spec;
	r->running.must_run = true;
	r->admin_port = (int)f.admin_port;
	return KP_OK;
}

kp_err record_read(const char *path, struct record *ret, struct kp_why *why)
{
	struct kp_buf text = {0};
	kp_err err = kp_file_read(path, SIZE_MAX_OF_RECORD, &text, why);
	struct record *record = err == KP_OK ? kp_new(struct record) : NULL;
	if (err == KP_OK && !record)
		err = KP_ERR_NOMEM;
	if (err == KP_OK) {
		err = parse(kp_buf_str(&text), record);
		record->has_new_ports = false;
		if (err == KP_OK)
			*ret = *record;
		else
			kp_why_set(why, err, "%s is damaged", path);
	}
	kp_free(record);
	kp_buf_fini(&text);
	return err;
}

kp_err record_write(const char *path, struct record *record, struct kp_why *why)
{
	struct kp_buf text = {0};
	struct fields f;
	map_fields(&f, record);
	for (size_t i = 0; i < sizeof(f.numbers) / sizeof(*f.numbers); i++)
		kp_buf_printf(&text, "%s=%" PRId64 "\n", f.numbers[i].key, *f.numbers[i].value);
	for (size_t i = 0; i < sizeof(f.texts) / sizeof(*f.texts); i++)
		kp_buf_printf(&text, "%s=%s\n", f.texts[i].key, f.texts[i].value);
	for (size_t i = 0; i < record->port_count; i++)
		kp_buf_printf(&text, "%s%s=%d\n", port_prefix, record->ports[i].adapter,
		              record->ports[i].port);
	kp_buf_printf(&text, "end\n");
	kp_err err = text.err;
	if (err == KP_OK)
		err = (record->has_new_ports ? kp_file_replace
		                             : kp_file_swap)(path, kp_buf_bytes(&text), 0644, why);
	if (err == KP_OK)
		record->has_new_ports = false;
	kp_buf_fini(&text);
	return err;
}
