"""Fixtures of the system tests: real processes, a data directory of their own, ports picked by the system.

    def test_a_thing(up):
        platform = up("--deploy", BOOK)           # `kipp up`, ready to serve; ended after the test
        platform.kipp("ps").out                   # any command of that platform; code 0 or the test fails
        platform.kipp("ps", "Nope", code=3).err   # another exit code is expected
        platform.json("events")                   # with -o json, decoded
        platform.wait(lambda: ..., "what")        # until it is true, or the test fails and says what
"""
import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("KIPP_BUILD", os.path.join(ROOT, "build"))
KIPP = os.path.join(BUILD, "kipp")
BOOK = os.path.join(BUILD, "examples", "book")

# How long a test waits for what should happen at once; generous, for a loaded machine and for sanitizers.
PATIENCE = 60

SANITIZER_REPORT = re.compile(
    r"(ERROR|WARNING): (Address|Thread|Leak|Memory)Sanitizer|runtime error: |SUMMARY: \w+Sanitizer")


def environment(more=None):
    """This process's environment, without what a person may have set for the command."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KIPP_")}
    return {**clean, "NO_COLOR": "1", **(more or {})}


def build_option(name):
    """An option that the build directory was configured with."""
    text = subprocess.run(["meson", "introspect", "--buildoptions", BUILD], capture_output=True, text=True,
                          check=True).stdout
    return next(option["value"] for option in json.loads(text) if option["name"] == name)


def compile_environment():
    """What building against this libkipp needs: the same sanitizers."""
    sanitize = build_option("b_sanitize")
    flags = "" if sanitize == "none" else f"-fsanitize={sanitize}"
    return environment({"KIPP": KIPP, "MAKEFLAGS": "", "CFLAGS": f"-O1 -g {flags}", "LDFLAGS": flags})


def wait_until(predicate, what, timeout=PATIENCE):
    """Ask again and again until the answer is true, and return it."""
    deadline = time.monotonic() + timeout
    while True:
        answer = predicate()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited {timeout} s for: {what}"
        time.sleep(0.02)


def is_alive(pid):
    """Whether a process exists and is more than a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def processes_below(folder):
    """The processes that run a program from below a folder or name it in their arguments: pid -> command line."""
    found = {}
    folder = os.path.join(os.path.realpath(folder), "").encode()
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                command = file.read()
            program = os.readlink(f"/proc/{name}/exe").encode()
        except OSError:
            continue
        if (folder in command or program.startswith(folder)) and is_alive(int(name)):
            found[int(name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


class Result:
    def __init__(self, run):
        self.code, self.out, self.err = run.returncode, run.stdout, run.stderr


def run_kipp(*arguments, code=0, env=None, cwd=None, stdin=None, timeout=PATIENCE, kipp=KIPP):
    """Run one command to its end; its exit code must be `code` (None: any)."""
    where = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    run = subprocess.run([kipp, *map(str, arguments)], env=environment(env), cwd=cwd, capture_output=True, text=True,
                         timeout=timeout, check=False, errors="replace", **where)
    if code is not None:
        assert run.returncode == code, f"kipp {' '.join(map(str, arguments))}: exit code {run.returncode}\n" \
                                       f"{run.stdout}{run.stderr}"
    return Result(run)


class Daemon:
    """A long-running program, what it printed, and its end."""

    def __init__(self, *command, env=None, cwd=None):
        self.lines = []
        self.heard = threading.Condition()
        self.process = subprocess.Popen(
            [*map(str, command)], env=environment(env), cwd=cwd,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            start_new_session=True)
        self.pid = self.process.pid
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.heard:
                self.lines.append(line.rstrip("\n"))
                self.heard.notify_all()
        with self.heard:
            self.lines.append(None)
            self.heard.notify_all()

    @property
    def text(self):
        return "\n".join(line for line in self.lines if line is not None)

    def wait_line(self, pattern, timeout=PATIENCE):
        """Wait for a printed line that the pattern is found in; returns the match."""
        expression = re.compile(pattern)
        seen = 0
        deadline = time.monotonic() + timeout
        with self.heard:
            while True:
                for line in self.lines[seen:]:
                    match = line is not None and expression.search(line)
                    if match:
                        return match
                seen = len(self.lines)
                assert not (self.lines and self.lines[-1] is None), f"it ended without '{pattern}':\n{self.text}"
                left = deadline - time.monotonic()
                assert left > 0, f"waited {timeout} s for '{pattern}':\n{self.text}"
                self.heard.wait(left)

    def is_running(self):
        return self.process.poll() is None

    def kill(self, number=signal.SIGKILL):
        if self.is_running():
            self.process.send_signal(number)

    def wait(self, timeout=PATIENCE):
        """Wait for the end and return the exit code."""
        code = self.process.wait(timeout)
        self.reader.join(timeout)
        return code

    def stop(self, number=signal.SIGTERM):
        self.kill(number)
        return self.wait()


class Caller(Daemon):
    """The program that calls the Book store all the time, and what became of its calls."""

    def failures(self):
        return [line for line in self.lines if line and " failed " in line]

    def count(self):
        return sum(1 for line in self.lines if line)

    def wait_calls(self, more=100):
        """Wait until it has made more calls."""
        goal = self.count() + more
        wait_until(lambda: self.count() >= goal or not self.is_running(), f"{more} more calls")
        assert self.is_running(), self.text


class Platform:
    """A platform with its data directory, and commands against it."""

    def __init__(self, data):
        self.data = str(data)
        self.daemons = []

    def start(self, *arguments, prefix=(), ready=r"\bready\b"):
        """Start a daemon on this data directory, `up`, `controller` or `node`, and wait until it is ready."""
        daemon = Daemon(*prefix, KIPP, *arguments, "--data", self.data)
        self.daemons.append(daemon)
        if ready:
            daemon.wait_line(ready)
        return daemon

    def kipp(self, *arguments, **options):
        return run_kipp(*arguments, "--data", self.data, **options)

    def json(self, *arguments):
        return json.loads(self.kipp(*arguments, "-o", "json").out)

    def instances(self, target=None):
        """The instances as `kipp ps` tells them: name -> row."""
        rows = self.json("ps", target) if target else self.json("ps")
        return {row["instance"]: row for row in rows}

    def wait_active(self, count, target=None, timeout=PATIENCE):
        """Wait until `count` instances are Active and none is anything else; returns them."""
        def all_active():
            found = self.instances(target)
            is_right = len(found) == count and all(row["state"] == "Active" for row in found.values())
            return found if is_right else None
        return wait_until(all_active, f"{count} active instances of {target or 'all'}", timeout)

    def events(self):
        return self.json("events", "-n", "1000")

    def wait_event(self, subject, text, timeout=PATIENCE):
        """Wait for an event about a subject whose kind or text matches."""
        def find():
            return [event for event in self.events() if event["subject"] == subject
                    and re.search(text, f"{event['kind']} {event['text']}")]
        return wait_until(find, f"an event of {subject}: {text}", timeout)[-1]

    def call(self, target, function, /, **arguments):
        """Call a function by name; its answer, decoded."""
        return json.loads(self.kipp("call", target, function, json.dumps(arguments)).out)

    def wait(self, predicate, what, timeout=PATIENCE):
        return wait_until(predicate, what, timeout)

    def caller(self, object="Book.StoreServer.StoreObj"):
        """A program that calls all the time; it runs before this returns, and ends with the platform."""
        caller = Caller(os.path.join(BUILD, "test", "system", "caller"), self.locator(), object)
        self.daemons.append(caller)
        caller.wait_calls(10)
        return caller

    def endpoint(self):
        """Where the controller listens: "tcp -h 127.0.0.1 -p 40112"."""
        with open(os.path.join(self.data, "controller.endpoint"), encoding="utf-8") as file:
            return file.read().strip()

    def locator(self):
        """Where the registry is, as services are told."""
        return f"tars.tarsregistry.QueryObj@{self.endpoint()}"

    def close(self):
        """End all that was started here, servers too, each by its own pid; returns what had to be killed."""
        for daemon in self.daemons:
            daemon.kill(signal.SIGCONT)
            daemon.kill(signal.SIGTERM)
        for daemon in self.daemons:
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.stop(signal.SIGKILL)
        left = processes_below(self.data)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait_until(lambda: not processes_below(self.data), f"the end of {left}", 20)
        return left

    def sanitizer_reports(self):
        """What the sanitizers of daemons and servers had to say, found in all logs."""
        texts = [daemon.text for daemon in self.daemons]
        for folder, _, names in os.walk(self.data):
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.isfile(path) or os.path.getsize(path) > 64 << 20 or os.access(path, os.X_OK):
                    continue
                with open(path, encoding="utf-8", errors="replace") as file:
                    texts.append(file.read())
        return [text[max(0, match.start() - 200):match.end() + 4000] for text in texts
                if (match := SANITIZER_REPORT.search(text))]


@pytest.fixture
def kipp():
    """Runs a command without a platform: kipp("version").out"""
    return run_kipp


@pytest.fixture
def platform(tmp_path):
    """A data directory with nothing running yet; all that is started on it ends with the test."""
    one = Platform(tmp_path / "data")
    yield one
    one.close()
    reports = one.sanitizer_reports()
    assert not reports, "\n".join(reports)


@pytest.fixture
def up(platform):
    """Starts `kipp up` on a port of its own and returns the platform once it is ready; `.up` is the daemon."""
    def start(*arguments):
        platform.up = platform.start("up", "--port", "0", *arguments)
        return platform
    return start
