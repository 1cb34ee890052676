"""An agent obeys the store that gave it what it runs, and nobody else until a person says so."""
import glob
import os
import shutil
import signal

from conftest import BOOK, Platform, is_alive

USERS = os.path.join(BOOK, "user")


def lose_the_store(platform, controller):
    """Kill the controller, remove all it kept, and start it anew on the same port."""
    port = platform.endpoint().split()[-1]
    controller.stop(signal.SIGKILL)
    for path in glob.glob(os.path.join(platform.data, "*")):
        if os.path.basename(path) not in ("node", "node.lock"):
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    return platform.start("controller", "--port", port)


def test_a_controller_without_its_store_stops_nothing(platform):
    controller = platform.start("controller", "--port", "0")
    node = platform.start("node")
    platform.kipp("deploy", USERS)
    before = platform.wait_active(2)
    pids = {row["pid"] for row in before.values()}

    lose_the_store(platform, controller)
    refused = node.wait_line("node.stranger.*remove (.*/node/cluster) ")
    platform.wait(lambda: [event for event in platform.events() if event["kind"] == "node.stranger"], "the event")
    assert all(is_alive(pid) for pid in pids)
    # Nobody counts on a node that does not obey.
    assert platform.json("node", "list") == []
    assert "no node is there" in platform.kipp("deploy", USERS, "--timeout", "1", code=6).err
    assert all(is_alive(pid) for pid in pids)

    os.unlink(refused.group(1))
    after = platform.wait_active(2)
    assert after.keys() == before.keys()
    assert [row["name"] for row in platform.json("node", "list")]


def test_a_second_agent_with_the_same_name_is_refused(platform, tmp_path):
    platform.start("controller", "--port", "0")
    platform.start("node", "--node", "a")
    platform.kipp("deploy", USERS)
    before = platform.wait_active(2)
    other = Platform(tmp_path / "other")
    try:
        endpoint = platform.endpoint().replace("tcp -h ", "").replace(" -p ", ":")
        twin = other.start("node", "--node", "a", "--controller", endpoint)
        twin.wait_line("is the node a already")
        platform.wait_event("a", "node.refused")
        assert not os.listdir(os.path.join(other.data, "node", "servers"))
    finally:
        assert other.close() == {}
    after = platform.wait_active(2)
    assert [row["pid"] for row in after.values()] == [row["pid"] for row in before.values()]
