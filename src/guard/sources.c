// sources.c - who connects, how they behave, and who is banned for a while.
#include "guard/sources.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdio.h>

enum {
	CAP_MIN = 64,
	DRAWN = 16,        // entries of which one makes room
	BURST_SECONDS = 4, // of connections may come at once
	GOOD_PER_OFFENCE = 20,
	SUSPENSIONS_MAX = 4, // each is twice as long as the one before, up to here
};

static const int64_t second_ns = 1000000000;
static const int64_t minute_ns = 60 * second_ns;

// A silent connection is a lesser offence than a malformed packet: some clients connect early.
static const float weights[] = {
        [KP_OFFENCE_MALFORMED] = 1,
        [KP_OFFENCE_SILENT] = 0.25F,
        [KP_OFFENCE_UNREAD] = 1,
};

static const char *const offence_names[] = {
        [KP_OFFENCE_MALFORMED] = "malformed packets",
        [KP_OFFENCE_SILENT] = "connections that say nothing",
        [KP_OFFENCE_UNREAD] = "answers that it does not read",
};

static bool is_over(int64_t value, int64_t limit)
{
	return limit >= 0 && value > limit;
}

// --- events

static struct kp_server_event *add_event(struct kp_sources *sources, enum kp_event_kind kind)
{
	if (sources->event_end - sources->event_first == KP_SOURCES_EVENTS)
		sources->event_first++;
	struct kp_server_event *event = &sources->events[sources->event_end++ % KP_SOURCES_EVENTS];
	*event = (struct kp_server_event){.kind = kind, .adapter = sources->adapter};
	return event;
}

bool kp_sources_next_event(struct kp_sources *sources, struct kp_server_event *ret)
{
	if (sources->event_first == sources->event_end)
		return false;
	*ret = sources->events[sources->event_first++ % KP_SOURCES_EVENTS];
	return true;
}

// --- the table

void kp_sources_init(struct kp_sources *sources, int adapter, const struct kp_limits *limits,
                     uint64_t seed)
{
	memset(sources, 0, sizeof(*sources));
	sources->adapter = adapter;
	sources->limits = *limits;
	sources->seed = seed;
	sources->dice = seed | 1;
}

void kp_sources_fini(struct kp_sources *sources)
{
	kp_free(sources->entries);
	kp_free(sources->buckets);
	sources->entries = NULL;
	sources->buckets = NULL;
	sources->cap = sources->len = sources->free = 0;
}

static uint64_t throw_dice(struct kp_sources *sources)
{
	sources->dice ^= sources->dice << 13;
	sources->dice ^= sources->dice >> 7;
	sources->dice ^= sources->dice << 17;
	return sources->dice;
}

// source_of is the part of an address that stands for its owner.
static struct kp_ip source_of(const struct kp_ip *ip)
{
	struct kp_ip source = *ip;
	if (!kp_ip_is_v4(ip))
		memset(source.bytes + 8, 0, 8);
	return source;
}

static uint32_t *bucket_of(const struct kp_sources *sources, const struct kp_ip *source)
{
	uint64_t hash = kp_hash(source->bytes, sizeof(source->bytes), sources->seed);
	return &sources->buckets[hash & (sources->cap - 1)];
}

static struct kp_source *find(const struct kp_sources *sources, const struct kp_ip *source)
{
	if (!sources->cap)
		return NULL;
	for (uint32_t at = *bucket_of(sources, source); at;) {
		struct kp_source *entry = &sources->entries[at - 1];
		if (memcmp(&entry->ip, source, sizeof(*source)) == 0)
			return entry;
		at = entry->next;
	}
	return NULL;
}

static void link_entry(struct kp_sources *sources, uint32_t index)
{
	struct kp_source *entry = &sources->entries[index];
	uint32_t *bucket = bucket_of(sources, &entry->ip);
	entry->next = *bucket;
	*bucket = index + 1;
}

static void remove_entry(struct kp_sources *sources, uint32_t index)
{
	struct kp_source *entry = &sources->entries[index];
	uint32_t *at = bucket_of(sources, &entry->ip);
	while (*at != index + 1)
		at = &sources->entries[*at - 1].next;
	*at = entry->next;
	*entry = (struct kp_source){.next = sources->free};
	sources->free = index + 1;
	sources->len--;
}

// grow doubles the table, up to the limit. What cannot grow makes room.
static bool grow(struct kp_sources *sources)
{
	uint32_t cap = sources->cap ? sources->cap * 2 : CAP_MIN;
	if (is_over(cap, sources->limits.sources_max) && sources->cap)
		return false;
	uint32_t *buckets = kp_alloc_zero(cap, sizeof(*buckets));
	if (!buckets)
		return false;
	struct kp_source *entries = kp_realloc(sources->entries, cap * sizeof(*entries));
	if (!entries) {
		kp_free(buckets);
		return false;
	}
	kp_free(sources->buckets);
	uint32_t old_cap = sources->cap;
	sources->entries = entries;
	sources->buckets = buckets;
	sources->cap = cap;
	for (uint32_t i = cap; i > old_cap; i--) {
		entries[i - 1] = (struct kp_source){.next = sources->free};
		sources->free = i;
	}
	for (uint32_t i = 0; i < old_cap; i++)
		if (entries[i].is_used)
			link_entry(sources, i);
	return true;
}

// worth is how much would be lost with an entry; below 0: it has to stay.
static int64_t worth(const struct kp_source *entry, int64_t now_ns)
{
	if (entry->connections > 0 || entry->ban_until_ns > now_ns)
		return -1;
	int64_t age_ns = now_ns - entry->touched_ns;
	int64_t worth = age_ns < INT64_MAX / 4 ? INT64_MAX / 4 - age_ns : 0;
	return entry->bans > 0 ? worth + INT64_MAX / 4
	                       : worth; // who was banned is remembered longer
}

static bool make_room(struct kp_sources *sources, int64_t now_ns)
{
	int64_t least = INT64_MAX;
	uint32_t chosen = 0;
	for (int i = 0; i < DRAWN; i++) {
		uint32_t index = (uint32_t)(throw_dice(sources) >> 16) & (sources->cap - 1);
		if (!sources->entries[index].is_used)
			continue;
		int64_t value = worth(&sources->entries[index], now_ns);
		if (value < 0 || value >= least)
			continue;
		least = value;
		chosen = index;
	}
	if (least == INT64_MAX)
		return false;
	remove_entry(sources, chosen);
	return true;
}

static struct kp_source *add(struct kp_sources *sources, const struct kp_ip *source, int64_t now_ns)
{
	if (!sources->free && !grow(sources) && (!sources->cap || !make_room(sources, now_ns))) {
		sources->stats.untracked++;
		return NULL;
	}
	uint32_t index = sources->free - 1;
	struct kp_source *entry = &sources->entries[index];
	sources->free = entry->next;
	*entry = (struct kp_source){.ip = *source, .is_used = true, .touched_ns = now_ns};
	link_entry(sources, index);
	sources->len++;
	return entry;
}

static float fade(float value, int64_t age_ns)
{
	return age_ns >= minute_ns ? 0 : value * (1 - (float)age_ns / (float)minute_ns);
}

// touch lets time pass for an entry.
static void touch(const struct kp_sources *sources, struct kp_source *entry, int64_t now_ns)
{
	int64_t age_ns = now_ns - entry->touched_ns;
	if (age_ns > 0) {
		entry->good = fade(entry->good, age_ns);
		entry->bad = fade(entry->bad, age_ns);
		entry->touched_ns = now_ns;
	}
	if (entry->bans && now_ns - entry->ban_until_ns > sources->limits.forget_s * second_ns)
		entry->bans = 0;
}

// take finds or adds an entry; NULL: there is no room.
static struct kp_source *take(struct kp_sources *sources, const struct kp_ip *ip, int64_t now_ns)
{
	struct kp_ip source = source_of(ip);
	struct kp_source *entry = find(sources, &source);
	if (entry)
		touch(sources, entry, now_ns);
	return entry ? entry : add(sources, &source, now_ns);
}

// --- offences

void kp_sources_offend_unknown(struct kp_sources *sources, int64_t now_ns)
{
	if (now_ns - sources->offences_ns >= 2 * second_ns) { // nobody has ticked
		sources->offences_ns = now_ns;
		sources->offences = 0;
	}
	sources->offences++;
}

static void ban(struct kp_sources *sources, struct kp_source *entry, int64_t now_ns,
                const char *reason)
{
	const struct kp_limits *limits = &sources->limits;
	if (limits->ban_s < 0 || entry->ban_until_ns > now_ns)
		return;
	int64_t term_s = limits->ban_s;
	for (uint32_t i = 0; i < entry->bans && !is_over(term_s, limits->ban_max_s); i++)
		term_s *= 2;
	if (is_over(term_s, limits->ban_max_s))
		term_s = limits->ban_max_s;
	entry->bans += entry->bans < 32;
	entry->bad = 0;
	entry->ban_until_ns = now_ns + term_s * second_ns;
	sources->stats.banned++;
	sources->ban_epoch++;
	struct kp_server_event *event = add_event(sources, KP_EVENT_BAN);
	char ip[KP_IP_TEXT_MAX];
	kp_ip_format(&entry->ip, ip);
	const char *range = kp_ip_is_v4(&entry->ip) ? "" : "/64";
	snprintf(event->source, sizeof(event->source), "%.50s%s", ip, range);
	snprintf(event->text, sizeof(event->text), "%s%s is banned for %lld s: %s", ip, range,
	         (long long)term_s, reason);
}

// judge bans a source whose offences are many, and many beside what it sends otherwise.
static bool judge(struct kp_sources *sources, struct kp_source *entry, int64_t now_ns, float limit,
                  const char *reason)
{
	if (entry->bad <= limit || entry->bad * GOOD_PER_OFFENCE <= entry->good)
		return false;
	ban(sources, entry, now_ns, reason);
	return entry->ban_until_ns > now_ns;
}

bool kp_sources_offend(struct kp_sources *sources, const struct kp_ip *ip, int64_t now_ns,
                       enum kp_offence offence, uint64_t spoiled)
{
	kp_sources_offend_unknown(sources, now_ns);
	int64_t limit = sources->limits.source_malformed_max;
	struct kp_source *entry = take(sources, ip, now_ns);
	if (!entry || limit < 0)
		return false;
	entry->bad += weights[offence];
	entry->good = (float)spoiled < entry->good ? entry->good - (float)spoiled : 0;
	return judge(sources, entry, now_ns, (float)limit, offence_names[offence]);
}

// --- connections

static bool is_too_fast(const struct kp_sources *sources, struct kp_source *entry, int64_t now_ns)
{
	int64_t rate = sources->limits.source_connects_per_s;
	if (rate < 0)
		return false;
	if (entry->connect_ns > now_ns + BURST_SECONDS * second_ns)
		return true;
	int64_t from_ns = entry->connect_ns > now_ns ? entry->connect_ns : now_ns;
	entry->connect_ns = from_ns + second_ns / (rate > 0 ? rate : 1);
	return false;
}

static kp_source_verdict admit(struct kp_sources *sources, struct kp_source *entry, int64_t now_ns)
{
	const struct kp_limits *limits = &sources->limits;
	if (entry->ban_until_ns > now_ns) {
		sources->stats.refused_banned++;
		return KP_SOURCE_BANNED;
	}
	if (is_over(entry->connections + 1, limits->source_connections_max)) {
		sources->stats.refused_many++;
		return KP_SOURCE_TOO_MANY;
	}
	if (is_too_fast(sources, entry, now_ns)) {
		sources->stats.refused_fast++;
		entry->bad++;
		(void)judge(sources, entry, now_ns, (float)limits->source_connects_per_s,
		            "connections that come too fast");
		return KP_SOURCE_TOO_FAST;
	}
	return KP_SOURCE_OK;
}

kp_source_verdict kp_sources_connect(struct kp_sources *sources, const struct kp_ip *ip,
                                     int64_t now_ns)
{
	struct kp_source *entry = take(sources, ip, now_ns);
	if (!entry)
		return KP_SOURCE_OK;
	kp_source_verdict verdict = admit(sources, entry, now_ns);
	if (verdict == KP_SOURCE_OK)
		entry->connections++;
	else
		kp_sources_offend_unknown(sources, now_ns);
	return verdict;
}

void kp_sources_disconnect(struct kp_sources *sources, const struct kp_ip *ip, int64_t now_ns)
{
	struct kp_ip source = source_of(ip);
	struct kp_source *entry = find(sources, &source);
	if (!entry)
		return;
	touch(sources, entry, now_ns);
	if (entry->connections > 0)
		entry->connections--;
}

bool kp_sources_note(struct kp_sources *sources, const struct kp_ip *ip, int64_t now_ns,
                     uint64_t bytes, uint64_t packets)
{
	struct kp_source *entry = take(sources, ip, now_ns);
	if (!entry)
		return false;
	const struct kp_limits *limits = &sources->limits;
	entry->good += (float)packets;
	if (now_ns - entry->second_ns >= second_ns) {
		entry->second_ns = now_ns;
		entry->bytes = entry->packets = 0;
	}
	entry->bytes += (int64_t)bytes;
	entry->packets += (int64_t)packets;
	bool has_many_bytes = is_over(entry->bytes, limits->source_bytes_per_s);
	if (!has_many_bytes && !is_over(entry->packets, limits->source_packets_per_s))
		return false;
	kp_sources_offend_unknown(sources, now_ns);
	ban(sources, entry, now_ns, has_many_bytes ? "too many bytes" : "too many packets");
	return entry->ban_until_ns > now_ns;
}

// --- standing

static const struct kp_source *look_up(const struct kp_sources *sources, const struct kp_ip *ip)
{
	struct kp_ip source = source_of(ip);
	return find(sources, &source);
}

bool kp_sources_is_banned(const struct kp_sources *sources, const struct kp_ip *ip, int64_t now_ns)
{
	const struct kp_source *entry = look_up(sources, ip);
	return entry && entry->ban_until_ns > now_ns;
}

bool kp_sources_is_trusted(const struct kp_sources *sources, const struct kp_ip *ip, int64_t now_ns)
{
	const struct kp_source *entry = look_up(sources, ip);
	if (!entry || entry->ban_until_ns > now_ns)
		return false;
	int64_t age_ns = now_ns - entry->touched_ns;
	return fade(entry->good, age_ns) > 0 &&
	       fade(entry->good, age_ns) >= fade(entry->bad, age_ns) * GOOD_PER_OFFENCE;
}

// --- mass attacks

static void suspend(struct kp_sources *sources, int64_t now_ns)
{
	const struct kp_limits *limits = &sources->limits;
	bool is_again = sources->suspensions > 0 && now_ns - sources->resumed_ns < minute_ns;
	sources->suspensions = is_again ? sources->suspensions + 1 : 1;
	unsigned doubled = sources->suspensions - 1;
	int64_t term_ms = limits->suspend_ms
	                  << (doubled < SUSPENSIONS_MAX ? doubled : SUSPENSIONS_MAX);
	sources->suspended_until_ns = now_ns + term_ms * 1000000;
	sources->stats.suspended++;
	snprintf(add_event(sources, KP_EVENT_SUSPEND)->text, sizeof(sources->events[0].text),
	         "no new connections for %lld ms: %llu offences in a second", (long long)term_ms,
	         (unsigned long long)sources->offences);
}

bool kp_sources_tick(struct kp_sources *sources, int64_t now_ns, bool is_strained)
{
	const struct kp_limits *limits = &sources->limits;
	if (sources->suspended_until_ns) {
		if (now_ns < sources->suspended_until_ns)
			return true;
		sources->suspended_until_ns = 0;
		sources->resumed_ns = now_ns;
		sources->offences_ns = now_ns;
		sources->offences = 0;
		snprintf(add_event(sources, KP_EVENT_RESUME)->text, sizeof(sources->events[0].text),
		         "new connections are accepted again");
		return false;
	}
	int64_t elapsed_ns = now_ns - sources->offences_ns;
	if (elapsed_ns < second_ns / 2)
		return false;
	double rate = (double)sources->offences * (double)second_ns / (double)elapsed_ns;
	bool is_attack = limits->suspend_offences_per_s >= 0 && limits->suspend_ms > 0 &&
	                 rate > (double)limits->suspend_offences_per_s;
	if (is_attack && is_strained)
		suspend(sources, now_ns);
	sources->offences_ns = now_ns;
	sources->offences = 0;
	return sources->suspended_until_ns != 0;
}
