// pages_http.c - what a server's HTTP says about itself: servants, interfaces, health.
#include "rpc/conn_http.h"

#include "base/text.h"
#include "kipp/version.h"
#include "rpc/metrics.h"
#include "tars/describe.h"
#include "tars/json.h"

// --- servants

static struct kp_str last_part(struct kp_str name)
{
	size_t start = name.len;
	while (start > 0 && name.ptr[start - 1] != '.')
		start--;
	return kp_str_sub(name, start, name.len);
}

const struct servant *http_find_servant(const struct http_conn *http, struct kp_str name)
{
	const struct kp_map *servants = &http->conn->adapter->adapter->servants;
	const struct servant *found = kp_map_get(servants, name);
	if (found)
		return found;
	size_t index = 0;
	struct kp_str key;
	void *servant;
	while (kp_map_next(servants, &index, &key, &servant)) {
		if (!kp_str_equal(last_part(key), name))
			continue;
		if (found)
			return NULL;
		found = servant;
	}
	return found;
}

// servant_after returns the servant with the smallest name over `name`, or NULL, so that lists have
// one order.
static const struct servant *servant_after(const struct kp_map *servants, struct kp_str name)
{
	const struct servant *found = NULL;
	size_t index = 0;
	struct kp_str key;
	void *servant;
	while (kp_map_next(servants, &index, &key, &servant))
		if (kp_str_compare(key, name) > 0 &&
		    (!found || kp_str_compare(key, found->name) < 0))
			found = servant;
	return found;
}

static void put_member(struct kp_json_writer *writer, const char *name, struct kp_str text)
{
	kp_json_key(writer, kp_str(name));
	kp_json_put_str(writer, text);
}

static void list_servant(struct kp_json_writer *writer, const struct servant *servant)
{
	kp_json_object_begin(writer);
	put_member(writer, "servant", servant->name);
	put_member(writer, "interface", kp_str(servant->interface->name));
	kp_json_key(writer, kp_str("functions"));
	kp_json_list_begin(writer);
	for (size_t i = 0; i < servant->interface->function_count; i++)
		kp_json_put_str(writer, kp_str(servant->interface->functions[i].name));
	kp_json_list_end(writer);
	kp_json_object_end(writer);
}

static void list_servants(const struct http_conn *http, struct kp_buf *out)
{
	const struct kp_map *servants = &http->conn->adapter->adapter->servants;
	struct kp_json_writer writer = kp_json_writer(out, KP_JSON_PRETTY);
	kp_json_object_begin(&writer);
	put_member(&writer, "kipp", kp_str(KP_VERSION_TEXT));
	kp_json_key(&writer, kp_str("servants"));
	kp_json_list_begin(&writer);
	const struct servant *servant = servant_after(servants, kp_str(""));
	for (; servant; servant = servant_after(servants, servant->name))
		list_servant(&writer, servant);
	kp_json_list_end(&writer);
	kp_json_object_end(&writer);
}

// --- an interface

static void put_type(struct kp_json_writer *writer, const struct kp_type *type)
{
	struct kp_buf text = {0};
	kp_type_print(type, &text);
	put_member(writer, "type", kp_buf_str(&text));
	kp_buf_fini(&text);
}

static void put_params(struct kp_json_writer *writer, const struct kp_function *function,
                       bool is_out)
{
	kp_json_key(writer, kp_str(is_out ? "out" : "in"));
	kp_json_list_begin(writer);
	for (size_t i = 0; i < function->param_count; i++) {
		if (function->params[i].is_out != is_out)
			continue;
		kp_json_object_begin(writer);
		put_member(writer, "name", kp_str(function->params[i].name));
		put_type(writer, function->params[i].type);
		kp_json_object_end(writer);
	}
	kp_json_list_end(writer);
}

static void put_function(struct kp_json_writer *writer, const struct kp_function *function)
{
	struct kp_buf signature = {0};
	kp_function_signature(function, &signature);
	kp_json_object_begin(writer);
	put_member(writer, "name", kp_str(function->name));
	put_member(writer, "signature", kp_buf_str(&signature));
	put_params(writer, function, false);
	put_params(writer, function, true);
	kp_json_key(writer, kp_str("result"));
	kp_json_object_begin(writer);
	put_type(writer, function->result);
	kp_json_object_end(writer);
	kp_json_object_end(writer);
	kp_buf_fini(&signature);
}

static void put_struct(struct kp_json_writer *writer, const struct kp_struct_type *structure)
{
	kp_json_object_begin(writer);
	put_member(writer, "name", kp_str(structure->name));
	kp_json_key(writer, kp_str("fields"));
	kp_json_list_begin(writer);
	for (size_t i = 0; i < structure->field_count; i++) {
		const struct kp_field *field = &structure->fields[i];
		kp_json_object_begin(writer);
		put_member(writer, "name", kp_str(field->name));
		put_type(writer, field->type);
		kp_json_key(writer, kp_str("tag"));
		kp_json_put_i64(writer, field->tag);
		kp_json_key(writer, kp_str("required"));
		kp_json_put_bool(writer, field->required);
		if (field->default_text)
			put_member(writer, "default", kp_str(field->default_text));
		kp_json_object_end(writer);
	}
	kp_json_list_end(writer);
	kp_json_object_end(writer);
}

static void put_enum(struct kp_json_writer *writer, const struct kp_enum_type *enumeration)
{
	kp_json_object_begin(writer);
	put_member(writer, "name", kp_str(enumeration->name));
	kp_json_key(writer, kp_str("values"));
	kp_json_object_begin(writer);
	for (size_t i = 0; i < enumeration->value_count; i++) {
		kp_json_key(writer, kp_str(enumeration->values[i].name));
		kp_json_put_i64(writer, enumeration->values[i].value);
	}
	kp_json_object_end(writer);
	kp_json_object_end(writer);
}

static void put_types(struct kp_json_writer *writer, const struct kp_type_table *types)
{
	kp_json_key(writer, kp_str("structs"));
	kp_json_list_begin(writer);
	for (size_t i = 0; i < types->structs.len; i++)
		put_struct(writer, types->structs.ptr[i]);
	kp_json_list_end(writer);
	kp_json_key(writer, kp_str("enums"));
	kp_json_list_begin(writer);
	for (size_t i = 0; i < types->enums.len; i++)
		put_enum(writer, types->enums.ptr[i]);
	kp_json_list_end(writer);
}

static void describe(const struct servant *servant, struct kp_buf *out)
{
	const struct kp_interface *interface = servant->interface;
	struct kp_json_writer writer = kp_json_writer(out, KP_JSON_PRETTY);
	struct kp_type_table types = {0};
	kp_err err = kp_type_table_collect(&types, interface);
	kp_json_object_begin(&writer);
	put_member(&writer, "servant", servant->name);
	put_member(&writer, "interface", kp_str(interface->name));
	kp_json_key(&writer, kp_str("functions"));
	kp_json_list_begin(&writer);
	for (size_t i = 0; i < interface->function_count; i++)
		put_function(&writer, &interface->functions[i]);
	kp_json_list_end(&writer);
	put_types(&writer, &types);
	kp_json_object_end(&writer);
	kp_type_table_fini(&types);
	if (err != KP_OK && out->err == KP_OK)
		out->err = err;
}

// --- health

static bool wants_details(const struct kp_http_request *request)
{
	struct kp_str rest = request->query, part;
	while (kp_str_split_next(&rest, '&', &part))
		if (kp_str_equal(kp_str_sub(part, 0, kp_str_find(part, '=')), kp_str("verbose")))
			return true;
	return false;
}

static void put_check(struct kp_buf *out, bool is_good, const char *name)
{
	kp_buf_printf(out, "[%c]%s %s\n", is_good ? '+' : '-', name, is_good ? "ok" : "failed");
}

// has_suspended tells whether some adapter takes no connections because it is attacked.
static bool has_suspended(const struct kp_server *server)
{
	for (size_t i = 0; i < server->adapters.len; i++)
		if (kp_server_is_suspended(server, (int)i))
			return true;
	return false;
}

// is_ready tells whether new work may be sent here.
static bool is_ready(const struct http_conn *http, bool is_verbose, struct kp_buf *out)
{
	bool is_draining = http->conn->loop->is_draining;
	bool is_suspended = has_suspended(http->conn->loop->server);
	if (is_verbose) {
		put_check(out, true, "serving");
		put_check(out, !is_draining, "not-draining");
		put_check(out, !is_suspended, "not-suspended");
	}
	bool is_good = !is_draining && !is_suspended;
	kp_buf_append_str(out, kp_str(is_good ? "ok\n" : "not ready\n"));
	return is_good;
}

// --- pages

// page is what a GET is answered with.
struct page {
	int status;
	const char *type;
	struct kp_buf body; // owned
};

#define TYPE_JSON "application/json"
#define TYPE_TEXT "text/plain; charset=utf-8"

static void make_health(const struct http_conn *http, const struct kp_http_request *request,
                        struct page *page)
{
	page->type = TYPE_TEXT;
	if (kp_str_equal(request->path, kp_str("/livez")))
		kp_buf_append_str(&page->body, kp_str("ok\n"));
	else if (!is_ready(http, wants_details(request), &page->body))
		page->status = 503;
}

static void make_metrics(const struct http_conn *http, const struct kp_http_request *request,
                         struct page *page)
{
	const struct kp_http_header *accept = kp_http_find(request, kp_str("accept"));
	bool is_open =
	        accept && kp_http_list_has(accept->value, kp_str("application/openmetrics-text"));
	page->type = is_open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
	                     : "text/plain; version=0.0.4; charset=utf-8";
	server_metrics_print(http->conn->loop->server, is_open, &page->body);
}

static void make_servant(const struct http_conn *http, struct kp_str path, struct page *page)
{
	struct kp_str name = kp_str_sub(path, 1, path.len);
	if (kp_str_ends_with(name, kp_str("/")))
		name.len--;
	const struct servant *servant = http_find_servant(http, name);
	if (servant)
		describe(servant, &page->body);
	else
		page->status = 404;
}

static void make_page(const struct http_conn *http, const struct kp_http_request *request,
                      struct page *page)
{
	struct kp_str path = request->path;
	if (kp_str_equal(path, kp_str("/")))
		list_servants(http, &page->body);
	else if (kp_str_equal(path, kp_str("/livez")) || kp_str_equal(path, kp_str("/readyz")))
		make_health(http, request, page);
	else if (kp_str_equal(path, kp_str("/metrics")))
		make_metrics(http, request, page);
	else if (kp_str_equal(path, kp_str("/version")))
		kp_buf_printf(&page->body, "{\"version\":\"%s\"}\n", KP_VERSION_TEXT);
	else
		make_servant(http, path, page);
}

void http_page(struct http_conn *http, const struct kp_http_request *request)
{
	struct page page = {.status = 200, .type = TYPE_JSON};
	make_page(http, request, &page);
	if (page.body.len > 0 && page.body.data[page.body.len - 1] != '\n')
		kp_buf_append_byte(&page.body, '\n');
	if (page.status == 404) {
		http_fail(http, &(struct http_problem){
		                        .status = 404,
		                        .detail = kp_str("there is no such page or servant here; "
		                                         "GET / lists the servants")});
	} else if (page.body.err != KP_OK) {
		kp_conn_close(&http->conn->conn, KP_CLOSE_NOMEM);
	} else if (http_answer_begin(http, page.status, page.type)) {
		http_answer_end(http, kp_buf_bytes(&page.body));
	}
	kp_buf_fini(&page.body);
}
