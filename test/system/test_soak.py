"""A mixed load through a network that fails: every answer is of its question, every failure is what it is, nothing leaks."""
import os
import re
import signal
import subprocess

import pytest
from conftest import BUILD, SANITIZER_REPORT, Daemon, build_option, wait_until

TOOLS = os.path.join(BUILD, "test", "system")
SECONDS = int(os.environ.get("SOAK_SECONDS", "20"))
SEED = os.environ.get("SOAK_SEED", "1")
HARMLESS = ("clean", "delay", "split", "trickle")
FATAL = ("cut", "reset", "half", "refuse")


def listens_at(pid):
    """The port that a process listens at, or None."""
    sockets = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            sockets.add(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            pass
    with open(f"/proc/{pid}/net/tcp", encoding="utf-8") as table:
        rows = [line.split() for line in table][1:]
    ports = [int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]
    return ports[0] if ports else None


def has_freed_all(daemon):
    return "0 allocations live" in daemon.lines


class Soak:
    """A server, a proxy before it, and the client's account of what came of its calls."""

    protocol = "tcp"

    def __init__(self):
        self.daemons = []
        self.server = self.start("soak_server", "--name", "Soak.SoakServer", "--port", "0", "--threads", "2")
        self.port = self.server.wait_line(r"-p (\d+)")[1]

    def encrypt(self, folder):
        """Serve by TLS instead, with a certificate of its own."""
        self.server.stop()
        cert, key, conf = folder / "cert.pem", folder / "key.pem", folder / "soak.conf"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=soak",
                        "-keyout", key, "-out", cert], check=True, capture_output=True)
        conf.write_text(f"<tars>\n<application>\n<server>\napp=Soak\nserver=SoakServer\ncert={cert}\nkey={key}\n"
                        "loops=2\n<WorkObjAdapter>\nservant=WorkObj\nendpoint=ssl -h 127.0.0.1 -p 0 -t 60000\n"
                        "</WorkObjAdapter>\n</server>\n</application>\n</tars>\n")
        self.server = self.start("soak_server", f"--config={conf}")
        self.port = wait_until(lambda: listens_at(self.server.pid), "the server to listen")
        self.protocol = "ssl"

    def start(self, program, *arguments):
        daemon = Daemon(os.path.join(TOOLS, program), *arguments)
        self.daemons.append(daemon)
        return daemon

    def proxy(self, faults):
        proxy = self.start("fault_proxy", SEED, faults, self.port)
        return proxy, proxy.wait_line(r"listening on 127\.0\.0\.1:(\d+)")[1]

    def call(self, faults, seconds, timeout_ms, threads=3):
        """Calls through a proxy with these faults: the outcomes, and how often each fault struck."""
        proxy, port = self.proxy(faults)
        client = self.start("soak_client", f"Soak.SoakServer.WorkObj@{self.protocol} -h 127.0.0.1 -p {port}", seconds, SEED,
                            threads, timeout_ms)
        assert client.wait(seconds + 300) == 0, client.text
        assert proxy.stop() == 0
        assert has_freed_all(client), client.text
        outcomes = {name: int(number) for name, number in re.findall(r"^(\w+) (\d+)$", client.text, re.M)}
        strikes = {name: int(number) for name, number in re.findall(r"^(\w+) (\d+) of", proxy.text, re.M)}
        assert outcomes.pop("wrong") == 0 and outcomes.pop("unexpected") == 0, client.text
        return outcomes, strikes

    def resident(self):
        """The server's memory, in MiB."""
        with open(f"/proc/{self.server.pid}/status", encoding="utf-8") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.pid}/fd"))

    def end(self):
        for daemon in self.daemons:
            daemon.kill(signal.SIGTERM)
        for daemon in self.daemons:
            daemon.wait()


@pytest.fixture
def soak():
    one = Soak()
    yield one
    one.end()
    assert has_freed_all(one.server), one.server.text
    reports = [daemon.text for daemon in one.daemons if SANITIZER_REPORT.search(daemon.text)]
    assert not reports, "\n".join(reports)


@pytest.mark.parametrize("fault", HARMLESS)
def test_a_slow_or_ragged_connection_fails_no_call(soak, fault):
    outcomes, _ = soak.call(fault, 1, 60000)
    del outcomes["notes"]
    assert set(outcomes) == {"OK"}, outcomes


@pytest.mark.parametrize("fault, classes", [
    ("cut", {"CLOSED", "CONNECT"}), ("reset", {"CLOSED", "CONNECT"}), ("refuse", {"CLOSED", "CONNECT"}),
    ("half", {"TIMEOUT"})])
def test_a_broken_connection_is_told_from_a_silent_one(soak, fault, classes):
    outcomes, strikes = soak.call(fault, 1, 1000 if fault == "half" else 60000)
    del outcomes["notes"]
    assert strikes[fault] > 0
    assert set(outcomes) - {"OK"} and set(outcomes) - {"OK"} <= classes, outcomes


def test_an_encrypted_load_through_a_failing_network(soak, tmp_path):
    soak.encrypt(tmp_path)
    outcomes, _ = soak.call("split", 1, 60000)
    assert set(outcomes) == {"OK", "notes"}, outcomes
    outcomes, _ = soak.call("all", max(3, SECONDS // 4), 1000)
    assert outcomes["OK"] > 0, outcomes


def test_a_mixed_load_through_a_failing_network_leaks_nothing(soak):
    warm, _ = soak.call("all", 2, 1000)
    assert warm["OK"] > 0
    resident, descriptors = soak.resident(), soak.descriptors()
    outcomes, strikes = soak.call("all", SECONDS, 1000)
    print(outcomes, strikes)
    assert outcomes["OK"] > 100 and outcomes["CLOSED"] > 0 and outcomes["TIMEOUT"] > 0, outcomes
    if SECONDS >= 10:
        assert all(strikes[fault] > 0 for fault in (*HARMLESS[1:], *FATAL)), strikes
    assert soak.descriptors() <= descriptors + 64  # half-open ones live until the server notices
    if build_option("b_sanitize") == "none":  # a sanitizer keeps freed memory for a while
        assert soak.resident() < resident + 64
    # What the network did is over: over a good connection every call goes well.
    outcomes, _ = soak.call("clean", 1, 60000)
    assert set(outcomes) == {"OK", "notes"}, outcomes
