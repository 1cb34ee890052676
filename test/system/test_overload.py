"""A server of known capacity that is offered more than it can serve: who is served, and who is refused.

Nothing here is about time: the server's pool sleeps for each call, so that its capacity is known on any machine, and only
counts with generous margins are asserted. `make bench` measures the same with latencies.
"""
import contextlib
import json
import os
import subprocess

import pytest

from conftest import BUILD, PATIENCE, SANITIZER_REPORT, environment

BENCH = os.path.join(BUILD, "bench")
THREADS, SERVICE_US = 4, 20000
CAPACITY = THREADS * 1000000 // SERVICE_US
SECONDS = 3


@contextlib.contextmanager
def serving(folder):
    """An overload server; its port. What a sanitizer says fails the test."""
    said = folder / "server.err"
    with open(said, "w", encoding="utf-8") as err:
        process = subprocess.Popen(
            [os.path.join(BENCH, "overload-server"), "--port", "0", "--pool", str(THREADS), "--service-us",
             str(SERVICE_US)], stdout=subprocess.PIPE, stderr=err, text=True, env=environment())
    try:
        line = process.stdout.readline()
        assert line.startswith("listening on "), said.read_text(encoding="utf-8")
        yield int(line.rsplit(":", 1)[1])
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
    assert not SANITIZER_REPORT.search(said.read_text(encoding="utf-8"))


def offer(port, times):
    """Offers so many times the capacity, and returns who was served."""
    done = subprocess.run(
        [os.path.join(BENCH, "overload"), "--port", str(port), "--capacity", str(CAPACITY), "--times", str(times),
         "--seconds", str(SECONDS), "--warmup", "1", "--timeout-ms", "10000"],
        capture_output=True, text=True, timeout=PATIENCE * 2, env=environment(), check=False)
    assert done.returncode == 0, done.stderr
    assert not SANITIZER_REPORT.search(done.stderr)
    return json.loads(done.stdout)


def share(tally):
    return tally["good"] / max(1, tally["sent"])


@pytest.fixture(scope="module")
def overloaded(tmp_path_factory):
    """What came of four and of ten times the capacity, on one server."""
    with serving(tmp_path_factory.mktemp("overload")) as port:
        return {times: offer(port, times) for times in (4, 10)}


@pytest.mark.parametrize("times", [4, 10])
def test_overload_goodput_stays_near_capacity(overloaded, times):
    served = overloaded[times]["all"]["good"]
    assert served >= CAPACITY * SECONDS / 2, "work is done however much is refused"


@pytest.mark.parametrize("times", [4, 10])
def test_overload_is_refused_not_dropped(overloaded, times):
    tally = overloaded[times]["all"]
    assert tally["late"] == 0 and tally["failed"] == 0, "every call has an answer, and in time"
    assert tally["refused"] > tally["sent"] / 4


@pytest.mark.parametrize("times", [4, 10])
def test_overload_serves_what_is_important(overloaded, times):
    assert share(overloaded[times]["important"]) >= 0.95
    assert share(overloaded[times]["unimportant"]) <= 0.2


@pytest.mark.parametrize("times", [4, 10])
def test_overload_by_one_caller_is_not_everybodys(overloaded, times):
    assert share(overloaded[times]["modest"]) >= 0.9, "who wants less than a share gets it"
