"""Two loops beside one, and how connections spread over loops."""

import collections
import contextlib
import os
import pathlib
import re
import socket

from tables.idle import call_once
from tables.common import NotMeasurable, Server, at_least, at_most, median, run_json, run_pairs

GAIN_MIN = 1.8
FEW, MANY = 8, 64


def run_load(options, port, cpus):
    return run_json([options.bench / "load", "--json", "--port", port, "--connections", 64,
                     "--outstanding", 16, "--seconds", options.seconds,
                     "--warmup", options.warmup], cpus)  # fmt: skip


def echo_server(options, threads, cpus=None):
    command = [options.bench / "echo-server", "--port", 0, "--threads", threads]
    return Server(f"{threads} loops", command, cpus)


def measure(options):
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 4:
        raise NotMeasurable(f"two CPUs for the server and two for the load need four, not {len(cpus)}")
    with echo_server(options, 1, {cpus[0]}) as one, echo_server(options, 2, set(cpus[:2])) as two:
        load_cpus = set(cpus[2:])
        pairs = run_pairs(lambda: run_load(options, one.port, load_cpus),
                          lambda: run_load(options, two.port, load_cpus), options.pairs)  # fmt: skip
    rows = [{"loops": loops, "calls_per_s": median([pair[side] for pair in pairs], "calls_per_s")}
            for side, loops in enumerate((1, 2))]  # fmt: skip
    rows[1]["gain"] = rows[1]["calls_per_s"] / rows[0]["calls_per_s"]
    return {
        "title": "Two loops beside one",
        "note": "64 connections with 16 calls in flight on each, 128 bytes.",
        "columns": [["loops", "loops", 0], ["calls_per_s", "calls/s", 0], ["gain", "× one", 2]],
        "rows": rows,
        "targets": [at_least("two loops, × one", rows[1]["gain"], GAIN_MIN)],
        "plot": {"group": [], "series": "loops", "value": "calls_per_s", "axis": "calls per second"},
    }


def local_ports():
    """The server's end of each connection over loopback: its inode, by the client's port."""
    inodes = {}
    for line in pathlib.Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]:
        words = line.split()
        inodes[(int(words[1].split(":")[1], 16), int(words[2].split(":")[1], 16))] = words[9]
    return inodes


def connections_by_loop(server, connections):
    """Which connections each of the server's epoll descriptors watches."""
    folder = pathlib.Path(f"/proc/{server.process.pid}")
    inodes = local_ports()
    by_inode = {inodes[(server.port, connection.getsockname()[1])]: connection
                for connection in connections}  # fmt: skip
    by_fd = {}
    for entry in (folder / "fd").iterdir():
        match = re.match(r"socket:\[(\d+)\]", os.readlink(entry))
        if match and match.group(1) in by_inode:
            by_fd[int(entry.name)] = by_inode[match.group(1)]
    loops = collections.defaultdict(list)
    for entry in (folder / "fdinfo").iterdir():
        text = entry.read_text(encoding="utf-8")
        for fd in map(int, re.findall(r"^tfd:\s+(\d+)", text, re.M)):
            if fd in by_fd:
                loops[entry.name].append(by_fd[fd])
    return list(loops.values())


def open_some(server, count):
    connections = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", server.port))
        connections.append(connection)
        call_once(connection)  # it has found its loop
    return connections


def measure_spread(options):
    rows = []
    with contextlib.ExitStack() as stack, echo_server(options, 2) as server:
        def spread(what, connections):
            loops = connections_by_loop(server, connections)
            sizes = sorted((len(loop) for loop in loops), reverse=True) + [0, 0]
            rows.append({"what": what, "most": sizes[0], "least": sizes[1],
                         "difference": sizes[0] - sizes[1]})  # fmt: skip
            return loops
        few = open_some(server, FEW)
        spread(f"{FEW} connections that stay", few)
        many = few + open_some(server, MANY - FEW)
        loops = spread(f"{MANY} connections", many)
        gone = loops[0]
        for connection in gone:
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)  # the server has closed its end
            connection.close()
        left = [connection for connection in many if connection not in gone]
        left += open_some(server, len(gone))
        for connection in left:
            stack.callback(connection.close)
        spread("all of one loop gone, and as many new ones", left)
    return {
        "title": "Connections over two loops",
        "note": "Counted in the kernel's own lists of what each loop's epoll watches.",
        "columns": [["what", "", -1], ["most", "on one loop", 0], ["least", "on the other", 0],
                    ["difference", "difference", 0]],  # fmt: skip
        "rows": rows,
        "targets": [at_most(f"{row['what']}: difference between loops", row["difference"], 2)
                    for row in rows],  # fmt: skip
        "plot": None,
    }
