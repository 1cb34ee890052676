"""What goes wrong with one call, or one server, does not harm the others."""
import os
import re
import signal
import time

import pytest
from conftest import BUILD, SANITIZER_REPORT, Daemon, wait_until

TOOLS = os.path.join(BUILD, "test", "system")


class Shop:
    """Some servers of one object, and callers of it."""

    def __init__(self):
        self.daemons = []
        self.servers = []

    def start(self, program, *arguments):
        daemon = Daemon(os.path.join(TOOLS, program), *arguments)
        self.daemons.append(daemon)
        return daemon

    def serve(self, count):
        for _ in range(count):
            self.servers.append(self.start("soak_server", "--name", "Soak.SoakServer", "--port", "0"))
        ports = [server.wait_line(r"-p (\d+)")[1] for server in self.servers]
        endpoints = [f"tcp -h 127.0.0.1 -p {port}" for port in ports]
        self.object = f"Soak.SoakServer.WorkObj@{':'.join(endpoints)}"

    def caller(self, mode, *arguments):
        return self.start("innocents", mode, self.object, *arguments)


def calls(caller):
    found = re.findall(r"^(\d+) calls$", caller.text, re.M)
    return int(found[-1]) if found else 0


def wait_calls(caller, more=1000):
    goal = calls(caller) + more
    wait_until(lambda: calls(caller) >= goal, f"{more} more calls")


def count_anew(caller):
    """Forget what was counted."""
    seen = caller.text.count("counting")
    caller.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: caller.text.count("counting") > seen, "the count to begin")


def outcomes(caller, number=signal.SIGTERM):
    """How the caller's calls ended; it is asked to end, unless it does so by itself (0)."""
    assert caller.stop(number) == 0, caller.text
    assert "\n0 allocations live" in caller.text, caller.text
    return {name: int(number) for name, number in re.findall(r"^([A-Z]+) (\d+)$", caller.text, re.M)}


@pytest.fixture
def shop():
    one = Shop()
    yield one
    for daemon in one.daemons:
        daemon.kill(signal.SIGCONT)
        daemon.kill(signal.SIGTERM)
    for daemon in one.daemons:
        daemon.wait()
    reports = [daemon.text for daemon in one.daemons if SANITIZER_REPORT.search(daemon.text)]
    assert not reports, "\n".join(reports)


def test_a_handler_s_error_costs_no_other_call_and_no_share(shop):
    shop.serve(2)
    caller = shop.caller("errors")
    assert outcomes(caller, 0) == {"OK": 40}, caller.text
    assert caller.text.count("refused") == 8 and "wrong" not in caller.text
    shares = [int(share) for share in re.search(r"shares (\d+) (\d+)", caller.text).groups()]
    assert sum(shares) == 200 and min(shares) >= 80, shares


@pytest.mark.parametrize("retries", [0, 3])
def test_a_killed_server_costs_the_calls_in_flight_on_it_only(shop, retries):
    shop.serve(2)
    threads, window = 4, 8
    caller = shop.caller("load", threads, window, 60000, retries)
    wait_calls(caller)
    count_anew(caller)
    shop.servers[0].kill(signal.SIGKILL)
    wait_calls(caller)
    found = outcomes(caller)
    assert found.pop("OK") >= 1000
    if retries:
        assert found == {}, found
    else:
        assert set(found) <= {"CLOSED", "CONNECT"} and sum(found.values()) <= threads * window, found


def test_a_frozen_server_costs_each_caller_one_time_out_at_most(shop):
    shop.serve(2)
    threads, window = 4, 4
    caller = shop.caller("load", threads, window, 500, 0)
    wait_calls(caller)
    count_anew(caller)
    shop.servers[0].kill(signal.SIGSTOP)
    wait_calls(caller, 2000)
    found = outcomes(caller)
    assert found.pop("OK") >= 2000
    # What was in flight, and what was begun before the first of it was given up; then nobody asks there any more.
    assert set(found) <= {"TIMEOUT"} and sum(found.values()) <= threads * window, found


def test_rare_callers_do_not_suffer_from_one_dead_server_of_ten(shop):
    shop.serve(10)
    caller = shop.caller("sparse", 100, 10000)
    wait_until(lambda: calls(caller) >= 100, "each caller's first call")
    shop.servers[0].kill(signal.SIGKILL)
    time.sleep(5)  # the share counts from five seconds after the death
    count_anew(caller)
    seen = calls(caller)
    wait_until(lambda: calls(caller) >= seen + 200, "a call of each caller, at least")
    found = outcomes(caller)
    good, bad = found.pop("OK"), sum(found.values())
    assert good + bad >= 100 and bad * 100 < good + bad, found
