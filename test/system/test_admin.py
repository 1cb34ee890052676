"""Admin commands and explanations: the answer of each instance, and why each endpoint is handed out or not."""
import json
import os
import signal

from conftest import BOOK, BUILD, wait_until
from test_cli import service
from test_faults import apart

PAY = "Book.PaymentServer"
OBJECT = f"{PAY}.PayObj"


def explained(platform, object=OBJECT, *more):
    """The registry's view of an object: instance -> row."""
    answer = json.loads(platform.kipp("explain", object, "-o", "json", *more).out)
    assert answer["object"] == object
    return {row["instance"]: row for row in answer["endpoints"]}


def wait_reason(platform, instance, reason, is_listed, object=OBJECT):
    """Wait until an endpoint is listed or not for a reason; returns its row."""
    def find():
        row = explained(platform, object)[instance]
        return row if reason in row["reason"] and row["isListed"] == is_listed else None
    return wait_until(find, f"{instance}: {reason}")


def test_a_command_reaches_one_instance_or_all(up):
    platform = up("--deploy", BOOK)
    one = platform.kipp("admin", f"{PAY}.1", "tars.viewstatus").out
    assert one.startswith(f"server: {PAY}\n") and "adapter 0: tcp -h 127.0.0.1" in one
    every = platform.kipp("admin", PAY, "tars.setloglevel", "DEBUG").out
    assert every == f"== {PAY}.1\nset log level [DEBUG] ok\n== {PAY}.2\nset log level [DEBUG] ok\n"
    rows = json.loads(platform.kipp("admin", PAY, "tars.viewversion", "-o", "json").out)
    assert [(row["instance"], row["code"]) for row in rows] == [(f"{PAY}.1", 0), (f"{PAY}.2", 0)]
    assert all(row["answer"].startswith("kipp ") for row in rows)
    assert "did you mean 'tars.viewstatus'?" in platform.kipp("admin", f"{PAY}.1", "tars.viewstaus").out
    assert "nothing here is called" in platform.kipp("admin", "Book.Nope", "tars.help", code=3).err


def test_a_stopped_and_a_frozen_instance_say_so_beside_the_others(up):
    platform = up("--deploy", BOOK)
    platform.kipp("stop", f"{PAY}.2", "--wait")
    run = platform.kipp("admin", PAY, "tars.viewversion", code=6)
    assert run.out.startswith(f"== {PAY}.1\nkipp ")
    assert run.err == f"kipp: {PAY}.2 is stopped and takes no commands\n"
    victim = platform.instances(PAY)[f"{PAY}.1"]["pid"]
    os.kill(victim, signal.SIGSTOP)
    assert f"{PAY}.1 does not answer within 1000 ms" in \
        platform.kipp("admin", f"{PAY}.1", "tars.viewversion", "--timeout", "1", code=6).err
    os.kill(victim, signal.SIGCONT)


def test_explain_tells_a_serving_a_stopped_and_a_killed_instance(up):
    platform = up("--deploy", BOOK)
    rows = explained(platform)
    assert {row["reason"] for row in rows.values()} == {"it serves"}
    assert all(row["isListed"] for row in rows.values())
    platform.kipp("stop", f"{PAY}.2", "--wait")
    wait_reason(platform, f"{PAY}.2", "it is stopped by wish", False)
    assert explained(platform)[f"{PAY}.1"]["isListed"]
    text = platform.kipp("explain", OBJECT).out
    assert "it is stopped by wish" in text and "it serves" in text
    assert "no server Book.Nope" in platform.kipp("explain", "Book.Nope.Obj", code=3).err
    assert "no adapter of" in platform.kipp("explain", f"{PAY}.NopeObj", code=3).err
    assert "three parts" in platform.kipp("explain", "Book", code=2).err
    own = json.loads(platform.kipp("explain", "tars.tarsregistry.QueryObj", "-o", "json").out)
    assert [row["isListed"] for row in own["endpoints"]] == [True]


def test_explain_tells_an_instance_that_waits_to_be_started_again(up, tmp_path):
    platform = up()
    folder = service(tmp_path / "shell", "exit 3", name="Demo.ShellServer")
    conf = folder / "kipp.conf"
    conf.write_text(conf.read_text().replace("</server>", "<ShellObjAdapter>\nservant=ShellObj\n</ShellObjAdapter>\n"
                                                          "</server>"))
    platform.kipp("deploy", folder, "--no-wait")
    row = wait_reason(platform, "Demo.ShellServer.1", "it ended by itself and waits to be started again", False,
                      "Demo.ShellServer.ShellObj")
    assert "3" in row["reason"]


def test_explain_tells_a_starting_and_a_frozen_instance(up):
    platform = up("--deploy", BOOK)
    victim = platform.instances(PAY)[f"{PAY}.1"]["pid"]
    os.kill(victim, signal.SIGSTOP)
    row = wait_reason(platform, f"{PAY}.1", "heartbeat", False)
    assert not row["isListed"]
    wait_reason(platform, f"{PAY}.1", "it serves", True)


def test_explain_tells_the_last_known_endpoints_of_a_silent_node(platform):
    apart(platform)
    platform.agent.stop(signal.SIGKILL)
    row = wait_reason(platform, f"{PAY}.1", "node one is silent", True)
    assert "listed all the same, for no other one serves" in row["reason"]
    run = platform.kipp("explain", OBJECT)
    assert "none of them serves" in run.err
    platform.agent = platform.start("node", "--node", "one")
    wait_reason(platform, f"{PAY}.1", "it serves", True)


def test_explain_from_asks_the_callers_themselves(up):
    platform = up("--deploy", BOOK)
    answer = json.loads(platform.kipp("explain", OBJECT, "--from", "Book.StoreServer", "-o", "json").out)
    assert [row["instance"] for row in answer["from"]] == ["Book.StoreServer.1", "Book.StoreServer.2"]
    assert "on node nowhere" in platform.kipp("explain", OBJECT, "--from", "Book.StoreServer@nowhere", code=3).err


def test_a_handler_that_holds_its_loop_is_an_event_by_name(up):
    platform = up()
    program = os.path.join(BUILD, "test", "system", "soak_server")
    platform.kipp("deploy", program, "--name", "Soak.SoakServer", "--servant", "WorkObj")
    platform.call("Soak.SoakServer.WorkObj", "hold", ms=600)
    event = platform.wait_event("Soak.SoakServer.1", "server.held")
    assert "Soak.SoakServer.WorkObj/hold has held loop 0 for" in event["text"] and event["level"] == "warning"
    assert "has held loop 0" in platform.kipp("logs", "Soak.SoakServer.1").out


def test_a_connection_tells_its_caller(up):
    platform = up("--deploy", BOOK)
    caller = platform.caller()
    text = platform.kipp("admin", "Book.ClassificationServer", "tars.connection").out
    assert "Book.StoreServer, open " in text and " calls, " in text
    assert caller.is_running()
