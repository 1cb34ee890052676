"""What is killed comes back, who calls does not notice, and the events say why."""
import os
import signal

from conftest import BOOK, is_alive

STORE = "Book.StoreServer"


def apart(platform):
    """Controller and agent as two processes, with the Book demo deployed."""
    platform.controller = platform.start("controller", "--port", "0")
    platform.agent = platform.start("node", "--node", "one")
    for name in sorted(os.listdir(BOOK)):
        if os.path.exists(os.path.join(BOOK, name, "kipp.conf")):
            platform.kipp("deploy", os.path.join(BOOK, name))
    return platform.wait_active(12)


def pids(instances):
    return {name: row["pid"] for name, row in instances.items()}


def test_a_killed_instance_is_back_and_its_callers_go_on(up):
    platform = up("--deploy", BOOK)
    caller = platform.caller()
    victim = platform.instances(STORE)[f"{STORE}.1"]["pid"]
    os.kill(victim, signal.SIGKILL)
    platform.wait(lambda: platform.instances(STORE)[f"{STORE}.1"]["pid"] not in (0, None, victim), "a new process")
    platform.wait_active(2, STORE)
    caller.wait_calls(100)
    assert len(caller.failures()) <= 1, caller.failures()  # the one that was in flight
    event = platform.wait_event(f"{STORE}.1", "exited|ended|killed")
    assert "9" in event["text"] or "KILL" in event["text"], event


def test_a_killed_service_behind_another_costs_the_calls_in_flight_only(up):
    platform = up("--deploy", BOOK)
    caller = platform.caller()
    os.kill(platform.instances("Book.ClassificationServer")["Book.ClassificationServer.2"]["pid"], signal.SIGKILL)
    platform.wait_event("Book.ClassificationServer.2", "exited|ended|killed")
    platform.wait_active(2, "Book.ClassificationServer")
    caller.wait_calls(100)
    assert len(caller.failures()) <= 1, caller.failures()


def test_a_frozen_instance_is_replaced(up):
    platform = up("--deploy", BOOK)
    victim = platform.instances(STORE)[f"{STORE}.2"]["pid"]
    os.kill(victim, signal.SIGSTOP)
    platform.wait(lambda: not is_alive(victim), "the end of the frozen process")
    fresh = platform.wait_active(2, STORE)
    assert fresh[f"{STORE}.2"]["pid"] != victim
    platform.wait_event(f"{STORE}.2", "heartbeat|silent|frozen")
    caller = platform.caller()
    caller.wait_calls(100)
    assert caller.failures() == []


def test_a_killed_controller_is_not_noticed_and_comes_back_knowing_all(platform):
    before = apart(platform)
    port = platform.endpoint().split("-p ")[1].split()[0]
    caller = platform.caller()
    platform.controller.stop(signal.SIGKILL)
    caller.wait_calls(200)
    assert caller.failures() == []
    platform.controller = platform.start("controller", "--port", port)
    assert pids(platform.wait_active(12)) == pids(before)
    caller.wait_calls(100)
    assert caller.failures() == []


def test_a_killed_agent_leaves_its_servers_alone_and_finds_them_again(platform):
    before = apart(platform)
    caller = platform.caller()
    platform.agent.stop(signal.SIGKILL)
    caller.wait_calls(200)
    assert all(is_alive(pid) for pid in pids(before).values())
    platform.agent = platform.start("node", "--node", "one")
    assert pids(platform.wait_active(12)) == pids(before)
    assert caller.failures() == []

    victim = before[f"{STORE}.1"]["pid"]
    os.kill(victim, signal.SIGKILL)
    platform.wait(lambda: platform.instances(STORE)[f"{STORE}.1"]["pid"] not in (0, None, victim),
                  "the found-again agent to restart a server")


def test_what_dies_while_the_agent_is_dead_is_started_by_the_next_agent(platform):
    before = apart(platform)
    platform.agent.stop(signal.SIGKILL)
    victim = before[f"{STORE}.1"]["pid"]
    os.kill(victim, signal.SIGKILL)
    platform.wait(lambda: not is_alive(victim), "the end of the victim")
    platform.agent = platform.start("node", "--node", "one")
    platform.wait(lambda: platform.instances(STORE)[f"{STORE}.1"]["pid"] not in (0, None, victim), "a new process")
    after = pids(platform.wait_active(12))
    assert {name: pid for name, pid in after.items() if name != f"{STORE}.1"} == \
        {name: pid for name, pid in pids(before).items() if name != f"{STORE}.1"}


def test_an_ended_agent_leaves_its_servers_running(platform):
    before = apart(platform)
    assert platform.agent.stop(signal.SIGTERM) == 0
    assert all(is_alive(pid) for pid in pids(before).values())
    platform.agent = platform.start("node", "--node", "one")
    assert pids(platform.wait_active(12)) == pids(before)
