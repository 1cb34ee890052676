// world.h - a small cluster for the tests of this folder: nodes, deployments, reports.
#pragma once

#include "control/state/plan.h"

#define WORLD_PACKAGE "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SECOND        INT64_C(1000000000)

// world_spec describes Book.NAME with one adapter that serves "NAMEObj".
static inline struct kipp_Server world_spec(const char *name, int instances)
{
	static const struct kipp_Adapter adapter = {
	        .name = {"MainAdapter", 11},
	        .servant = {"MainObj", 7},
	        .endpoint = {"tcp -h 127.0.0.1 -p 0 -t 60000", 30},
	        .threads = 1,
	        .maxConnections = 100,
	        .queueCap = 100,
	        .queueTimeout = 1000,
	        .protocol = {"tars", 4},
	};
	struct kipp_Server spec;
	kipp_Server_init(&spec);
	spec.application = kp_str("Book");
	spec.name = kp_str(name);
	spec.package = kp_str(WORLD_PACKAGE);
	spec.instances = instances;
	spec.adapters.ptr = (struct kipp_Adapter *)&adapter;
	spec.adapters.len = 1;
	return spec;
}

static inline struct kipp_NodeInfo world_node(const char *name)
{
	struct kipp_NodeInfo info;
	kipp_NodeInfo_init(&info);
	info.name = kp_str(name);
	info.host = kp_str("10.0.0.7");
	info.endpoint = kp_str("tcp -h 10.0.0.7 -p 19385");
	return info;
}

static inline kp_err world_apply(struct state *state, struct change *change, int64_t now_ns)
{
	return state_apply(state, change->steps.ptr, change->steps.len, now_ns);
}

static inline kp_err world_join(struct state *state, const char *name, int64_t now_ns)
{
	struct change change = {0};
	struct kipp_NodeInfo info = world_node(name);
	kp_err err = plan_node(state, &info, &change, NULL);
	if (err == KP_OK)
		err = world_apply(state, &change, now_ns);
	change_fini(&change);
	return err;
}

static inline kp_err world_deploy(struct state *state, const char *name, int instances)
{
	struct change change = {0};
	struct kipp_Server spec = world_spec(name, instances);
	kp_err err = plan_deploy(state, &spec, &change, NULL);
	if (err == KP_OK)
		err = world_apply(state, &change, 0);
	change_fini(&change);
	return err;
}

static inline kp_err world_run(struct state *state, enum plan_verb verb, const char *target)
{
	struct change change = {0};
	kp_err err = plan_run(state, verb, kp_str(target), &change, NULL);
	if (err == KP_OK)
		err = world_apply(state, &change, 0);
	change_fini(&change);
	return err;
}

// world_report has a node say that all it should run is in one state, at ports 9000 + number.
static inline kp_err world_report(struct state *state, const char *name, enum kipp_State what,
                                  int64_t now_ns)
{
	struct kipp_Status statuses[64];
	struct kipp_Adapter adapters[64];
	char endpoints[64][64];
	struct node *node = state_node(state, kp_str(name));
	size_t count = node ? node->instances.len : 0;
	for (size_t i = 0; i < count && i < 64; i++) {
		const struct instance *instance = node->instances.ptr[i];
		int port = 9000 + instance->number;
		struct kp_arena arena = {0};
		struct kp_str text = kp_arena_format(&arena, "tcp -h 0.0.0.0 -p %d -t 60000", port);
		memcpy(endpoints[i], text.ptr, text.len);
		adapters[i] = world_spec("X", 1).adapters.ptr[0];
		adapters[i].endpoint = (struct kp_str){endpoints[i], text.len};
		kp_arena_fini(&arena);
		kipp_Status_init(&statuses[i]);
		statuses[i].id = kp_str(instance->id);
		statuses[i].state = what;
		statuses[i].adapters.ptr = &adapters[i];
		statuses[i].adapters.len = 1;
	}
	return state_report(state, kp_str(name), kp_str("boot-1"), statuses, count, now_ns, 0);
}
