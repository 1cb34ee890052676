// fetch.c - getting packages from the controller, and asking servers to shut down: work of its own
// fibers, which name instances by id because those may be gone when they wake.
#include "base/mem.h"
#include "base/try.h"
#include "interfaces/admin.h"
#include "node/agent_internal.h"
#include "node/package.h"
#include "os/clock.h"
#include "os/file.h"
#include "rpc/background.h"

#include <inttypes.h>
#include <stdio.h>

enum {
	PART_TIMEOUT_MS = 20000,
	ASK_TIMEOUT_MS = 2000,
	SPACE_FACTOR = 4, // of the archive's size, that must be free to unpack it
};

struct fetch {
	struct agent *agent;
	char hash[SUPERVISE_HASH_SIZE];
	char name[INSTANCE_ID_SIZE]; // of the server: the archive's top folder
	char *packages;              // owned; the directory
	char *archive;               // owned
	struct kp_why why;
	kp_err err;

	pthread_t thread; // unpacks
	bool is_unpacked;
	bool is_left; // nobody waits any more: the message frees it
	struct kp_task task;
	struct kp_wait_list done;
};

static void fetch_free(struct fetch *fetch)
{
	if (!fetch)
		return;
	kp_free(fetch->packages);
	kp_free(fetch->archive);
	kp_free(fetch);
}

// --- the archive, part by part

static kp_err check_space(struct fetch *fetch, int64_t size)
{
	int64_t space;
	if (kp_file_free_space(fetch->packages, &space) != KP_OK)
		return KP_OK;
	int64_t need = size > INT64_MAX / SPACE_FACTOR ? INT64_MAX : size * SPACE_FACTOR;
	if (space >= need)
		return KP_OK;
	return kp_why_set(&fetch->why, KP_ERR_NOSPACE,
	                  "no room for the package: %" PRId64 " MiB are free in %s, and it takes "
	                  "about %" PRId64,
	                  space >> 20, fetch->packages, need >> 20);
}

// get_part asks for the part at *offset and moves it on.
static kp_err get_part(struct fetch *fetch, struct kp_call *call, int64_t *offset,
                       int64_t *ret_size)
{
	struct agent *agent = fetch->agent;
	struct kp_bytes part = {0};
	struct kp_str why = {0};
	int32_t ret = 0;
	struct kipp_Cluster *controller = kipp_Cluster_proxy(agent->client, agent->controller);
	if (!controller)
		return KP_ERR_NOMEM;
	kp_err err = kipp_Cluster_getPackage(controller, call, kp_str(fetch->hash), *offset, &part,
	                                     ret_size, &why, &ret);
	if (err != KP_OK)
		return kp_why_set(&fetch->why, err, "no controller gives the package: %s",
		                  kp_err_text(err));
	if (ret != kipp_Outcome_Done)
		return kp_why_set(&fetch->why, KP_ERR_SERVER,
		                  "the controller does not give the package: %.*s",
		                  KP_STR_ARG(why));
	if (part.len == 0 && *offset < *ret_size)
		return kp_why_set(&fetch->why, KP_ERR_SERVER,
		                  "the controller gave only a part of the package");
	if (*offset == 0)
		KP_TRY(check_space(fetch, *ret_size));
	KP_TRY(kp_file_write_at(fetch->archive, *offset, part, &fetch->why));
	*offset += (int64_t)part.len;
	return KP_OK;
}

static kp_err get_archive(struct fetch *fetch)
{
	struct kp_call *call;
	int64_t offset = 0;
	int64_t size = INT64_MAX;
	KP_TRY(kp_file_remove(fetch->archive, &fetch->why));
	KP_TRY(kp_call_open(fetch->agent->client, &call));
	kp_call_set_timeout(call, PART_TIMEOUT_MS);
	kp_err err = KP_OK;
	while (err == KP_OK && offset < size) {
		err = get_part(fetch, call, &offset, &size);
		kp_call_reset(call);
	}
	kp_call_close(call);
	return err;
}

// --- unpacking, on a thread of its own so that heartbeats are heard meanwhile

static void on_unpacked(struct kp_task *task)
{
	struct fetch *fetch = KP_CONTAINER(task, struct fetch, task);
	fetch->is_unpacked = true;
	if (fetch->is_left)
		fetch_free(fetch);
	else
		kp_wake_all(&fetch->done);
}

static void *unpack_main(void *arg)
{
	struct fetch *fetch = arg;
	fetch->err = package_unpack(fetch->packages, fetch->archive, fetch->hash, fetch->name, NULL,
	                            &fetch->why);
	kp_loop_post(fetch->agent->loop, &fetch->task);
	return NULL;
}

static kp_err unpack(struct fetch *fetch)
{
	fetch->task.run = on_unpacked;
	kp_wait_list_init(&fetch->done);
	KP_TRY(kp_thread_start(&fetch->thread, unpack_main, fetch));
	// It cannot be called off: without a wait, the loop itself waits for it.
	while (!fetch->is_unpacked &&
	       kp_wait_patiently(fetch->agent->loop, &fetch->done, KP_NS_NEVER) == KP_OK)
		continue;
	pthread_join(fetch->thread, NULL);
	fetch->is_left = !fetch->is_unpacked;
	return fetch->err;
}

// --- the fetch

// is_final tells whether the package itself is bad, so that trying again is in vain.
static bool is_final(kp_err err)
{
	return err == KP_ERR_INVALID || err == KP_ERR_LIMIT;
}

static void answer(struct fetch *fetch, kp_err err)
{
	struct agent *agent = fetch->agent;
	struct supervise_event event = {
	        .kind = err == KP_OK ? SUPERVISE_FETCHED : SUPERVISE_FETCH_FAILED,
	        .package = fetch->hash,
	        .text = fetch->why.text,
	        .is_final = is_final(err),
	};
	for (size_t i = 0; i < agent->instances.len; i++)
		if (strcmp(agent->instances.ptr[i]->supervise.wish.package, fetch->hash) == 0)
			instance_step(agent->instances.ptr[i], &event, kp_clock_ns());
}

static void leave(struct fetch *fetch)
{
	struct agent *agent = fetch->agent;
	for (size_t i = 0; i < agent->fetches.len; i++)
		if (agent->fetches.ptr[i] == fetch) {
			kp_vec_remove(&agent->fetches, i);
			break;
		}
}

static void fetch_main(void *arg)
{
	struct fetch *fetch = arg;
	kp_err err = get_archive(fetch);
	if (err == KP_OK)
		err = unpack(fetch);
	kp_file_remove(fetch->archive, NULL);
	if (err != KP_OK && fetch->why.text[0] == '\0')
		kp_why_set(&fetch->why, err, "cannot get the package: %s", kp_err_text(err));
	leave(fetch);
	if (!fetch->agent->is_stopping)
		answer(fetch, err);
	if (!fetch->is_left)
		fetch_free(fetch);
}

static struct fetch *fetch_new(struct agent *agent, const struct instance *instance)
{
	struct fetch *fetch = kp_new(struct fetch);
	if (!fetch)
		return NULL;
	fetch->agent = agent;
	memcpy(fetch->hash, instance->supervise.wish.package, sizeof(fetch->hash));
	snprintf(fetch->name, sizeof(fetch->name), "%.*s", KP_STR_ARG(instance->wish.server.name));
	fetch->packages = kp_file_path("%s/packages", agent->dir);
	fetch->archive = kp_file_path("%s/packages/%s.part", agent->dir, fetch->hash);
	if (fetch->packages && fetch->archive)
		return fetch;
	fetch_free(fetch);
	return NULL;
}

bool agent_fetch(struct agent *agent, struct instance *instance)
{
	const char *hash = instance->supervise.wish.package;
	kp_cleanup(kp_freep) char *packages = kp_file_path("%s/packages", agent->dir);
	if (packages && package_hash_is_valid(kp_str(hash)) && package_is_there(packages, hash))
		return true;
	for (size_t i = 0; i < agent->fetches.len; i++)
		if (strcmp(agent->fetches.ptr[i]->hash, hash) == 0)
			return false; // it is on its way for somebody else
	struct fetch *fetch = fetch_new(agent, instance);
	if (fetch && kp_vec_push(&agent->fetches, fetch) == KP_OK) {
		if (kp_server_spawn(agent->server, fetch_main, fetch) == KP_OK)
			return false;
		leave(fetch);
	}
	fetch_free(fetch);
	agent_note(agent, "instance.package", kp_str(instance->id), 2,
	           "out of memory while getting its package");
	return false;
}

// --- asking to shut down

struct ask {
	struct agent *agent;
	char id[INSTANCE_ID_SIZE];
	int pid;
	int port;
};

static kp_err call_shutdown(struct ask *ask)
{
	char object[64];
	struct kp_call *call;
	snprintf(object, sizeof(object), "AdminObj@tcp -h 127.0.0.1 -p %d", ask->port);
	struct tars_AdminF *admin = tars_AdminF_proxy(ask->agent->client, object);
	if (!admin)
		return KP_ERR_NOMEM;
	KP_TRY(kp_call_open(ask->agent->client, &call));
	kp_call_set_timeout(call, ASK_TIMEOUT_MS);
	kp_err err = tars_AdminF_shutdown(admin, call);
	kp_call_close(call);
	return err;
}

static void ask_main(void *arg)
{
	struct ask *ask = arg;
	kp_err err = call_shutdown(ask);
	struct instance *instance = agent_find(ask->agent, kp_str(ask->id));
	// Java and Node.js servers go without an answer: a closed connection is success.
	bool has_failed = err == KP_ERR_CONNECT || err == KP_ERR_NOENDPOINT || err == KP_ERR_NOMEM;
	if (has_failed && instance && instance->supervise.pid == ask->pid)
		instance_step(instance, &(struct supervise_event){.kind = SUPERVISE_ASK_FAILED},
		              kp_clock_ns());
	kp_free(ask);
}

void agent_ask(struct agent *agent, struct instance *instance)
{
	struct ask *ask = kp_new(struct ask);
	if (!ask)
		return; // SIGTERM follows after the grace
	ask->agent = agent;
	memcpy(ask->id, instance->id, sizeof(ask->id));
	ask->pid = instance->supervise.pid;
	ask->port = instance->record.admin_port;
	if (kp_server_spawn(agent->server, ask_main, ask) != KP_OK)
		kp_free(ask);
}
