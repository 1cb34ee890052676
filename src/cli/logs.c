// logs.c - reads logs, and `kipp logs`.
#include "cli/logs.h"

#include "base/try.h"
#include "cli/verbs.h"

enum {
	LINES_DEFAULT = 100,
	LINE_SIZE_USUAL = 256,
	TAIL_SIZE_MIN = 64 << 10,
	TAIL_SIZE_MAX = 16 << 20,
	WAIT_MS = 1000,
	ANSWER_MS = 5000,
	SOURCES_MAX = 256,
};

// One instance's log.
struct source {
	struct kipp_Agent *agent; // borrowed from the client
	const char *instance;
	const char *prefix; // before each line, when there are several; else NULL
	int64_t offset;     // where to go on
	struct kp_buf line; // the beginning of a line whose end is not there yet
	bool has_failed;
};

struct kp_str logs_last_lines(struct kp_str text, int64_t lines)
{
	size_t at = text.len;
	if (lines <= 0)
		return kp_str_sub(text, at, at);
	if (at > 0 && text.ptr[at - 1] == '\n')
		at--;
	while (at > 0 && (text.ptr[at - 1] != '\n' || --lines > 0))
		at--;
	return kp_str_sub(text, at, text.len);
}

// read_part reads what follows `*offset` and moves it on.
static kp_err read_part(struct remote *remote, struct source *source, int64_t *offset, int wait_ms,
                        struct kp_bytes *ret, int32_t *ret_outcome, struct kp_str *ret_why)
{
	struct kp_bytes part = {0};
	int64_t next = *offset;
	KP_TRY(kipp_Agent_readLog(source->agent, remote_scope(remote, wait_ms + ANSWER_MS),
	                          kp_str(source->instance), *offset, wait_ms, &part, &next, ret_why,
	                          ret_outcome));
	*offset = next;
	*ret = part;
	return KP_OK;
}

// read_tail reads from `size` bytes before the end up to the end.
static kp_err read_tail(struct remote *remote, struct source *source, int64_t size,
                        struct kp_buf *out, int32_t *ret_outcome, struct kp_str *ret_why)
{
	int64_t offset = -size;
	for (;;) {
		struct kp_bytes part = {0};
		KP_TRY(read_part(remote, source, &offset, 0, &part, ret_outcome, ret_why));
		if (*ret_outcome != kipp_Outcome_Done || part.len == 0)
			break;
		kp_buf_append(out, part.ptr, part.len);
	}
	source->offset = offset;
	return out->err;
}

static struct kipp_Agent *agent_at(struct remote *remote, const char *endpoint)
{
	return kipp_Agent_proxy(remote->client,
	                        cli_text(remote->cli, "kipp.node.AgentObj@%s", endpoint));
}

static int64_t tail_size(int64_t lines)
{
	int64_t size = lines * LINE_SIZE_USUAL;
	if (size < TAIL_SIZE_MIN)
		return TAIL_SIZE_MIN;
	return size > TAIL_SIZE_MAX ? TAIL_SIZE_MAX : size;
}

const char *logs_tail(struct remote *remote, const char *agent, const char *instance, int lines)
{
	struct source source = {.instance = instance};
	struct kp_buf text = {0};
	int32_t outcome = kipp_Outcome_Done;
	struct kp_str why = {0};
	const char *tail = "";
	source.agent = *agent ? agent_at(remote, agent) : NULL;
	if (source.agent &&
	    read_tail(remote, &source, TAIL_SIZE_MIN, &text, &outcome, &why) == KP_OK) {
		struct kp_str last = logs_last_lines(kp_buf_str(&text), lines);
		if (last.len > 0 && last.ptr[last.len - 1] == '\n')
			last.len--;
		tail = cli_terminated(remote->cli, last);
	}
	kp_buf_fini(&text);
	return tail;
}

// print_lines prints the whole lines of what came, each with the source's prefix, and keeps the
// rest. Without a prefix everything is printed as it comes.
static bool print_lines(struct cli *cli, struct source *source, struct kp_str text)
{
	if (!source->prefix)
		return cli_print(cli, text);
	struct kp_buf out = {0};
	for (size_t i = 0; i < text.len; i++) {
		if (source->line.len == 0)
			kp_buf_append_str(&source->line, kp_str(source->prefix));
		kp_buf_append_byte(&source->line, (uint8_t)text.ptr[i]);
		if (text.ptr[i] != '\n')
			continue;
		kp_buf_append_str(&out, kp_buf_str(&source->line));
		kp_buf_clear(&source->line);
	}
	bool is_read = cli_print(cli, kp_buf_str(&out));
	kp_buf_fini(&out);
	return is_read;
}

static int fail_source(struct remote *remote, struct source *source, kp_err err, int32_t outcome,
                       struct kp_str why)
{
	source->has_failed = true;
	if (err == KP_OK && outcome == kipp_Outcome_NotFound)
		return cli_fail(remote->cli, CLI_NOTFOUND, "%s has printed nothing yet%s%.*s",
		                source->instance, why.len ? ": " : "", KP_STR_ARG(why));
	if (err == KP_OK)
		return remote_result(remote, err, outcome, why);
	return cli_fail(remote->cli, CLI_UNREACHABLE,
	                "the agent that runs %s does not answer (%s); see 'kipp node list'",
	                source->instance, kp_err_text(err));
}

static int print_tail(struct remote *remote, struct source *source, int64_t lines)
{
	struct kp_buf text = {0};
	int32_t outcome = kipp_Outcome_Done;
	struct kp_str why = {0};
	kp_err err = read_tail(remote, source, tail_size(lines), &text, &outcome, &why);
	int code = CLI_OK;
	if (err != KP_OK || outcome != kipp_Outcome_Done)
		code = fail_source(remote, source, err, outcome, why);
	else if (!print_lines(remote->cli, source, logs_last_lines(kp_buf_str(&text), lines)))
		code = CLI_FAILED;
	kp_buf_fini(&text);
	return code;
}

// follow_once prints what is new of one log.
static int follow_once(struct remote *remote, struct source *source, int wait_ms)
{
	struct kp_bytes part = {0};
	int32_t outcome = kipp_Outcome_Done;
	struct kp_str why = {0};
	kp_err err = read_part(remote, source, &source->offset, wait_ms, &part, &outcome, &why);
	if (err != KP_OK || outcome != kipp_Outcome_Done)
		return fail_source(remote, source, err, outcome, why);
	struct kp_str text = {(const char *)part.ptr, part.len};
	return print_lines(remote->cli, source, text) ? CLI_OK : CLI_FAILED;
}

// With several logs the wait is spread over them, so that none is read late.
static int follow_all(struct remote *remote, struct source *sources, size_t count)
{
	int wait_ms = WAIT_MS / (int)count;
	while (cli_is_read(remote->cli)) {
		size_t failed = 0;
		int code = CLI_OK;
		for (size_t i = 0; i < count; i++) {
			if (!sources[i].has_failed)
				code = follow_once(remote, &sources[i], wait_ms);
			if (code == CLI_FAILED)
				return code;
			failed += sources[i].has_failed;
		}
		if (failed == count)
			return code == CLI_OK ? CLI_UNREACHABLE : code;
	}
	return CLI_FAILED;
}

static size_t make_sources(struct remote *remote, const struct kipp_InstanceView_list *list,
                           struct source *sources)
{
	struct cli *cli = remote->cli;
	size_t count = 0;
	for (size_t i = 0; i < list->len && count < SOURCES_MAX; i++) {
		const struct kipp_InstanceView *view = &list->ptr[i];
		if (view->agent.len == 0)
			continue;
		struct source *source = &sources[count++];
		source->instance = cli_terminated(cli, view->instance.id);
		source->agent = agent_at(remote, cli_terminated(cli, view->agent));
		source->prefix = list->len > 1 ? cli_text(cli, "%s | ", source->instance) : NULL;
	}
	return count;
}

static int print_logs(struct remote *remote, const struct args *args)
{
	struct cli *cli = remote->cli;
	struct kipp_InstanceView_list list;
	int code = remote_list(remote, args->operands[0], &list);
	if (code != CLI_OK)
		return code;
	struct source *sources = cli_alloc(cli, list.len + 1, sizeof(*sources));
	size_t count = make_sources(remote, &list, sources);
	if (count == 0)
		return cli_fail(cli, CLI_NOTFOUND,
		                "'%s' has not been given to a machine yet, so it has no log; see "
		                "'kipp events'",
		                args->operands[0]);

	int64_t lines = args_number(args, FLAG_LINES, LINES_DEFAULT);
	int worst = CLI_OK;
	for (size_t i = 0; i < count; i++) {
		code = print_tail(remote, &sources[i], lines);
		worst = code > worst ? code : worst;
	}
	if (args_has(args, FLAG_FOLLOW) && worst != CLI_FAILED)
		worst = follow_all(remote, sources, count);
	for (size_t i = 0; i < count; i++)
		kp_buf_fini(&sources[i].line);
	return worst;
}

int verb_logs(struct cli *cli, const struct args *args)
{
	struct remote remote;
	int code = remote_open(cli, args, &remote);
	if (code != CLI_OK)
		return code;
	code = print_logs(&remote, args);
	remote_close(&remote);
	return code;
}
