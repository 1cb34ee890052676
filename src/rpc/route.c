// route.c - which endpoint a request goes to, and what is learned from how that went.
#include "rpc/client_internal.h"

#include "os/clock.h"
#include "os/rand.h"

// --- the table of a route

static const struct kp_balancer_ops *const balancers[] = {
        [KP_BALANCE_ROUND_ROBIN] = &kp_balance_round_robin,
        [KP_BALANCE_WEIGHTED] = &kp_balance_weighted,
        [KP_BALANCE_HASH] = &kp_balance_modulo,
        [KP_BALANCE_CONSISTENT_HASH] = &kp_balance_consistent,
        [KP_BALANCE_LEAST_LATENCY] = &kp_balance_latency,
};

static void configure(struct route *route, const struct route_settings *settings)
{
	route->settings = settings;
	kp_table_configure(&route->table, balancers[settings->balancer], settings->subset_size,
	                   settings->slow_start_ns, settings->isolated_share_max);
}

void route_table_init(struct route *route)
{
	struct client_loop *loop = route->loop;
	kp_table_init(&route->table, &(struct kp_table_options){
	                                     .balancer = &kp_balance_round_robin,
	                                     .pool = &loop->client->pool,
	                                     .decisions = loop->decisions,
	                                     .route = (uint32_t)route->proxy->index,
	                                     .client_id = loop->client->id,
	                                     // Clients start their rounds at different places, or
	                                     // short-lived ones would all ask the first.
	                                     .seed = kp_rand_u64(),
	                             });
	configure(route, policy_route(route->proxy));
}

bool route_leads_to(const struct route *route, const char *endpoint)
{
	return kp_table_find(&route->table, endpoint) != NULL;
}

// refresh runs the table's steps; whoever explains them meanwhile waits.
static void refresh(struct route *route, const struct route_settings *settings, int64_t now_ns)
{
	pthread_mutex_lock(&route->loop->lock);
	if (route->settings != settings)
		configure(route, settings);
	kp_table_refresh(&route->table, now_ns);
	pthread_mutex_unlock(&route->loop->lock);
}

static enum kp_why_chosen why_of(const struct kp_request *request)
{
	if (KP_UNLIKELY(request->kind == REQUEST_HEDGE))
		return KP_CHOSEN_HEDGE;
	return KP_LIKELY(request->attempts == 0) ? KP_CHOSEN_TURN : KP_CHOSEN_RETRY;
}

// note_tried keeps a call and its hedge out of each other's way.
static void note_tried(struct kp_request *request, const struct kp_entry *entry)
{
	struct kp_request *other = request->other;
	request->tried[request->attempts++] = entry->id;
	if (KP_LIKELY(!other))
		return;
	memcpy(other->tried, request->tried, sizeof(other->tried));
	other->attempts = request->attempts;
}

struct peer *route_pick(struct kp_request *request)
{
	struct route *route = request->route;
	route_end(request, KP_OUTCOME_GONE);
	if (KP_UNLIKELY(request->attempts == KP_ATTEMPTS_MAX))
		return NULL;
	const struct route_settings *settings = policy_route(route->proxy);
	const struct kp_pick_ask ask = {
	        .now_ns = kp_loop_now(route->loop->loop),
	        .key_kind = request->key_kind,
	        .key = request->key,
	        .why = why_of(request),
	        .tried = request->tried,
	        .tried_count = request->attempts,
	};
	if (KP_UNLIKELY(ask.key_kind == KP_KEY_CONSISTENT))
		kp_table_want_ring(&route->table);
	if (KP_UNLIKELY(settings != route->settings ||
	                kp_table_wants_refresh(&route->table, ask.now_ns)))
		refresh(route, settings, ask.now_ns);
	struct kp_entry *sick = kp_table_probe(&route->table, ask.now_ns);
	if (KP_UNLIKELY(sick != NULL))
		request_probe(route, sick->arg);
	struct kp_entry *entry = kp_table_pick(&route->table, &ask);
	if (KP_UNLIKELY(!entry))
		return NULL;
	request->entry = entry;
	request->picked_ns = ask.now_ns;
	note_tried(request, entry);
	return entry->arg;
}

void route_note_end(struct kp_request *request, enum kp_outcome outcome)
{
	int64_t now_ns = kp_loop_now(request->loop->loop);
	kp_table_done(&request->route->table, request->entry, outcome, now_ns - request->picked_ns,
	              now_ns);
	request->entry = NULL;
}

// --- evidence

enum kp_outcome outcome_of_ret(int32_t ret)
{
	switch (ret) {
	case KP_RET_OK:
		return KP_OUTCOME_GOOD;
	case KP_RET_DECODE:
	case KP_RET_NOFUNC:
	case KP_RET_NOSERVANT:
		return KP_OUTCOME_CALLER;
	case KP_RET_QUEUE_TIMEOUT:
	case KP_RET_OVERLOAD:
		return KP_OUTCOME_OVERLOAD;
	default:
		return KP_OUTCOME_ANSWER;
	}
}

// mark_stale has all routes that lead to a peer look again soon: it may have moved.
static void mark_stale(struct client_loop *loop, const struct peer *peer)
{
	for (size_t i = 0; i < loop->routes.len; i++) {
		struct route *route = loop->routes.ptr[i];
		if (route && !route->is_stale && route_leads_to(route, peer->record->name))
			route->is_stale = true;
	}
}

void peer_on_fault(struct peer *peer, enum kp_outcome outcome)
{
	struct kp_evidence *evidence = &peer->record->evidence;
	kp_evidence_note(evidence, outcome, kp_clock_ns(), &peer->loop->dice);
	if (kp_evidence_is_sick(evidence))
		mark_stale(peer->loop, peer);
}
