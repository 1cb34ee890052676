"""System calls, counted by strace: what one wake-up asks of the kernel.

Like instructions, the difference of a long and a short run, so that start and end cancel out.
"""

import collections
import os
import pathlib
import re
import shutil
import signal
import tempfile

from tables.common import Failed, NotMeasurable, Server, at_most, run_program

FEW, MANY = 512, 4608
SIZE = 128
WAITS = ("epoll_wait", "epoll_pwait", "epoll_pwait2")
READS = ("read", "readv", "recvfrom", "recvmsg", "recvmmsg")
WRITES = ("write", "writev", "sendto", "sendmsg", "sendmmsg")
LINE = re.compile(r"^\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed>).*= (-?\d+|\?)")
RATIO_MAX = 1.001  # a read or write may fall between the two runs


def strace(out):
    if not shutil.which("strace"):
        raise NotMeasurable("strace is not installed")
    return ["strace", "-f", "-qq", "-s", "0", "-o", str(out)]


def count(path):
    """System calls by name, and under "ready" how many descriptors epoll found ready."""
    counts = collections.Counter()
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        match = LINE.match(line)
        if not match:
            continue
        name, result = match.groups()
        counts[name] += 1
        if name in WAITS and result.isdigit() and int(result) > 0:
            counts["ready"] += int(result)
            counts["wakeups"] += 1
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


def row_of(few, many, who, load):
    diff = {key: many[key] - few[key] for key in set(few) | set(many)}
    calls = MANY - FEW
    add = lambda names: sum(diff.get(name, 0) for name in names)
    ready = max(1, diff.get("ready", 0))
    everything = sum(value for key, value in diff.items() if key not in ("ready", "wakeups"))
    return {"who": who, "load": load, "calls": calls, "ready": ready,
            "reads": add(READS) / ready, "writes": add(WRITES) / ready,
            "others": (everything - add(READS + WRITES + WAITS)) / ready,
            "per_call": everything / calls}  # fmt: skip


def measure(options):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for shape in ((1, 1), (64, 1), (8, 64)):
            for name, program in (("floor", "floor-server"), ("kipp server", "echo-server")):
                command = [options.bench / program, "--port", "0"]
                runs = [count_server(options, command, shape, calls, folder) for calls in (FEW, MANY)]
                rows.append(row_of(*runs, name, f"{shape[0]}×{shape[1]}"))
        with Server("echo", [options.bench / "echo-server", "--port", 0]) as server:
            for mode, outstanding in (("plain", 1), ("async", 64), ("fiber", 64)):
                runs = [count_client(options, server.port, mode, outstanding, calls, folder)
                        for calls in (FEW, MANY)]  # fmt: skip
                rows.append(row_of(*runs, f"kipp client, {mode}", f"1×{outstanding}"))
    targets = []
    for row in rows:
        if row["who"] != "floor":
            for what in ("reads", "writes"):
                targets.append(at_most(f"{row['who']}, {row['load']}: {what} per wake-up and "
                                       "connection", row[what], RATIO_MAX))  # fmt: skip
    return {
        "title": "System calls, counted",
        "note": "Reads, writes and others per descriptor that a wake-up found ready, in the steady "
        "state, and all system calls per call. Tracing slows everything down, so that batches "
        "are smaller than in the other tables.",
        "columns": [["who", "program", -1], ["load", "connections × calls", -1],
                    ["reads", "reads/ready", 3], ["writes", "writes/ready", 3],
                    ["others", "others/ready", 3], ["per_call", "all/call", 3]],  # fmt: skip
        "rows": rows,
        "targets": targets,
        "plot": {"group": ["load"], "series": "who", "value": "per_call",
                 "axis": "system calls per call"},  # fmt: skip
    }
