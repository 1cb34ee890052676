"""What all tables share: processes that end with their block, medians, and the form of a table.

A table is a dictionary that bench/run prints, keeps as JSON, and bench/draw turns into a picture and text:
    title, note     what it shows, and what to know about it
    columns         [key, heading, decimals] each; decimals -1 for text, and a row may lack a value
    rows            dictionaries by the columns' keys
    targets         what(value, limit, is it met)
    plot            how to draw it, see bench/draw
"""

import json
import os
import pathlib
import platform
import signal
import statistics
import subprocess

PATIENCE_S = 60


class Failed(Exception):
    """What went wrong, in one sentence."""


class NotMeasurable(Exception):
    """Why this machine cannot tell, in one sentence."""


def pinned_to(cpus):
    """What a child process does first, to run on these CPUs only."""
    return (lambda: os.sched_setaffinity(0, cpus)) if cpus else None


def share_cpus():
    """One CPU for the servers and another for the load, where there are two; else anywhere."""
    cpus = sorted(os.sched_getaffinity(0))
    return ({cpus[0]}, {cpus[1]}) if len(cpus) > 1 else (None, None)


class Server:
    """A running server, which says where it listens; leaving the block ends it."""

    def __init__(self, name, command, cpus=None, has_marks=False, env=None):
        self.name = name
        self.has_marks = has_marks
        try:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdout=subprocess.PIPE, text=True,
                preexec_fn=pinned_to(cpus), env=env, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise Failed(f"cannot start {command[0]}: {error.strerror}") from error

    def __enter__(self):
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            self.stop()
            raise Failed(f"the {self.name} server did not start")
        self.port = int(line.rsplit(":", 1)[1])
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.returncode is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()

    def ask(self):
        """Has the server print its counters: {"requests": n, "allocs": n, ...}."""
        self.process.send_signal(signal.SIGUSR1)
        return self.counters()

    def counters(self):
        """What the server says after a mark."""
        words = self.process.stdout.readline().split()
        if not words:
            raise Failed(f"the {self.name} server has ended")
        return {key: int(value) for key, value in zip(words[::2], words[1::2])}


def run_program(command, cpus=None, env=None, timeout=PATIENCE_S * 2):
    """Runs a program to its end and returns what it said."""
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False,
                          preexec_fn=pinned_to(cpus), env=env)  # fmt: skip
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Failed(f"{os.path.basename(command[0])}: {said[-1] if said else done.returncode}")
    return done.stdout


def run_json(command, cpus=None, **more):
    return json.loads(run_program(command, cpus, **more))


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def ratio(pairs, key):
    """The median of the pairs' ratios, second to first."""
    return statistics.median(b[key] / a[key] for a, b in pairs)


def run_pairs(first, second, count):
    """Some pairs of runs, right after one another, taking turns at going first."""
    pairs = []
    for index in range(count):
        if index % 2 == 0:
            a = first()
            b = second()
        else:
            b = second()
            a = first()
        pairs.append((a, b))
    return pairs


def target(text, value, limit, is_met):
    return {"text": text, "value": value, "limit": limit, "met": bool(is_met)}


def at_most(text, value, limit):
    return target(text, value, limit, value <= limit)


def at_least(text, value, limit):
    return target(text, value, limit, value >= limit)


def machine():
    model = platform.machine()
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return {"cpu": model, "cpus": len(os.sched_getaffinity(0)), "kernel": platform.release()}
