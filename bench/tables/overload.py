"""A server of known capacity that is offered more than it can serve."""

from tables.common import Server, at_least, at_most, run_json, share_cpus

TIMES = (1, 2, 4, 10)
GOODPUT_MIN = 0.95
REFUSED_P99_MAX_MS = 5
IMPORTANT_MIN = 0.999
MODEST_MIN = 0.99


def run_at(options, port, capacity, times, cpus):
    seconds = max(options.seconds * 4, 1)
    run = run_json([options.bench / "overload", "--port", port, "--capacity", capacity,
                    "--times", times, "--seconds", seconds, "--warmup", 1], cpus)  # fmt: skip
    served = lambda key: 100 * run[key]["good"] / max(1, run[key]["sent"])
    return {
        "times": times,
        "goodput": 100 * run["good_per_s"] / capacity,
        "important": served("important"),
        "modest": served("modest"),
        "normal": served("normal"),
        "unimportant": served("unimportant"),
        "good_p99_ms": run["good_p99_ms"],
        "refused_p50_ms": run["refused_p50_ms"],
        "refused_p99_ms": run["refused_p99_ms"],
        "refused_max_ms": run["refused_max_ms"],
        "late": run["all"]["late"] + run["all"]["failed"],
    }


def measure_one(options, arguments, outstanding, title, note):
    server_cpus, load_cpus = share_cpus()
    command = [options.bench / "overload-server", "--port", 0] + arguments
    with Server("overload", command, server_cpus) as server:
        closed = run_json([options.bench / "overload", "--port", server.port, "--closed", outstanding,
                           "--seconds", 1, "--warmup", 0.3], load_cpus)  # fmt: skip
        capacity = closed["good_per_s"]
        rows = [run_at(options, server.port, capacity, times, load_cpus) for times in TIMES]
    targets = []
    for row in rows:
        if row["times"] == 1:
            continue
        what = f"offered {row['times']} × capacity: "
        targets += [
            at_least(what + "goodput, % of capacity", row["goodput"], 100 * GOODPUT_MIN),
            at_most(what + "refusal p99, ms", row["refused_p99_ms"], REFUSED_P99_MAX_MS),
            at_least(what + "important calls served, %", row["important"], 100 * IMPORTANT_MIN),
            at_least(what + "modest callers' calls served, %", row["modest"], 100 * MODEST_MIN),
        ]
    return {
        "title": title,
        "note": note + f" Measured capacity: {capacity:,.0f} calls/s. Four callers: three modest ones "
        "offer 20 % of the capacity each, a greedy one the rest. A fifth of the capacity is "
        "important (priority 7); half of what the greedy one adds is unimportant (1).",
        "columns": [["times", "offered ×", 0], ["goodput", "goodput %", 1],
                    ["important", "important %", 2], ["modest", "modest callers %", 2],
                    ["normal", "normal %", 1], ["unimportant", "unimportant %", 1],
                    ["good_p99_ms", "served p99 ms", 1], ["refused_p50_ms", "refused p50 ms", 2],
                    ["refused_p99_ms", "p99 ms", 2], ["refused_max_ms", "max ms", 2],
                    ["late", "late or lost", 0]],  # fmt: skip
        "rows": rows,
        "targets": targets,
        "plot": {"over": "times", "axis": "offered load, × capacity", "line": 100 * GOODPUT_MIN,
                 "curves": [["goodput", "goodput, % of capacity"], ["important", "important calls served, %"],
                            ["modest", "modest callers served, %"], ["normal", "normal calls served, %"],
                            ["unimportant", "unimportant served, %"]]},  # fmt: skip
    }


def measure_pool(options):
    return measure_one(options, ["--pool", 4, "--service-us", 4000], 5,
                       "Overload, handlers on a pool",
                       "Four threads, 4 ms a call.")  # fmt: skip


def measure_fibers(options):
    return measure_one(options, ["--service-us", 400], 3,
                       "Overload, handlers on fibers that compute",
                       "One loop that each call keeps busy for 0.4 ms.")  # fmt: skip
