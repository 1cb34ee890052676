"""The command: what a person may get wrong gives one clear sentence, an exit code, and loses nothing."""
import io
import json
import os
import signal
import socket
import subprocess
import tarfile
import threading

import pytest
from conftest import BOOK, KIPP, Daemon, processes_below, wait_until

OK, FAILED, USAGE, NOTFOUND, DENIED, CONFLICT, UNREACHABLE = range(7)
USER = os.path.join(BOOK, "user")
COMMANDS = ("up controller node new idl deploy ps start stop restart remove logs events admin explain call "
            "completion version help").split()
NOWHERE = ("--controller", "127.0.0.1:1")


def sentence(result):
    """The one line on stderr; nothing was printed as data."""
    lines = result.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("kipp: "), result.err
    assert result.out == ""
    return lines[0]


def package(path, *names, top="UserServer"):
    """A .tgz whose entries have these names."""
    with tarfile.open(path, "w:gz") as archive:
        for name in (f"{top}/{top}", *names):
            entry = tarfile.TarInfo(name)
            entry.mode, entry.size = 0o755, 3
            archive.addfile(entry, io.BytesIO(b"abc"))
    return path


def service(folder, script, name="Demo.ShellServer"):
    """A service that is a shell script."""
    folder.mkdir()
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    (folder / "kipp.conf").write_text(f"<server>\n  name={name}\n  type=not_tars\n  executable=program\n</server>\n")
    return folder


# What needs no platform.

@pytest.mark.parametrize("word, meant", [("delpoy", "deploy"), ("log", "logs"), ("restrat", "restart")])
def test_an_unknown_command_suggests_the_nearest(kipp, word, meant):
    assert f"did you mean 'kipp {meant}'?" in sentence(kipp(word, code=USAGE))


def test_an_unknown_flag_suggests_the_nearest(kipp):
    assert "did you mean '--output'?" in sentence(kipp("ps", "--ouptut", "json", code=USAGE))
    assert "'kipp ps --help'" in sentence(kipp("ps", "-Z", code=USAGE))


@pytest.mark.parametrize("arguments, part", [
    ((), "kipp help"),
    (("ps", "-o", "yaml"), "table|wide|json|name"),
    (("up", "--port", "65536"), "0 to 65535"),
    (("logs",), "kipp logs TARGET"),
    (("stop", "a", "b"), "'b'"),
    (("ps", "--controller", "here:there"), "HOST:PORT"),
    (("call", "Demo.Hello", "say"), "three parts"),
    (("call", "A.B.C@nonsense here", "say"), "not an endpoint"),
    (("new", "Hello"), "Demo.HelloServer"),
    (("new", "Demo.1Server"), "Demo.1Server"),
    (("new", "../x.y"), "not a server's name"),
    (("remove", "Demo"), "Demo.HelloServer"),
])
def test_wrong_usage_is_one_sentence(kipp, tmp_path, arguments, part):
    assert part in sentence(kipp(*arguments, code=USAGE, cwd=tmp_path))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(kipp, command):
    for arguments in ((command, "--help"), ("help", command)):
        out = kipp(*arguments).out
        assert out.startswith(f"kipp {command}: ") and "usage: kipp " in out and "--help" in out
    assert f"  {command} " in kipp("help").out


def test_the_completion_is_a_script_that_bash_takes(kipp):
    script = kipp("completion", "bash").out
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    asked = script + '\nCOMP_WORDS=(kipp dep); COMP_CWORD=1; _kipp; echo "${COMPREPLY[@]}"\n' \
                     'COMP_WORDS=(kipp deploy --inst); COMP_CWORD=2; _kipp; echo "${COMPREPLY[@]}"\n'
    run = subprocess.run(["bash"], input=asked, text=True, capture_output=True, check=True)
    assert run.stdout.splitlines() == ["deploy", "--instances"]


def test_the_version_is_told(kipp):
    told = json.loads(kipp("version", "-o", "json").out)
    assert kipp("version").out.startswith(f"kipp {told['version']}")
    assert kipp("--version").out == kipp("version").out


@pytest.mark.parametrize("arguments", [
    ("ps",), ("ps", "Book"), ("node", "list"), ("start", "A.B"), ("stop", "A.B"), ("restart", "A.B"), ("logs", "A.B"),
    ("events",), ("remove", "A.B"), ("call", "A.B.C", "f"), ("deploy", USER)])
def test_without_a_controller_each_command_says_what_to_do(kipp, arguments):
    said = sentence(kipp(*arguments, *NOWHERE, code=UNREACHABLE))
    assert "no controller answers at 127.0.0.1:1" in said and "kipp up" in said and "--controller" in said


def test_the_controller_is_found_by_flag_then_environment_then_default(kipp):
    assert ":2;" in sentence(kipp("ps", "--controller", "127.0.0.1:2", code=UNREACHABLE,
                                  env={"KIPP_CONTROLLER": "tcp -h 127.0.0.1 -p 3"}))
    assert ":3;" in sentence(kipp("ps", code=UNREACHABLE, env={"KIPP_CONTROLLER": "tcp -h 127.0.0.1 -p 3"}))
    assert "KIPP_CONTROLLER" in sentence(kipp("ps", code=USAGE, env={"KIPP_CONTROLLER": "a b"}))


def test_missing_files_are_named(kipp, tmp_path):
    missing = tmp_path / "missing"
    assert str(missing) in sentence(kipp("deploy", missing, *NOWHERE, code=NOTFOUND))
    assert str(missing) in sentence(kipp("idl", missing, code=NOTFOUND))
    assert "kipp.conf" in sentence(kipp("deploy", tmp_path, *NOWHERE, code=NOTFOUND))
    assert str(missing) in kipp("call", "A.B.C@127.0.0.1:1", "f", "--idl", missing, code=NOTFOUND).err
    (tmp_path / "text").write_text("words\n")
    assert "neither a folder" in sentence(kipp("deploy", tmp_path / "text", *NOWHERE, code=USAGE))


def test_a_program_that_was_not_built_is_named(kipp, tmp_path):
    (tmp_path / "kipp.conf").write_text(
        "<server>\nname=A.BServer\nexecutable=BServer\n<BObjAdapter>\nservant=BObj\n</BObjAdapter>\n</server>\n")
    said = sentence(kipp("deploy", tmp_path, *NOWHERE, code=NOTFOUND))
    assert f"{tmp_path}/BServer" in said and "build it first" in said


def test_a_broken_manifest_is_told_by_line_and_column(kipp, tmp_path):
    conf = tmp_path / "kipp.conf"
    conf.write_text("<server>\n  name=Demo\n  instances=many\n  tipe=kipp\n</server>\n")
    lines = kipp("deploy", tmp_path, *NOWHERE, code=USAGE).err.splitlines()
    for place in ("2:8", "3:13", "4:8"):
        assert any(line.startswith(f"kipp: {conf}:{place}: ") for line in lines), (place, lines)
    conf.write_text("<server>\n  name=Demo.X\n")
    assert f"{conf}:" in sentence(kipp("deploy", tmp_path, *NOWHERE, code=USAGE))


def test_a_broken_tars_file_is_told_by_line_and_column(kipp, tmp_path):
    source = tmp_path / "Bad.tars"
    source.write_text("module Demo\n{\n\tinterface Hello\n\t{\n\t\tint say(strin name);\n\t\tint go(int a int b);\n\t};\n};\n")
    run = kipp("idl", source, "-o", tmp_path / "out", code=FAILED)
    assert f"{source}:6:" in run.err and "^" in run.err
    assert not (tmp_path / "out" / "Bad.c").exists()


def test_what_is_no_package_is_refused(kipp, tmp_path):
    text = tmp_path / "text.tgz"
    text.write_bytes(b"this is no archive at all, " * 100)
    assert "is not a package" in sentence(kipp("deploy", text, *NOWHERE, code=USAGE))
    (tmp_path / "empty.tgz").write_bytes(b"")
    assert "is not a package" in sentence(kipp("deploy", tmp_path / "empty.tgz", *NOWHERE, code=USAGE))
    whole = package(tmp_path / "cut.tgz").read_bytes()
    (tmp_path / "cut.tgz").write_bytes(whole[:len(whole) // 2])
    assert "is not a package" in sentence(kipp("deploy", tmp_path / "cut.tgz", *NOWHERE, code=USAGE))


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "UserServer/../../outside", "Other/file"])
def test_a_package_that_leaves_its_folder_is_refused(kipp, tmp_path, name):
    path = package(tmp_path / "bad.tgz", name)
    said = sentence(kipp("deploy", path, "--name", "Shared.UserServer", "--servant", "UserObj", *NOWHERE, code=USAGE))
    assert "refused" in said and str(path) in said


def test_a_package_under_another_name_is_refused(kipp, tmp_path):
    path = package(tmp_path / "user.tgz")
    assert "top folder is 'UserServer'" in sentence(
        kipp("deploy", path, "--name", "Shared.OtherServer", "--servant", "UserObj", *NOWHERE, code=USAGE))
    assert "--name" in sentence(kipp("deploy", path, *NOWHERE, code=USAGE))
    assert "--servant" in sentence(kipp("deploy", path, "--name", "Shared.UserServer", *NOWHERE, code=USAGE))


def test_new_never_writes_over_what_is_there(kipp, tmp_path):
    kept = tmp_path / "HelloServer" / "notes"
    kept.parent.mkdir()
    kept.write_text("mine")
    assert "is not empty" in sentence(kipp("new", "Demo.HelloServer", code=CONFLICT, cwd=tmp_path))
    assert os.listdir(kept.parent) == ["notes"] and kept.read_text() == "mine"
    kipp("new", "Demo.HelloServer", "Other", cwd=tmp_path)
    assert sorted(os.listdir(tmp_path / "Other")) == [
        ".gitignore", "Hello.tars", "Makefile", "README.md", "kipp.conf", "server.c", "server_test.c"]


def test_a_dry_run_sends_nothing(kipp):
    told = kipp("deploy", "--dry-run", USER, *NOWHERE).out
    assert told.startswith("Shared.UserServer: version 1.0, 2 instances") and "sha256" in told
    assert kipp("deploy", "--dry-run", USER, *NOWHERE).out == told


def test_deploy_packs_the_same_files_into_the_same_package(up):
    platform = up()
    platform.kipp("deploy", USER)
    before = platform.instances("Shared.UserServer")
    os.utime(os.path.join(USER, "UserServer"))
    platform.kipp("deploy", USER)
    assert platform.instances("Shared.UserServer").keys() == before.keys()
    assert {row["pid"] for row in platform.instances("Shared.UserServer").values()} == {
        row["pid"] for row in before.values()}


# One platform per data directory and port.

def test_a_second_platform_on_the_same_data_is_refused(up):
    platform = up()
    for command in ("up", "controller"):
        said = sentence(platform.kipp(command, "--port", "0", code=CONFLICT))
        assert "another controller runs on" in said and platform.data in said
    assert "another node runs on" in sentence(platform.kipp("node", code=CONFLICT))
    assert platform.kipp("ps").out == ""
    assert platform.up.stop(signal.SIGINT) == 0


def test_a_port_in_use_is_refused_before_anything_starts(kipp, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for command in ("up", "controller"):
            said = sentence(kipp(command, "--port", port, "--data", tmp_path / "data", code=CONFLICT))
            assert port in said and "--port" in said
    assert processes_below(tmp_path) == {}
    assert not (tmp_path / "data" / "controller.endpoint").exists()


def test_up_refuses_bad_deployments_before_it_starts(kipp, tmp_path):
    (tmp_path / "empty").mkdir()
    said = sentence(kipp("up", "--port", "0", "--data", tmp_path / "data", "--deploy", tmp_path / "empty", code=NOTFOUND))
    assert "kipp.conf" in said
    assert not (tmp_path / "data").exists()


def test_a_data_directory_that_cannot_be_made_is_said(kipp, tmp_path):
    (tmp_path / "file").write_text("x")
    run = kipp("up", "--port", "0", "--data", tmp_path / "file" / "data", code=None)
    assert run.code not in (0, None) and "--data" in sentence(run)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_ends_at_once_and_leaves_nothing(up, number):
    platform = up()
    endpoint = os.path.join(platform.data, "controller.endpoint")
    assert os.path.exists(endpoint)
    assert platform.up.stop(number) == 0
    assert not os.path.exists(endpoint) and processes_below(platform.data) == {}
    assert "no controller answers" in sentence(platform.kipp("ps", code=UNREACHABLE, env={"KIPP_CONTROLLER": "127.0.0.1:1"}))


def test_up_can_be_stopped_while_it_waits_for_servers(platform, tmp_path):
    never = service(tmp_path / "never", "sleep 1000")
    (never / "kipp.conf").write_text(
        "<server>\nname=Demo.NeverServer\nexecutable=program\n<AObjAdapter>\nservant=AObj\n</AObjAdapter>\n</server>\n")
    waiting = platform.start("up", "--port", "0", "--deploy", never, ready="controller at")
    platform.wait(lambda: [row for row in platform.instances().values() if row["state"] == "Starting"], "the start")
    assert waiting.stop(signal.SIGINT) == 0
    assert "ready" not in waiting.text and processes_below(platform.data) == {}


def test_the_service_manager_hears_of_readiness(platform, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        controller = Daemon(KIPP, "controller", "--port", "0", "--data", platform.data,
                            env={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        platform.daemons.append(controller)
        assert manager.recv(100) == b"READY=1"
        controller.kill(signal.SIGTERM)
        assert manager.recv(100) == b"STOPPING=1"
        assert controller.wait() == 0


# Names that do not exist, and arguments that do not fit.

def test_names_that_do_not_exist_are_said(up):
    platform = up("--deploy", USER)
    for arguments in (("ps", "Nope"), ("logs", "Nope.XServer"), ("start", "Nope"), ("stop", "Shared.UserServer.9"),
                      ("restart", "Nope.A.1"), ("remove", "Nope.XServer"), ("call", "Nope.XServer.XObj", "f")):
        said = sentence(platform.kipp(*arguments, code=NOTFOUND))
        assert arguments[1].removesuffix(".XObj") in said


def test_a_call_says_what_is_wrong_with_it(up, tmp_path):
    platform = up("--deploy", USER)
    user = "Shared.UserServer.UserObj"
    assert platform.call(user, "find", id="ada")["person"]["name"] == "Ada"
    assert "int find(string id" in platform.kipp("call", user).out
    said = sentence(platform.kipp("call", user, "fnd", "{}", code=NOTFOUND))
    assert "find" in said and "did you mean" in said
    assert '"idd"' in sentence(platform.kipp("call", user, "find", '{"idd": "x"}', code=USAGE))
    assert "id: expected a string" in sentence(platform.kipp("call", user, "find", '{"id": 1}', code=USAGE))
    assert "column" in sentence(platform.kipp("call", user, "find", '{"id"', code=USAGE))
    assert "missing" in sentence(platform.kipp("call", user, "find", f"@{tmp_path}/missing", code=NOTFOUND))
    assert "OtherObj" in sentence(platform.kipp("call", "Shared.UserServer.OtherObj", "find", "{}", code=None))

    (tmp_path / "arguments").write_text('{"id": "bob"}')
    assert json.loads(platform.kipp("call", user, "find", f"@{tmp_path}/arguments").out)["person"]["name"] == "Bob"
    assert json.loads(platform.kipp("call", user, "find", "-", stdin='["chen"]').out)["person"]["name"] == "Chen"
    assert platform.kipp("call", user, "find", '{"id": "bob"}', "--oneway").out == ""
    endpoint = platform.instances("Shared.UserServer")["Shared.UserServer.1"]["endpoints"][0]
    assert json.loads(platform.kipp("call", f"{user}@{endpoint}", "find", '["bob"]', *NOWHERE).out)["return"] == 0
    assert json.loads(platform.kipp("call", user, "-e", endpoint, "find", '["x"]', *NOWHERE).out)["return"] == 1


def test_a_call_to_a_stopped_service_says_so(up):
    platform = up("--deploy", USER)
    platform.kipp("stop", "Shared.UserServer", "--wait")
    said = sentence(platform.kipp("call", "Shared.UserServer.UserObj", "find", '["bob"]', code=UNREACHABLE))
    assert "no instance of Shared.UserServer" in said and "kipp ps" in said


class ForeignServer:
    """A TARS server that knows nothing of Kipp: it answers every request with these bytes, or with an error."""

    def __init__(self, ret=0, body=b"", reason=""):
        self.answer = (ret, body, reason)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp -h 127.0.0.1 -p {self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @staticmethod
    def _read(connection, size):
        data = b""
        while len(data) < size and (part := connection.recv(size - len(data))):
            data += part
        return data

    @staticmethod
    def _request_id(packet):
        """The integer with tag 4; before it there are tags 1 to 3, integers too."""
        at, sizes = 0, {0: 1, 1: 2, 2: 4, 12: 0}
        while True:
            tag, kind = packet[at] >> 4, packet[at] & 15
            value = packet[at + 1:at + 1 + sizes[kind]]
            if tag == 4:
                return int.from_bytes(value, "big", signed=True)
            at += 1 + sizes[kind]

    def _serve(self):
        ret, body, reason = self.answer
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            while head := self._read(connection, 4):
                number = self._request_id(self._read(connection, int.from_bytes(head, "big") - 4))
                packet = b"\x10\x01\x2c\x32" + number.to_bytes(4, "big", signed=True) + b"\x4c"
                packet += b"\x52" + ret.to_bytes(4, "big", signed=True)
                packet += b"\x6d\x00\x02" + len(body).to_bytes(4, "big") + body + b"\x78\x0c"
                packet += b"\x86" + bytes([len(reason)]) + reason.encode()
                connection.sendall((len(packet) + 4).to_bytes(4, "big") + packet)
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def test_a_server_of_another_framework_is_called_by_its_tars_file(kipp, tmp_path):
    tars = tmp_path / "Echo.tars"
    tars.write_text("module Demo\n{\n\tinterface Echo\n\t{\n\t\tint echo(string text, out string back);\n\t};\n};\n")
    with ForeignServer(body=b"\x0c\x26\x05hello") as server:
        answer = kipp("call", f"Demo.EchoServer.EchoObj@{server.endpoint}", "echo", '["x"]', "--idl", tars)
        assert json.loads(answer.out) == {"return": 0, "back": "hello"}
    with ForeignServer(body=b"\x0c") as server:
        said = sentence(kipp("call", "E.E.E", "-e", server.endpoint, "echo", '["x"]', "--idl", tars, code=FAILED))
        assert "does not fit" in said and "back" in said
    with ForeignServer(ret=1, reason="func mismatch") as server:
        said = sentence(kipp("call", "E.E.E", "-e", server.endpoint, "echo", '["x"]', code=USAGE))
        assert "--idl" in said
        said = sentence(kipp("call", "E.E.E", "-e", server.endpoint, "echo", '["x"]', "--idl", tars, code=FAILED))
        assert "code 1" in said and "func mismatch" in said
    said = kipp("call", "E.E.E@127.0.0.1:1", "nope", "--idl", tars, code=NOTFOUND).err
    assert "it has echo" in said


def test_a_server_that_never_answers_is_given_up_in_time(kipp, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"127.0.0.1:{silent.getsockname()[1]}"
        said = sentence(kipp("call", f"E.E.E@{endpoint}", "f", "--timeout", "100", code=UNREACHABLE))
        assert "in time" in said and "--timeout" in said
        assert "does not answer in time" in sentence(kipp("ps", "--controller", endpoint, code=UNREACHABLE))


# Running things.

def test_stop_start_and_restart_wait_for_what_they_ask(up):
    platform = up("--deploy", USER)
    platform.kipp("stop", "Shared.UserServer", "--wait")
    assert {row["state"] for row in platform.instances().values()} == {"Stopped"}
    platform.kipp("start", "Shared.UserServer", "--wait")
    before = platform.instances()
    assert {row["state"] for row in before.values()} == {"Active"}
    platform.kipp("restart", "Shared.UserServer.1", "--wait")
    after = platform.instances()
    assert after["Shared.UserServer.1"]["pid"] != before["Shared.UserServer.1"]["pid"]
    assert after["Shared.UserServer.2"]["pid"] == before["Shared.UserServer.2"]["pid"]
    platform.kipp("remove", "Shared.UserServer")
    platform.wait(lambda: not platform.instances(), "the end of what was removed")


def test_a_program_that_ends_at_once_is_reported_with_its_last_words(up, tmp_path):
    platform = up()
    folder = service(tmp_path / "bad", "echo this is the reason; exit 3")
    (folder / "kipp.conf").write_text(
        "<server>\nname=Demo.BadServer\nexecutable=program\n<AObjAdapter>\nservant=AObj\n</AObjAdapter>\n</server>\n")
    run = platform.kipp("deploy", folder, code=FAILED)
    assert "Demo.BadServer.1" in run.err and "this is the reason" in run.err and "3" in run.err


def test_logs_show_the_end_and_go_on(up, tmp_path):
    platform = up()
    platform.kipp("deploy", service(tmp_path / "talk", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done"),
                  "--instances", "2")
    name = "Demo.ShellServer.1"
    platform.wait(lambda: platform.kipp("logs", name).out.count("\n") > 5, "some lines")
    assert platform.kipp("logs", "-n", "2", name).out.count("\n") == 2
    assert platform.kipp("logs", "-n", "0", name).out == ""
    both = platform.kipp("logs", "-n", "1", "Demo.ShellServer").out.splitlines()
    assert {line.split(" | ")[0] for line in both} == {"Demo.ShellServer.1", "Demo.ShellServer.2"}
    follower = platform.start("logs", "-f", "-n", "1", name, ready=None)
    number = int(follower.wait_line(r"line (\d+)").group(1))
    follower.wait_line(rf"^line {number + 10}$")
    assert follower.stop(signal.SIGINT) == 130


def test_events_go_on_and_end_with_their_reader(up):
    platform = up()
    follower = platform.start("events", "-f", "-o", "json", ready=None)
    platform.kipp("deploy", USER)
    follower.wait_line("Shared.UserServer.1")
    assert follower.stop(signal.SIGINT) == 130
    for line in follower.lines:
        if line:
            assert {"number", "time", "kind", "subject", "text", "level"} <= json.loads(line).keys()
    assert platform.kipp("events", "-n", "1").out.count("\n") == 2


def test_ps_prints_for_people_and_programs(up):
    platform = up("--deploy", USER)
    assert platform.kipp("ps", "-o", "name").out.splitlines() == ["Shared.UserServer.1", "Shared.UserServer.2"]
    title, *rows = platform.kipp("ps").out.splitlines()
    assert title.split() == "INSTANCE STATE PID VERSION UPTIME RESTARTS NODE ENDPOINTS".split() and len(rows) == 2
    assert "\033" not in platform.kipp("ps", "-o", "wide", env={"TERM": "xterm"}).out
    row = platform.instances("Shared.UserServer.2")["Shared.UserServer.2"]
    assert row["state"] == "Active" and row["endpoints"][0].startswith("tcp -h 127.0.0.1 -p ") and row["restarts"] == 0
    watcher = platform.start("ps", "-w", "-o", "name", ready="Shared.UserServer.2")
    platform.kipp("remove", "-y", "Shared.UserServer")
    platform.wait(lambda: platform.kipp("ps").out == "", "the end")
    assert watcher.stop(signal.SIGINT) == 130
    nodes = platform.json("node", "list")
    assert len(nodes) == 1 and nodes[0]["state"] == "alive"


def test_a_bare_program_and_a_package_deploy_too(up, tmp_path):
    platform = up()
    program = os.path.join(USER, "UserServer")
    platform.kipp("deploy", program, "--name", "Solo.UserServer", "--servant", "UserObj", "--version", "from-program")
    assert platform.call("Solo.UserServer.UserObj", "find", id="bob")["return"] == 0
    assert platform.instances("Solo")["Solo.UserServer.1"]["version"] == "from-program"
    with tarfile.open(tmp_path / "user.tgz", "w:gz") as archive:
        archive.add(program, "UserServer/UserServer")
        archive.add(os.path.join(USER, "kipp.conf"), "UserServer/kipp.conf")
    platform.kipp("deploy", tmp_path / "user.tgz", "--instances", "1")
    assert platform.call("Shared.UserServer.UserObj", "find", id="ada")["return"] == 0
    assert list(platform.instances("Shared")) == ["Shared.UserServer.1"]


@pytest.mark.parametrize("command", [["events", "-f"], ["ps", "-w"], ["logs", "-f", "Shared.UserServer.1"]])
def test_output_that_nobody_reads_ends_the_command(up, command):
    platform = up("--deploy", USER)
    watcher = subprocess.Popen([KIPP, *command, "--data", platform.data], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    watcher.stdout.close()
    # Nothing more happens: it must not wait for news before it sees that nobody is there.
    wait_until(lambda: watcher.poll() is not None, "its end")
    assert watcher.stderr.read() == b""
    watcher.stderr.close()


def test_events_of_the_past_can_be_left_out(up):
    platform = up("--deploy", USER)
    assert platform.json("events", "-n", "0") == []
    assert len(platform.json("events", "-n", "1")) == 1
