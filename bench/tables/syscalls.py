"""System calls, counted by strace: what one wake-up asks of the kernel.

What is told per call is, like instructions, the difference of a long and a short run.
"""

import collections
import os
import pathlib
import re
import shutil
import signal
import tempfile

from tables.common import Failed, NotMeasurable, Server, at_most, run_program

FEW, MANY = 64, 2112  # rounds of all the calls in flight on a connection
SIZE = 128
WAITS = ("epoll_wait", "epoll_pwait", "epoll_pwait2")
READS = ("read", "readv", "recvfrom", "recvmsg", "recvmmsg")
WRITES = ("write", "writev", "sendto", "sendmsg", "sendmmsg")
LINE = re.compile(r"^\d+ +(?:<\.\.\. )?(\w+)(?:\((\d*)| resumed>).*= (-?\d+|\?)")
READY = re.compile(r"u32=(\d+)")
RATIO_MAX = 1.01  # a client sends its first requests, and a server answers its last, unasked
NO_NAMES = ("ready", "reads", "writes")


def strace(out):
    if not shutil.which("strace"):
        raise NotMeasurable("strace is not installed")
    return ["strace", "-f", "-qq", "-s", "0", "-e", "abbrev=none", "-o", str(out)]


def count(path):
    """System calls by name; under "reads" and "writes" those on connections, and under "ready" how often epoll
    found a connection ready."""
    counts = collections.Counter()
    connections = set()
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        match = LINE.match(line)
        if not match:
            continue
        name, descriptor, result = match.groups()
        counts[name] += 1
        if name in ("accept", "accept4") and result.isdigit():
            connections.add(int(result))
        elif name == "connect" and "AF_INET" in line:
            connections.add(int(descriptor))
        elif name in WAITS:
            counts["ready"] += sum(int(fd) in connections for fd in READY.findall(line))
        elif descriptor and int(descriptor) in connections:
            counts["reads"] += name in READS
            counts["writes"] += name in WRITES
    if not counts:
        raise Failed("strace has left no system calls")
    return counts


def count_server(options, command, shape, calls, folder):
    out = pathlib.Path(folder) / f"server.{calls}"
    with Server("traced", strace(out) + command) as server:
        run_program([options.bench / "load", "--json", "--port", server.port,
                     "--connections", shape[0], "--outstanding", shape[1], "--size", SIZE,
                     "--warmup", 0, "--calls", calls])  # fmt: skip
        # strace passes no signal on: the server itself is told.
        children = pathlib.Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        for pid in children.read_text(encoding="utf-8").split():
            os.kill(int(pid), signal.SIGTERM)
        server.process.wait(60)
    return count(out)


def count_client(options, port, mode, outstanding, calls, folder):
    out = pathlib.Path(folder) / f"client.{mode}.{calls}"
    run_program(strace(out) + [options.bench / "caller", "--json", "--port", port, "--mode", mode,
                "--outstanding", outstanding, "--size", SIZE, "--warmup", 0,
                "--calls", calls])  # fmt: skip
    return count(out)


def row_of(few, many, calls, who, load):
    """Of the long run per ready connection, of the difference per call."""
    diff = {key: many[key] - few[key] for key in set(few) | set(many)}
    total = sum(value for key, value in diff.items() if key not in NO_NAMES)
    known = diff["reads"] + diff["writes"] + sum(diff.get(name, 0) for name in WAITS)
    return {"who": who, "load": load, "ready": many["ready"], "reads": many["reads"] / many["ready"],
            "writes": many["writes"] / many["ready"], "others": (total - known) / calls,
            "per_call": total / calls}  # fmt: skip


def measure(options):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for connections, outstanding in ((1, 1), (64, 1), (8, 64)):
            few, many = FEW * outstanding, MANY * outstanding
            for name, program in (("floor", "floor-server"), ("kipp server", "echo-server")):
                command = [options.bench / program, "--port", "0"]
                runs = [count_server(options, command, (connections, outstanding), calls, folder)
                        for calls in (few, many)]  # fmt: skip
                rows.append(row_of(*runs, many - few, name, f"{connections}×{outstanding}"))
        with Server("echo", [options.bench / "echo-server", "--port", 0]) as server:
            for mode, outstanding in (("plain", 1), ("async", 64), ("fiber", 64)):
                few, many = FEW * outstanding, MANY * outstanding
                runs = [count_client(options, server.port, mode, outstanding, calls, folder)
                        for calls in (few, many)]  # fmt: skip
                rows.append(row_of(*runs, many - few, f"kipp client, {mode}", f"1×{outstanding}"))
    targets = []
    for row in rows:
        if row["who"] != "floor":
            for what in ("reads", "writes"):
                targets.append(at_most(f"{row['who']}, {row['load']}: {what} per wake-up and "
                                       "connection", row[what], RATIO_MAX))  # fmt: skip
    return {
        "title": "System calls, counted",
        "note": "Reads and writes per connection that a wake-up found ready; other system calls, and all of them, per "
        "call. Tracing slows everything down, so that batches "
        "are smaller than in the other tables.",
        "columns": [["who", "program", -1], ["load", "connections × calls", -1],
                    ["reads", "reads/ready", 3], ["writes", "writes/ready", 3],
                    ["others", "others/call", 3], ["per_call", "all/call", 3]],  # fmt: skip
        "rows": rows,
        "targets": targets,
        "plot": {"group": ["load"], "series": "who", "value": "per_call",
                 "axis": "system calls per call"},  # fmt: skip
    }
