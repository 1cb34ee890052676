"""The controller's store in trouble: one clear sentence, a non-zero exit, and nothing lost."""
import os
import signal
import socket
import subprocess

import pytest
from conftest import BOOK, KIPP, Daemon, processes_below, run_kipp

USERS = os.path.join(BOOK, "user")


def can_mount():
    return subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], stdin=subprocess.DEVNULL,
                          capture_output=True, check=False).returncode == 0


def one_sentence(text):
    """What is said is short, names the program, and is no trace."""
    lines = [line for line in text.strip().splitlines() if line]
    assert 1 <= len(lines) <= 3, text
    return lines[-1]


def test_a_port_in_use_is_said_and_nothing_starts(platform):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        up = platform.start("up", "--port", port, ready=None)
        assert up.wait() not in (0, None)
    assert port in one_sentence(up.text)
    assert processes_below(platform.data) == {}


def test_a_corrupt_store_is_said_and_left_as_it_is(up):
    platform = up("--deploy", USERS)
    platform.up.stop(signal.SIGINT)
    stores = [os.path.join(folder, name) for folder, _, names in os.walk(platform.data) for name in names
              if name.endswith((".db", ".sqlite")) and "servers" not in folder]
    assert stores
    for store in stores:
        for beside in (store + "-wal", store + "-shm"):
            if os.path.exists(beside):
                os.unlink(beside)
        with open(store, "r+b") as file:
            file.write(b"this is no store " * 100)
    before = {store: open(store, "rb").read() for store in stores}
    again = platform.start("up", "--port", "0", ready=None)
    assert again.wait() not in (0, None)
    sentence = one_sentence(again.text)
    assert any(os.path.basename(store) in sentence for store in stores), sentence
    for store, content in before.items():
        with open(store, "rb") as file:
            assert file.read() == content
    assert processes_below(platform.data) == {}


@pytest.mark.skipif(not can_mount(), reason="needs a mount namespace of its own")
def test_a_full_disk_refuses_what_is_new_and_loses_nothing(platform):
    os.makedirs(platform.data)
    controller = Daemon("unshare", "-m", "sh", "-c",
                        'mount -t tmpfs -o size=8m none "$0" && exec "$@"', platform.data,
                        KIPP, "controller", "--port", "0", "--data", platform.data)
    platform.daemons.append(controller)
    endpoint = controller.wait_line(r"(127\.0\.0\.1:\d+).*ready|ready.*?(127\.0\.0\.1:\d+)").group(0)
    endpoint = endpoint[endpoint.index("127.0.0.1:"):].split()[0].rstrip(".,")
    inside = f"/proc/{controller.pid}/root{platform.data}"
    where = ("--controller", endpoint)

    run_kipp("deploy", USERS, "--no-wait", *where)
    filler = os.path.join(inside, "filler")
    with open(filler, "wb", buffering=0) as file:
        with pytest.raises(OSError):
            while True:
                file.write(b"x" * 4096)
    refused = run_kipp("deploy", os.path.join(BOOK, "payment"), "--no-wait", *where, code=1)
    assert "space" in one_sentence(refused.err)
    assert "Shared.UserServer" in run_kipp("ps", *where).out
    assert "PaymentServer" not in run_kipp("ps", *where).out

    os.unlink(filler)
    run_kipp("deploy", os.path.join(BOOK, "payment"), "--no-wait", *where)
    listing = run_kipp("ps", *where).out
    assert "Shared.UserServer" in listing and "PaymentServer" in listing
    assert controller.stop() == 0
