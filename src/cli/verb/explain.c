// explain.c - `kipp explain`.
#include "base/text.h"
#include "cli/asking.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "tars/json.h"

enum {
	TIMEOUT_S = 5
};

static const struct column columns[] = {
        {"INSTANCE", "instance", CELL_TEXT, IN_ALL}, {"NODE", "node", CELL_TEXT, IN_ALL},
        {"ENDPOINT", "endpoint", CELL_TEXT, IN_ALL}, {"LISTED", "listed", CELL_TEXT, IN_ALL},
        {"WHY", "reason", CELL_TEXT, IN_ALL},
};

// explained is all that is told of an object.
struct explained {
	const char *object;
	struct kipp_EndpointView_list endpoints;
	bool is_held;
	struct asked_list callers; // of --from
};

static int ask_registry(struct remote *remote, struct explained *explained)
{
	struct kp_str why = {0};
	int32_t outcome = 0;
	kp_err err = kipp_Admin_explain(remote->admin, remote_scope(remote, 0),
	                                kp_str(explained->object), &explained->endpoints,
	                                &explained->is_held, &why, &outcome);
	return remote_result(remote, err, outcome, why);
}

// ask_callers asks those of --from what they make of it. The endpoints are printed by then, or
// copied: the question ends their life.
static int ask_callers(struct remote *remote, const struct args *args, struct explained *explained)
{
	struct cli *cli = remote->cli;
	const char *from = args_text(args, FLAG_FROM, NULL);
	if (!from)
		return CLI_OK;
	struct kp_str text = kp_str(from);
	size_t at = kp_str_find(text, '@');
	const char *node = at < text.len ? from + at + 1 : NULL;
	const char *command = cli_text(cli, "kipp.explain %s", explained->object);
	return asking_run(remote, cli_terminated(cli, kp_str_sub(text, 0, at)), node, command,
	                  args_number(args, FLAG_TIMEOUT, TIMEOUT_S), &explained->callers);
}

static void copy_endpoints(struct cli *cli, struct kipp_EndpointView_list *list)
{
	struct kipp_EndpointView *views = cli_alloc(cli, list->len + 1, sizeof(*views));
	for (size_t i = 0; i < list->len; i++) {
		views[i] = list->ptr[i];
		views[i].instance = kp_str(cli_terminated(cli, views[i].instance));
		views[i].node = kp_str(cli_terminated(cli, views[i].node));
		views[i].endpoint = kp_str(cli_terminated(cli, views[i].endpoint));
		views[i].reason = kp_str(cli_terminated(cli, views[i].reason));
	}
	list->ptr = views;
}

static int print_people(struct cli *cli, const struct explained *explained,
                        enum table_format format)
{
	struct table table;
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < explained->endpoints.len; i++) {
		const struct kipp_EndpointView *view = &explained->endpoints.ptr[i];
		const char **row = table_add(cli, &table);
		row[0] = view->instance.ptr;
		row[1] = view->node.ptr;
		row[2] = view->endpoint.ptr;
		row[3] = view->isListed ? "yes" : "no";
		row[4] = view->reason.ptr;
	}
	int code = table_print(cli, &table, format);
	if (explained->is_held)
		cli_say(cli, "none of them serves: the last known ones stay listed");
	for (size_t i = 0; code == CLI_OK && i < explained->callers.len; i++) {
		const struct asked *asked = &explained->callers.ptr[i];
		const char *text = asked->code == CLI_OK ? asked->answer : asked->why;
		if (!cli_print(cli, kp_str(cli_text(cli, "\n== as %s sees it\n%s\n",
		                                    asked->instance, text))))
			code = CLI_FAILED;
	}
	return code;
}

static void write_text(struct kp_json_writer *json, const char *key, struct kp_str value)
{
	kp_json_key(json, kp_str(key));
	kp_json_put_str(json, value);
}

static void write_endpoint(struct kp_json_writer *json, const struct kipp_EndpointView *view)
{
	kp_json_object_begin(json);
	write_text(json, "instance", view->instance);
	write_text(json, "node", view->node);
	write_text(json, "endpoint", view->endpoint);
	kp_json_key(json, kp_str("isListed"));
	kp_json_put_bool(json, view->isListed);
	write_text(json, "state", kp_str(remote_state_name(view->state)));
	write_text(json, "reason", view->reason);
	kp_json_object_end(json);
}

static int print_json(struct cli *cli, const struct explained *explained)
{
	struct kp_buf out = {0};
	struct kp_json_writer json = kp_json_writer(&out, KP_JSON_PRETTY);
	kp_json_object_begin(&json);
	write_text(&json, "object", kp_str(explained->object));
	kp_json_key(&json, kp_str("isHeld"));
	kp_json_put_bool(&json, explained->is_held);
	kp_json_key(&json, kp_str("endpoints"));
	kp_json_list_begin(&json);
	for (size_t i = 0; i < explained->endpoints.len; i++)
		write_endpoint(&json, &explained->endpoints.ptr[i]);
	kp_json_list_end(&json);
	kp_json_key(&json, kp_str("from"));
	kp_json_list_begin(&json);
	for (size_t i = 0; i < explained->callers.len; i++) {
		const struct asked *asked = &explained->callers.ptr[i];
		kp_json_object_begin(&json);
		write_text(&json, "instance", kp_str(asked->instance));
		write_text(&json, "node", kp_str(asked->node));
		write_text(&json, asked->code == CLI_OK ? "answer" : "error",
		           kp_str(asked->code == CLI_OK ? asked->answer : asked->why));
		kp_json_object_end(&json);
	}
	kp_json_list_end(&json);
	kp_json_object_end(&json);
	kp_buf_append_byte(&out, '\n');
	int code = out.err != KP_OK                   ? cli_fail_nomem(cli)
	           : cli_print(cli, kp_buf_str(&out)) ? CLI_OK
	                                              : CLI_FAILED;
	kp_buf_fini(&out);
	return code;
}

int verb_explain(struct cli *cli, const struct args *args)
{
	struct remote remote;
	struct explained explained = {.object = args->operands[0]};
	int code = remote_open(cli, args, &remote);
	if (code != CLI_OK)
		return code;
	code = ask_registry(&remote, &explained);
	if (code == CLI_OK) {
		copy_endpoints(cli, &explained.endpoints);
		code = ask_callers(&remote, args, &explained);
	}
	enum table_format format = table_format_of(args);
	if (code == CLI_OK)
		code = format == TABLE_JSON ? print_json(cli, &explained)
		                            : print_people(cli, &explained, format);
	if (code == CLI_OK)
		code = asking_worst(&explained.callers);
	remote_close(&remote);
	return code;
}
