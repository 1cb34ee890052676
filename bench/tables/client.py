"""The client's CPU time per call, beside a client written by hand."""

from tables.common import NotMeasurable, Server, at_most, median, ratio, run_json, run_pairs, share_cpus

OUTSTANDING = 64
SIZES = [128, 1024]
CPU_RATIO_MAX = 1.5
MALLOCS_MAX = 0.0005
P50_RATIO_MAX = 1.05


def by_hand(options, port, outstanding, size, cpus):
    return run_json([
        options.bench / "load", "--json", "--fresh", "--port", port, "--outstanding", outstanding,
        "--size", size, "--seconds", options.seconds, "--warmup", options.warmup,
    ], cpus)  # fmt: skip


def by_kipp(options, port, mode, outstanding, size, cpus):
    run = run_json([
        options.bench / "caller", "--json", "--port", port, "--mode", mode,
        "--outstanding", outstanding, "--size", size, "--seconds", options.seconds,
        "--warmup", options.warmup,
    ], cpus)  # fmt: skip
    run["mallocs_per_call"] = max(run["allocs"], run["mallocs"]) / run["calls"]
    return run


def measure(options):
    server_cpus, load_cpus = share_cpus()
    rows, targets = [], []
    with Server("echo", [options.bench / "echo-server", "--port", 0], server_cpus) as server:
        for size in SIZES:
            for mode in ("async", "fiber"):
                pairs = run_pairs(
                    lambda: by_hand(options, server.port, OUTSTANDING, size, load_cpus),
                    lambda: by_kipp(options, server.port, mode, OUTSTANDING, size, load_cpus),
                    options.pairs,
                )
                for client, side in (("by hand", 0), (f"kipp, {mode}", 1)):
                    runs = [pair[side] for pair in pairs]
                    row = {"size": size, "client": client}
                    row.update({key: median(runs, key) for key in ("calls_per_s", "client_cpu_us")})
                    if side:
                        row["ratio"] = ratio(pairs, "client_cpu_us")
                        row["mallocs"] = median(runs, "mallocs_per_call")
                        what = f"{mode} calls, {size} bytes: "
                        targets.append(at_most(what + "client CPU per call, × by hand",
                                               row["ratio"], CPU_RATIO_MAX))  # fmt: skip
                        targets.append(at_most(what + "mallocs per call", row["mallocs"],
                                               MALLOCS_MAX))  # fmt: skip
                    elif mode != "async":
                        continue
                    rows.append(row)
    return {
        "title": "Client: CPU time per call beside a client written by hand",
        "note": f"{OUTSTANDING} calls in flight on one connection, to the same server. The client "
        "written by hand encodes each request, matches each answer to its call and checks it.",
        "columns": [["size", "bytes", 0], ["client", "client", -1], ["calls_per_s", "calls/s", 0],
                    ["client_cpu_us", "CPU µs/call", 3], ["ratio", "× by hand", 2],
                    ["mallocs", "mallocs/call", 3]],  # fmt: skip
        "rows": rows,
        "targets": targets,
        "plot": {"group": ["size"], "series": "client", "value": "client_cpu_us",
                 "axis": "client CPU, µs per call"},  # fmt: skip
    }


def measure_sync(options):
    """One caller that waits for each answer, everything on one CPU."""
    cpus, _ = share_cpus()
    if not cpus:
        raise NotMeasurable("one CPU for both sides, and another for the rest, need two")
    floor = Server("floor", [options.bench / "floor-server", "--port", 0], cpus)
    kipp = Server("kipp", [options.bench / "echo-server", "--port", 0], cpus)
    with floor, kipp:
        pairs = run_pairs(
            lambda: by_hand(options, floor.port, 1, 128, cpus),
            lambda: by_kipp(options, kipp.port, "plain", 1, 128, cpus),
            max(options.pairs, 5),
        )
    rows = []
    for name, side in (("by hand, floor", 0), ("kipp, kipp", 1)):
        row = {key: median([pair[side] for pair in pairs], key)
               for key in ("calls_per_s", "p50_us", "p99_us", "client_cpu_us")}  # fmt: skip
        rows.append({"sides": name, **row})
    rows[1]["ratio"] = ratio(pairs, "p50_us")
    return {
        "title": "One caller that waits: round trip with both sides on one CPU",
        "note": "128 bytes; client and server share one CPU, so that every instruction of both is "
        "in the round trip.",
        "columns": [["sides", "client, server", -1], ["calls_per_s", "calls/s", 0],
                    ["p50_us", "p50 µs", 2], ["p99_us", "p99 µs", 2],
                    ["client_cpu_us", "client CPU µs/call", 2],
                    ["ratio", "p50 × by hand", 3]],  # fmt: skip
        "rows": rows,
        "targets": [at_most("sync round trip, p50, × by hand", rows[1]["ratio"], P50_RATIO_MAX)],
        "plot": {"group": [], "series": "sides", "value": "p50_us", "axis": "round trip p50, µs",
                 "limits": [P50_RATIO_MAX]},  # fmt: skip
    }
