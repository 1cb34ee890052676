// metrics.c - the exposition of counters; one row of a table is one series.
#include "rpc/metrics.h"

#include "rpc/server_internal.h"

#include <inttypes.h>

// series is one counter of kp_adapter_stats. Neighbours with one name are one family.
struct series {
	const char *name; // without "_total"
	const char *help;
	const char *unit;   // NULL: it counts things
	const char *labels; // beside the adapter's, or ""
	size_t offset;
	bool is_gauge;
};

#define SERIES(name, help, unit, labels, field)                                           \
	{                                                                                 \
		name, help, unit, labels, offsetof(struct kp_adapter_stats, field), false \
	}

static const struct series table[] = {
        {"kipp_adapter_connections", "Connections that are open.", NULL, "",
         offsetof(struct kp_adapter_stats, connections_open), true},
        SERIES("kipp_adapter_connections_accepted", "Connections that were taken.", NULL, "",
               connections_accepted),
        SERIES("kipp_adapter_connections_refused", "Connections that were not taken.", NULL,
               ",reason=\"full\"", connections_refused),
        SERIES("kipp_adapter_connections_refused", NULL, NULL, ",reason=\"denied\"",
               connections_denied),
        SERIES("kipp_adapter_connections_refused", NULL, NULL, ",reason=\"banned\"",
               connections_banned),
        SERIES("kipp_adapter_connections_refused", NULL, NULL, ",reason=\"source\"",
               connections_limited),
        SERIES("kipp_adapter_requests", "Requests that came.", NULL, "", requests),
        SERIES("kipp_adapter_answers", "Answers that were sent.", NULL, "", answers),
        SERIES("kipp_adapter_oneway_requests", "Requests that wanted no answer.", NULL, "",
               oneways),
        SERIES("kipp_adapter_requests_refused", "Requests refused before they were queued.", NULL,
               ",reason=\"overload\"", refused_overload),
        SERIES("kipp_adapter_requests_shadow_refused", "Requests that would have been refused.",
               NULL, "", shadow_refused),
        SERIES("kipp_adapter_requests_cancelled", "Requests whose caller gave up.", NULL, "",
               cancelled),
        SERIES("kipp_adapter_sources_banned", "Sources that were banned.", NULL, "",
               sources_banned),
        SERIES("kipp_adapter_connections_closed", "Connections that ended.", NULL,
               ",reason=\"peer\"", closed_by_peer),
        SERIES("kipp_adapter_connections_closed", NULL, NULL, ",reason=\"idle\"", closed_idle),
        SERIES("kipp_adapter_connections_closed", NULL, NULL, ",reason=\"bad_frame\"",
               closed_bad_frame),
        SERIES("kipp_adapter_connections_closed", NULL, NULL, ",reason=\"oversized\"",
               closed_oversized),
        SERIES("kipp_adapter_connections_closed", NULL, NULL, ",reason=\"slow_reader\"",
               closed_slow_reader),
        SERIES("kipp_adapter_connections_closed", NULL, NULL, ",reason=\"reset\"", closed_reset),
        SERIES("kipp_adapter_connections_closed", NULL, NULL, ",reason=\"silent\"", closed_silent),
        SERIES("kipp_adapter_connections_closed", NULL, NULL, ",reason=\"banned\"", closed_banned),
        SERIES("kipp_adapter_connections_closed", NULL, NULL, ",reason=\"tls\"", closed_tls),
        SERIES("kipp_adapter_connections_closed", NULL, NULL, ",reason=\"denied\"", closed_denied),
        SERIES("kipp_adapter_datagrams_dropped", "Datagrams that were not understood or lost.",
               NULL, "", datagrams_dropped),
        SERIES("kipp_adapter_received_bytes", "Bytes that came.", "bytes", "", bytes_in),
        SERIES("kipp_adapter_sent_bytes", "Bytes that went.", "bytes", "", bytes_out),
};

enum {
	SERIES_COUNT = sizeof(table) / sizeof(*table)
};
static_assert(SERIES_COUNT == sizeof(struct kp_adapter_stats) / sizeof(uint64_t),
              "each counter is a series");

// put_label appends a label's value, escaped.
static void put_label(struct kp_buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			kp_buf_append_byte(out, '\\');
		kp_buf_append_byte(out, *text == '\n' ? ' ' : (uint8_t)*text);
	}
}

static void put_family(struct kp_buf *out, const struct series *series, bool is_open)
{
	const char *suffix = series->is_gauge || is_open ? "" : "_total";
	kp_buf_printf(out, "# HELP %s%s %s\n# TYPE %s%s %s\n", series->name, suffix, series->help,
	              series->name, suffix, series->is_gauge ? "gauge" : "counter");
	if (is_open && series->unit)
		kp_buf_printf(out, "# UNIT %s %s\n", series->name, series->unit);
}

static void put_value(struct kp_buf *out, const struct series *series,
                      const struct adapter *adapter)
{
	struct kp_adapter_stats stats;
	kp_server_stats(adapter->server, adapter->index, &stats);
	uint64_t value;
	memcpy(&value, (const char *)&stats + series->offset, sizeof(value));
	kp_buf_printf(out, "%s%s{adapter=\"", series->name, series->is_gauge ? "" : "_total");
	put_label(out, adapter->endpoint_text);
	kp_buf_printf(out, "\"%s} %" PRIu64 "\n", series->labels, value);
}

void server_metrics_print(const struct kp_server *server, bool is_open, struct kp_buf *out)
{
	for (size_t i = 0; i < SERIES_COUNT; i++) {
		if (table[i].help)
			put_family(out, &table[i], is_open);
		for (size_t a = 0; a < server->adapters.len; a++)
			put_value(out, &table[i], server->adapters.ptr[a]);
	}
	if (is_open)
		kp_buf_append_str(out, kp_str("# EOF\n"));
}
