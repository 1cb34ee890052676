"""The server's CPU time per call, beside the floor's."""

from tables.common import Server, at_most, median, ratio, run_json, run_pairs, share_cpus

SHAPES = [(64, 1), (8, 64)]  # connections, calls in flight on each
SIZES = [128, 1024]
CPU_RATIO_MAX = {(64, 1): 1.05, (8, 64): 1.10}
MALLOCS_MAX = 0.0005  # per call: what prints as 0.000


def run_load(options, server, shape, size, cpus):
    """One run of the load generator; its numbers, and what the server allocated meanwhile."""
    command = [
        options.bench / "load", "--json", "--port", server.port, "--pid", server.process.pid,
        "--connections", shape[0], "--outstanding", shape[1], "--size", size,
        "--seconds", options.seconds, "--warmup", options.warmup,
    ] + (["--mark"] if server.has_marks else [])  # fmt: skip
    result = run_json(command, cpus)
    result["server"] = server.name
    if server.has_marks:
        before, after = server.counters(), server.counters()
        result["mallocs"] = max(after[key] - before[key] for key in ("allocs", "mallocs"))
    return result


def row_of(runs, shape, size):
    row = {key: median(runs, key) for key in ("calls_per_s", "p50_us", "p99_us", "server_cpu_us")}
    row.update(load=f"{shape[0]}×{shape[1]}", size=size, server=runs[0]["server"])
    if "mallocs" in runs[0]:
        row["mallocs"] = sum(run["mallocs"] for run in runs) / sum(run["calls"] for run in runs)
    return row


def measure(options):
    server_cpus, load_cpus = share_cpus()
    floor = Server("floor", [options.bench / "floor-server", "--port", 0], server_cpus)
    command = [options.bench / "echo-server", "--port", 0, "--threads", 1]
    kipp = Server("kipp", command, server_cpus, has_marks=True)
    if options.noise:
        kipp = Server("floor again", floor.process.args, server_cpus)
    rows, targets = [], []
    with floor, kipp:
        for shape in SHAPES:
            for size in SIZES:
                pairs = run_pairs(
                    lambda: run_load(options, floor, shape, size, load_cpus),
                    lambda: run_load(options, kipp, shape, size, load_cpus),
                    options.pairs,
                )
                first = row_of([a for a, _ in pairs], shape, size)
                second = row_of([b for _, b in pairs], shape, size)
                second["ratio"] = second["share"] = ratio(pairs, "server_cpu_us")
                first["share"] = 1
                rows += [first, second]
                what = f"{first['load']}, {size} bytes"
                targets.append(at_most(f"{what}: server CPU per call, × floor", second["ratio"],
                                       CPU_RATIO_MAX[shape]))  # fmt: skip
                if "mallocs" in second:
                    targets.append(at_most(f"{what}: mallocs per call", second["mallocs"],
                                           MALLOCS_MAX))  # fmt: skip
    return {
        "title": "Server: CPU time per call beside the floor",
        "note": "The floor is a hand-written epoll loop that answers one function and does nothing "
        "else. Ratios are medians of pairs of runs that follow one another.",
        "columns": [["load", "connections × calls", -1], ["size", "bytes", 0],
                    ["server", "server", -1], ["calls_per_s", "calls/s", 0],
                    ["p50_us", "p50 µs", 1], ["p99_us", "p99 µs", 1],
                    ["server_cpu_us", "CPU µs/call", 3], ["ratio", "× floor", 2],
                    ["mallocs", "mallocs/call", 3]],  # fmt: skip
        "rows": rows,
        "targets": targets if not options.noise else [],
        "plot": {"group": ["load", "size"], "series": "server", "value": "share",
                 "axis": "server CPU per call, × floor", "detail": ["server_cpu_us", "µs"],
                 "limits": [CPU_RATIO_MAX[s] for s in SHAPES for _ in SIZES]},  # fmt: skip
    }
