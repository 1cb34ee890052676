"""An adapter under attack stops taking calls: the registry leaves it out, never the last one, and it comes back."""
import os
import re
import signal
import socket
import threading
import time

from conftest import BOOK, wait_until
from test_admin import OBJECT, PAY, explained, wait_reason

FROZEN_S = 2  # longer than the server takes to find that its loop is late, shorter than the agent's patience


def attack(platform, number, suspend_ms):
    """Make an instance suspend its adapter: malformed packets while it cannot keep up."""
    one = f"{PAY}.{number}"
    for limit, value in (("source_malformed_max", "none"), ("suspend_offences_per_s", 1), ("suspend_ms", suspend_ms)):
        platform.kipp("admin", one, "kipp.limits", limit, value)
    row = platform.instances(PAY)[one]
    port = int(re.search(r"-p (\d+)", row["endpoints"][0])[1])

    sent, is_over = [], threading.Event()

    def send_garbage():
        while not is_over.is_set():
            try:
                with socket.create_connection(("127.0.0.1", port), 1) as peer:
                    peer.sendall(b"\0\0\0\1garbage")
                    while peer.recv(100):
                        pass
                    sent.append(1)
            except OSError:
                pass

    def is_suspended():
        return "suspended: " in explained(platform)[one]["reason"] or \
            [event for event in platform.events() if event["kind"] == "adapter.suspended" and event["subject"] == one]

    def strike():
        goal = len(sent) + 20
        wait_until(lambda: len(sent) >= goal or is_suspended(), "malformed packets to be refused")
        if is_suspended():
            return True
        os.kill(row["pid"], signal.SIGSTOP)
        time.sleep(FROZEN_S)
        os.kill(row["pid"], signal.SIGCONT)
        return is_suspended()

    attacker = threading.Thread(target=send_garbage)
    attacker.start()
    try:
        wait_until(strike, f"{one} to suspend its adapter")
    finally:
        is_over.set()
        attacker.join()
    return row["pid"]


def test_a_suspended_adapter_is_left_out_and_comes_back(up):
    platform = up("--deploy", BOOK)
    attack(platform, 1, 5000)
    wait_reason(platform, f"{PAY}.1", "suspended: ", False)
    assert explained(platform)[f"{PAY}.2"]["isListed"]
    assert platform.instances(PAY)[f"{PAY}.1"]["state"] == "Suspended"
    assert "PayObjAdapter suspended: " in platform.instances(PAY)[f"{PAY}.1"]["reason"]
    event = platform.wait_event(f"{PAY}.1", "adapter.suspended")
    assert "suspended: " in event["text"] and event["level"] == "warning"
    wait_reason(platform, f"{PAY}.1", "it serves", True)
    assert re.search(r"resumed after \d+ s", platform.wait_event(f"{PAY}.1", "adapter.resumed")["text"])
    assert platform.instances(PAY)[f"{PAY}.1"]["state"] == "Active"


def test_a_service_never_loses_its_last_endpoint_to_suspension(up):
    platform = up("--deploy", BOOK)
    attack(platform, 1, 3600000)
    wait_reason(platform, f"{PAY}.1", "suspended: ", False)
    attack(platform, 2, 3600000)
    for number in (1, 2):
        wait_reason(platform, f"{PAY}.{number}", "listed all the same, for no other one serves", True)
    assert "none of them serves" in platform.kipp("explain", OBJECT).err


def test_a_server_that_dies_while_suspended_starts_fresh(up):
    platform = up("--deploy", BOOK)
    pid = attack(platform, 1, 3600000)
    wait_reason(platform, f"{PAY}.1", "suspended: ", False)
    os.kill(pid, signal.SIGKILL)
    wait_reason(platform, f"{PAY}.1", "it serves", True)
    assert platform.instances(PAY)[f"{PAY}.1"]["state"] == "Active"


def test_an_agent_that_starts_anew_hears_of_a_suspension(platform):
    platform.controller = platform.start("controller", "--port", "0")
    platform.agent = platform.start("node", "--node", "one")
    platform.kipp("deploy", os.path.join(BOOK, "payment"))
    platform.wait_active(2)
    attack(platform, 1, 3600000)
    wait_reason(platform, f"{PAY}.1", "suspended: ", False)
    platform.agent.stop(signal.SIGKILL)
    platform.agent = platform.start("node", "--node", "one")
    wait_reason(platform, f"{PAY}.1", "suspended: ", False)
