// obey.c - who we are, and which controller's word counts: that of the store which gave us what we
// run.
//
// A controller that lost its store knows of no server, and would have them all stopped in good
// faith. So the name of the store is kept beside the assignment, and a stranger is not obeyed until
// a person says so by removing the file.
#include "base/mem.h"
#include "base/text.h"
#include "base/try.h"
#include "node/agent_internal.h"
#include "os/file.h"
#include "os/rand.h"

#include <stdio.h>

enum {
	ID_SIZE = 33,
};

static void make_id(char text[ID_SIZE])
{
	uint8_t bytes[(ID_SIZE - 1) / 2];
	kp_rand_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

// keep_id reads the directory's name, or makes it.
static kp_err keep_id(const char *path, char ret_id[ID_SIZE], struct kp_why *why)
{
	struct kp_buf text = {0};
	bool is_kept = kp_file_read(path, ID_SIZE - 1, &text, NULL) == KP_OK &&
	               text.len == ID_SIZE - 1 && instance_id_is_valid(kp_buf_str(&text)) &&
	               kp_str_find(kp_buf_str(&text), '.') == text.len;
	if (is_kept)
		memcpy(ret_id, text.data, ID_SIZE - 1);
	ret_id[ID_SIZE - 1] = '\0';
	kp_buf_fini(&text);
	if (is_kept)
		return KP_OK;
	make_id(ret_id);
	return kp_file_replace(path, (struct kp_bytes){(const uint8_t *)ret_id, ID_SIZE - 1}, 0644,
	                       why);
}

kp_err agent_name_start(struct agent *agent, struct kp_why *why)
{
	char id[ID_SIZE], start[ID_SIZE];
	kp_cleanup(kp_freep) char *path = kp_file_path("%s/id", agent->dir);
	if (!path)
		return KP_ERR_NOMEM;
	KP_TRY(keep_id(path, id, why));
	make_id(start);
	snprintf(agent->boot_id, sizeof(agent->boot_id), "%s.%s", id, start);
	return KP_OK;
}

static char *path_of(const struct agent *agent)
{
	return kp_file_path("%s/cluster", agent->dir);
}

void agent_load_cluster(struct agent *agent)
{
	struct kp_buf text = {0};
	kp_cleanup(kp_freep) char *path = path_of(agent);
	agent->cluster[0] = '\0';
	if (path && kp_file_read(path, sizeof(agent->cluster) - 1, &text, NULL) == KP_OK) {
		struct kp_str name = kp_str_trim(kp_buf_str(&text));
		snprintf(agent->cluster, sizeof(agent->cluster), "%.*s", KP_STR_ARG(name));
	}
	kp_buf_fini(&text);
}

// must_ask tells whether a person has to decide. A node that runs nothing has nothing to lose.
static bool must_ask(const struct agent *agent)
{
	kp_cleanup(kp_freep) char *path = path_of(agent);
	return agent->cluster[0] && agent->instances.len > 0 && (!path || kp_file_exists(path));
}

static void note_stranger(struct agent *agent, struct kp_str cluster)
{
	char text[768];
	if (kp_str_equal(kp_str(agent->stranger), cluster))
		return;
	snprintf(agent->stranger, sizeof(agent->stranger), "%.*s", KP_STR_ARG(cluster));
	snprintf(
	        text, sizeof(text),
	        "the controller that answers has another store (%.8s) than the one this node obeys "
	        "(%.8s), so it is not obeyed and what runs goes on: bring the former store back, "
	        "or "
	        "remove %s/cluster to follow the new one, which stops what that one does not know",
	        agent->stranger, agent->cluster, agent->dir);
	agent_note(agent, "node.stranger", kp_str(agent->name), 2, text);
}

static void follow(struct agent *agent, struct kp_str cluster)
{
	struct kp_why why = {0};
	char text[AGENT_CLUSTER_SIZE + 1];
	bool is_first = agent->cluster[0] == '\0';
	snprintf(agent->cluster, sizeof(agent->cluster), "%.*s", KP_STR_ARG(cluster));
	int len = snprintf(text, sizeof(text), "%s\n", agent->cluster);
	kp_cleanup(kp_freep) char *path = path_of(agent);
	kp_err err = KP_ERR_NOMEM;
	if (path)
		err = kp_file_replace(path, (struct kp_bytes){(const uint8_t *)text, (size_t)len},
		                      0644, &why);
	if (err != KP_OK)
		agent_note(agent, "node.cluster", kp_str(agent->name), 2,
		           why.text[0] ? why.text : "out of memory");
	else if (!is_first)
		agent_note(agent, "node.cluster", kp_str(agent->name), 1,
		           "follows a controller with another store from now on");
}

bool agent_obeys(struct agent *agent, struct kp_str cluster)
{
	bool is_name = instance_id_is_valid(cluster) && cluster.len < AGENT_CLUSTER_SIZE;
	bool is_known = is_name && kp_str_equal(kp_str(agent->cluster), cluster);
	if (!is_known && (!is_name || must_ask(agent))) {
		note_stranger(agent, is_name ? cluster : kp_str("without a name"));
		agent->is_recognised = false;
		return false;
	}
	if (!is_known)
		follow(agent, cluster);
	agent->stranger[0] = '\0';
	agent->is_recognised = true;
	return true;
}
