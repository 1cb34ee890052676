// fixture.h - a wired controller and a client of it, for the tests of this folder, which include
// cmocka.h first.
#pragma once

#include "base/mem.h"
#include "control/controller.h"
#include "control/state/world.h"
#include "interfaces/registry.h"
#include "os/digest.h"
#include "os/file.h"

#include <stdio.h>
#include <stdlib.h>

struct fixture {
	char dir[64];
	struct controller *controller;
	struct kp_client *client;
	struct kp_call *call;
	struct kipp_Admin *admin;
	struct kipp_Cluster *cluster;
	struct tars_QueryF *query;
	char hash[KP_DIGEST_TEXT_SIZE];
};

static const struct kp_bytes content = {(const uint8_t *)"#!/bin/sh\nsleep 1\n", 18};

static inline void open_controller(struct fixture *f)
{
	struct kp_why why = {""};
	const struct controller_options options = {
	        .data_dir = f->dir,
	        .endpoint = "tcp -h 127.0.0.1 -p 0 -t 0",
	};
	if (controller_open(&options, &f->controller, &why) != KP_OK ||
	    controller_start(f->controller, &why) != KP_OK)
		fail_msg("%s", why.text);
}

static inline void connect_to(struct fixture *f, const char *endpoint)
{
	char object[300];
	const struct kp_client_options options = {.timeout_ms = 90000};
	assert_int_equal(kp_client_open(&options, &f->client, NULL), KP_OK);
	assert_int_equal(kp_call_open(f->client, &f->call), KP_OK);
	snprintf(object, sizeof(object), "kipp.controller.AdminObj@%s", endpoint);
	f->admin = kipp_Admin_proxy(f->client, object);
	snprintf(object, sizeof(object), "kipp.controller.NodeObj@%s", endpoint);
	f->cluster = kipp_Cluster_proxy(f->client, object);
	snprintf(object, sizeof(object), "tars.tarsregistry.QueryObj@%s", endpoint);
	f->query = tars_QueryF_proxy(f->client, object);
}

static inline void disconnect(struct fixture *f)
{
	kp_call_close(f->call);
	kp_client_close(f->client);
	f->call = NULL;
	f->client = NULL;
}

static inline struct fixture *make_fixture(void)
{
	struct fixture *f = kp_new(struct fixture);
	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/kp-controller-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(kp_digest_bytes(content, f->hash), KP_OK);
	return f;
}

static inline int set_up_files(void **test)
{
	*test = make_fixture();
	return 0;
}

static inline int set_up(void **test)
{
	struct fixture *f = make_fixture();
	open_controller(f);
	connect_to(f, controller_endpoint(f->controller));
	*test = f;
	return 0;
}

static inline int tear_down(void **test)
{
	struct fixture *f = *test;
	disconnect(f);
	controller_close(f->controller);
	assert_int_equal(kp_file_remove_tree(f->dir, NULL), KP_OK);
	kp_free(f);
	assert_int_equal(kp_mem_live(), 0);
	return 0;
}

static inline void restart_controller(struct fixture *f)
{
	disconnect(f);
	controller_close(f->controller);
	open_controller(f);
	connect_to(f, controller_endpoint(f->controller));
}

static inline void upload(struct fixture *f)
{
	int64_t stored;
	struct kp_str why;
	int32_t ret;
	const struct kp_str hash = kp_str(f->hash);
	assert_int_equal(
	        kipp_Admin_putPackage(f->admin, f->call, hash, 0, content, &stored, &why, &ret),
	        KP_OK);
	assert_int_equal(ret, kipp_Outcome_Done);
	assert_int_equal(stored, content.len);
	assert_int_equal(kipp_Admin_putPackage(f->admin, f->call, hash, (int64_t)content.len,
	                                       (struct kp_bytes){0}, &stored, &why, &ret),
	                 KP_OK);
	assert_int_equal(ret, kipp_Outcome_Done);
}

static inline int32_t deploy_spec(struct fixture *f, const struct kipp_Server *spec,
                                  struct kp_str *why)
{
	struct kp_str_list instances;
	int32_t ret;
	assert_int_equal(kipp_Admin_deploy(f->admin, f->call, spec, &instances, why, &ret), KP_OK);
	if (ret == kipp_Outcome_Done)
		assert_int_equal(instances.len, spec->instances);
	return ret;
}

static inline void deploy(struct fixture *f, const char *name, int instances)
{
	struct kipp_Server spec = world_spec(name, instances);
	struct kp_str why;
	spec.package = kp_str(f->hash);
	assert_int_equal(deploy_spec(f, &spec, &why), kipp_Outcome_Done);
	assert_int_equal(why.len, 0);
}

static inline int32_t report_as(struct fixture *f, const char *node,
                                struct kipp_Status_list statuses, struct kp_str *why)
{
	struct kipp_NodeInfo info = world_node(node);
	int32_t ret;
	assert_int_equal(kipp_Cluster_report(f->cluster, f->call, &info, kp_str("boot-1"), statuses,
	                                     why, &ret),
	                 KP_OK);
	return ret;
}

static inline void report_nothing(struct fixture *f, const char *node)
{
	struct kp_str why;
	assert_int_equal(report_as(f, node, (struct kipp_Status_list){0}, &why), kipp_Outcome_Done);
}

static inline void report_active(struct fixture *f, const char *node, const char *id, int port)
{
	char endpoint[64];
	snprintf(endpoint, sizeof(endpoint), "tcp -h 127.0.0.1 -p %d -t 60000", port);
	struct kipp_Adapter adapter = world_spec("X", 1).adapters.ptr[0];
	adapter.endpoint = kp_str(endpoint);
	struct kipp_Status status;
	kipp_Status_init(&status);
	status.id = kp_str(id);
	status.state = kipp_State_Active;
	status.pid = 4711;
	status.adapters.ptr = &adapter;
	status.adapters.len = 1;
	struct kp_str why;
	assert_int_equal(report_as(f, node, (struct kipp_Status_list){&status, 1}, &why),
	                 kipp_Outcome_Done);
}

static inline struct kipp_InstanceView_list list(struct fixture *f, const char *target)
{
	struct kipp_InstanceView_list found;
	int32_t ret;
	assert_int_equal(kipp_Admin_listInstances(f->admin, f->call, kp_str(target), &found, &ret),
	                 KP_OK);
	assert_int_equal(ret, kipp_Outcome_Done);
	return found;
}

static inline int64_t last_event(struct fixture *f)
{
	struct kipp_Event_list events;
	int32_t ret;
	assert_int_equal(kipp_Admin_listEvents(f->admin, f->call, -1, 0, &events, &ret), KP_OK);
	return events.len ? events.ptr[0].number : 0;
}
