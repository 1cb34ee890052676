"""Instructions per call, outside the kernel, counted by callgrind.

A program is run twice, over few calls and over many; the difference over the difference in calls is
what one call costs, start and end cancelled out. The counts hardly depend on the machine's mood.
"""

import collections
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from tables.common import Failed, NotMeasurable, PATIENCE_S, Server, at_most, run_program

FEW, MANY = 2048, 18432
CONNECTIONS, OUTSTANDING, SIZE = 1, 64, 128
PROFILE_LINES = 25

# The design's budget is 900 for the server. The bounds are what a regression must not pass: some
# 5 % above what was measured when they were set.
SERVER_MAX = 615
ASYNC_MAX = 1500
FIBER_MAX = 1810


def callgrind(out):
    if not shutil.which("valgrind"):
        raise NotMeasurable("valgrind is not installed")
    return ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}",
            "--compress-strings=no", "--compress-pos=no"]  # fmt: skip


def read_profile(path):
    """Instructions by function, each function's own."""
    own = collections.Counter()
    function, is_callee = "?", False
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("fn="):
            function = line[3:]
        elif line.startswith("calls="):
            is_callee = True  # the next line has what was spent below
        elif line[:1].isdigit() or line[:1] in "+-*":
            if is_callee:
                is_callee = False
                continue
            words = line.split()
            if len(words) > 1:
                own[re.sub(r"'\d+$", "", function)] += int(words[1])
    if not own:
        raise Failed("callgrind has left no counts")
    return own


def per_call(few, many):
    """Two runs, (profile, calls) each, to instructions per call by function."""
    calls = many[1] - few[1]
    if calls <= 0:
        raise Failed("the longer run made no more calls than the shorter one")
    names = set(few[0]) | set(many[0])
    return {name: (many[0][name] - few[0][name]) / calls for name in names}


def total(profile):
    return sum(profile.values())


def profile_text(profile, lines=PROFILE_LINES):
    text = []
    for name, count in sorted(profile.items(), key=lambda item: -item[1])[:lines]:
        if count >= 0.05:
            text.append(f"{count:>10.1f}  {name}")
    return "\n".join(text)


def count_server(bench, command, calls, folder):
    """The server's profile over so many calls, and how many it really answered."""
    out = pathlib.Path(folder) / f"server.{calls}"
    with Server("counted", callgrind(out) + command) as server:
        run_program([bench / "load", "--port", server.port, "--connections", CONNECTIONS,
                     "--outstanding", OUTSTANDING, "--size", SIZE, "--warmup", 0, "--calls", calls,
                     "--json"])  # fmt: skip
        answered = server.ask()["requests"] if server.has_marks else None
        server.process.send_signal(signal.SIGTERM)
        try:
            server.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            raise Failed("the counted server does not end") from error
    return read_profile(out), answered or calls


def server_profile(bench):
    command = [bench / "echo-server", "--port", "0", "--threads", "1"]
    return profile_of(lambda calls, folder: count_server(bench, command, calls, folder))


def floor_profile(bench):
    command = [bench / "floor-server", "--port", "0"]
    return profile_of(lambda calls, folder: count_server(bench, command, calls, folder))


def count_client(bench, port, mode, calls, folder):
    out = pathlib.Path(folder) / f"client.{calls}"
    run_program(callgrind(out) + [bench / "caller", "--port", port, "--mode", mode,
                "--outstanding", OUTSTANDING, "--size", SIZE, "--warmup", 0, "--calls", calls,
                "--json"])  # fmt: skip
    return read_profile(out), calls


def client_profile(bench, mode):
    with Server("echo", [bench / "echo-server", "--port", "0"]) as server:
        return profile_of(
            lambda calls, folder: count_client(bench, server.port, mode, calls, folder)
        )


def profile_of(count):
    with tempfile.TemporaryDirectory() as folder:
        return per_call(count(FEW, folder), count(MANY, folder))


def measure(options):
    bench = options.bench
    profiles = [("floor", floor_profile(bench), None),
                ("kipp server", server_profile(bench), SERVER_MAX),
                ("kipp client, async", client_profile(bench, "async"), ASYNC_MAX),
                ("kipp client, fiber", client_profile(bench, "fiber"), FIBER_MAX)]  # fmt: skip
    rows, targets = [], []
    for name, profile, limit in profiles:
        rows.append({"who": name, "instructions": total(profile), "limit": limit})
        if limit:
            met = at_most(f"{name}: instructions per call", total(profile), limit)
            targets.append(met)
        if options.profile or (limit and not met["met"]):
            print(f"{name}: {total(profile):.1f} instructions per call, by function\n"
                  f"{profile_text(profile)}\n")  # fmt: skip
    return {
        "title": "Instructions per call",
        "note": f"Outside the kernel, by callgrind: {SIZE} bytes, {OUTSTANDING} calls in flight on "
        "one connection. A test holds the limits.",
        "columns": [["who", "program", -1], ["instructions", "instructions/call", 0],
                    ["limit", "at most", 0]],  # fmt: skip
        "rows": rows,
        "targets": targets,
        "plot": {"group": [], "series": "who", "value": "instructions",
                 "axis": "instructions per call", "marks": "limit"},  # fmt: skip
    }
