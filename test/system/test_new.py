"""From nothing to a service that answers: new, make, deploy, call."""
import json
import subprocess

from conftest import compile_environment


def make(folder, *targets):
    return subprocess.run(["make", *targets], cwd=folder, env=compile_environment(), check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)


def test_a_new_service_builds_deploys_and_answers(up, tmp_path):
    platform = up()
    platform.kipp("new", "Demo.HelloServer", cwd=tmp_path)
    folder = tmp_path / "HelloServer"
    built = make(folder)
    assert built.returncode == 0, built.stdout + built.stderr
    platform.kipp("deploy", cwd=folder)
    answer = platform.call("Demo.HelloServer.HelloObj", "say", name="bob")
    assert answer["greeting"] == "hello, bob"


def test_its_own_test_passes(kipp, tmp_path):
    kipp("new", "Demo.HelloServer", cwd=tmp_path)
    tested = make(tmp_path / "HelloServer", "test")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_a_new_version_takes_over(up, tmp_path):
    platform = up()
    platform.kipp("new", "Demo.HelloServer", cwd=tmp_path)
    folder = tmp_path / "HelloServer"
    assert make(folder).returncode == 0
    platform.kipp("deploy", cwd=folder)
    source = (folder / "server.c").read_text()
    (folder / "server.c").write_text(source.replace("hello, ", "good day, "))
    assert make(folder).returncode == 0
    platform.kipp("deploy", cwd=folder)
    platform.wait(lambda: platform.call("Demo.HelloServer.HelloObj", "say", name="bob")["greeting"] == "good day, bob",
                  "the new version to answer")


def test_a_server_describes_itself(up, tmp_path):
    platform = up()
    platform.kipp("new", "Demo.HelloServer", cwd=tmp_path)
    assert make(tmp_path / "HelloServer").returncode == 0
    platform.kipp("deploy", cwd=tmp_path / "HelloServer")
    listing = platform.kipp("call", "Demo.HelloServer.HelloObj").out
    assert "say" in listing and "greeting" in listing
    assert json.loads(platform.kipp("ps", "Demo", "-o", "json").out)[0]["state"] == "Active"


def test_a_new_service_in_cpp_builds_deploys_and_answers(up, tmp_path):
    platform = up()
    platform.kipp("new", "--cpp", "Demo.HelloServer", cwd=tmp_path)
    folder = tmp_path / "HelloServer"
    built = make(folder, "all", "server_test")
    assert built.returncode == 0, built.stdout + built.stderr
    tested = make(folder, "test")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    platform.kipp("deploy", cwd=folder)
    answer = platform.call("Demo.HelloServer.HelloObj", "say", name="bob")
    assert answer["greeting"] == "hello, bob"


def test_a_name_that_cpp_keeps_for_itself_is_refused(kipp, tmp_path):
    refused = kipp("new", "--cpp", "class.HelloServer", cwd=tmp_path, code=2)
    assert "word of C++" in refused.err
