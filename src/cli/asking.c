// asking.c - gives one admin command to many instances at the same time.
#include "cli/asking.h"

#include "base/text.h"
#include "rpc/adjust.h"

enum {
	MORE_MS = 2000, // beyond what the agent may wait for the instance
};

// One question that is under way.
struct question {
	struct cli *cli;
	struct asked *asked;
};

static int code_of(int32_t outcome)
{
	switch (outcome) {
	case kipp_Outcome_Done:
		return CLI_OK;
	case kipp_Outcome_NotFound:
		return CLI_NOTFOUND;
	case kipp_Outcome_Unavailable:
		return CLI_UNREACHABLE;
	default:
		return CLI_FAILED;
	}
}

static struct kp_str without_end(struct kp_str text)
{
	while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
		text.len--;
	return text;
}

static void fail(struct question *question, kp_err err)
{
	struct asked *asked = question->asked;
	bool is_old = err == KP_ERR_NOFUNC || err == KP_ERR_NOSERVANT;
	asked->code = is_old ? CLI_FAILED : CLI_UNREACHABLE;
	asked->why =
	        is_old ? "its agent is of an older version, which passes no commands on"
	               : cli_text(question->cli, "its agent does not answer: %s", kp_err_text(err));
}

static void on_answer(void *arg, kp_err err, const struct kipp_Agent_admin_result *result)
{
	struct question *question = arg;
	struct asked *asked = question->asked;
	if (err != KP_OK) {
		fail(question, err);
		return;
	}
	asked->code = code_of(result->ret);
	asked->answer = cli_terminated(question->cli, without_end(result->answer));
	asked->why = cli_terminated(question->cli, result->why);
}

static void ask(struct remote *remote, const struct kipp_InstanceView *view, const char *command,
                int wait_ms, struct asked *asked)
{
	struct cli *cli = remote->cli;
	*asked = (struct asked){
	        .instance = cli_terminated(cli, view->instance.id),
	        .node = cli_terminated(cli, view->node),
	        .code = CLI_UNREACHABLE,
	        .answer = "",
	        .why = "no machine has it yet",
	};
	if (view->agent.len == 0)
		return;
	struct question *question = cli_alloc(cli, 1, sizeof(*question));
	*question = (struct question){cli, asked};
	const char *object = cli_text(cli, "kipp.node.AgentObj@%.*s", KP_STR_ARG(view->agent));
	struct kipp_Agent *agent = kipp_Agent_proxy(remote->client, object);
	kp_err err = agent ? kipp_Agent_admin_async(agent, kp_str(asked->instance), kp_str(command),
	                                            wait_ms, on_answer, question)
	                   : KP_ERR_NOMEM;
	if (err != KP_OK)
		fail(question, err);
}

int asking_run(struct remote *remote, const char *target, const char *node, const char *command,
               int64_t timeout_s, struct asked_list *ret)
{
	struct cli *cli = remote->cli;
	struct kipp_InstanceView_list list;
	int code = remote_list(remote, target, &list);
	if (code != CLI_OK)
		return code;
	int wait_ms = (int)timeout_s * 1000;
	struct asked_list asked = {cli_alloc(cli, list.len + 1, sizeof(*asked.ptr)), 0};
	client_set_timeouts(remote->client, wait_ms + MORE_MS, 0);
	for (size_t i = 0; i < list.len; i++)
		if (!node || kp_str_equal(list.ptr[i].node, kp_str(node)))
			ask(remote, &list.ptr[i], command, wait_ms, &asked.ptr[asked.len++]);
	(void)kp_client_drive(remote->client, wait_ms + 2 * MORE_MS);
	client_set_timeouts(remote->client, 0, 0);
	if (asked.len == 0)
		return cli_fail(cli, CLI_NOTFOUND, "no instance of %s is on node %s", target, node);
	*ret = asked;
	return CLI_OK;
}

int asking_worst(const struct asked_list *list)
{
	int worst = CLI_OK;
	for (size_t i = 0; i < list->len; i++)
		worst = list->ptr[i].code > worst ? list->ptr[i].code : worst;
	return worst;
}
