"""The smallest server: how large, how soon."""

import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import time

from tables.common import Failed, PATIENCE_S, at_most, run_program, share_cpus, pinned_to

RUNS = 15
RESIDENT_MAX_KIB = 6 * 1024
LIBRARY_MAX_KIB = 600


def start_once(options):
    """Milliseconds from exec to listening, and the resident size then, in KiB."""
    command = [str(options.bench / "hello-server"), "--name", "Demo.HelloServer",
               "--endpoint", "tcp -h 127.0.0.1 -p 0"]  # fmt: skip
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               preexec_fn=pinned_to(share_cpus()[0]))  # fmt: skip
    try:
        for line in process.stdout:
            if " -p " in line:
                break
        else:
            raise Failed("the hello server did not say that it listens")
        spent_ms = (time.monotonic() - started) * 1000
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        return spent_ms, int(re.search(r"^VmRSS:\s+(\d+)", status, re.M).group(1))
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def size_of(path):
    """KiB of a program or library, without what only debuggers read."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / path.name
        shutil.copy(path, copy)
        if shutil.which("strip"):
            run_program(["strip", copy])
        return copy.stat().st_size / 1024


def measure(options):
    starts = [start_once(options) for _ in range(RUNS)]
    library = (options.build / "libkipp.so").resolve()
    rows = [{"what": "resident, KiB", "value": statistics.median(kib for _, kib in starts),
             "limit": RESIDENT_MAX_KIB},
            {"what": "from exec to listening, ms", "value": statistics.median(ms for ms, _ in starts)},
            {"what": "libkipp.so, KiB", "value": size_of(library), "limit": LIBRARY_MAX_KIB}]  # fmt: skip
    return {
        "title": "A hello server",
        "note": "One function, linked with libkipp.so, which is weighed without symbols.",
        "columns": [["what", "", -1], ["value", "", 1], ["limit", "at most", 0]],
        "rows": rows,
        "targets": [at_most(row["what"], row["value"], row["limit"]) for row in rows if "limit" in row],
        "plot": None,
    }
