"""Floods from 200 sources each: good calls succeed, memory stays bounded, offenders are banned, and all recovers."""
import json
import os
import re
import statistics
import subprocess

import pytest
from conftest import BUILD, Daemon, build_option, wait_until

ATTACK = os.path.join(BUILD, "test", "system", "attack")
SOURCES = 200
OFFENDERS = 180  # the attacker is busy being turned away by then: the last few get few turns from it
# What all connections together may keep, and what the rest of a server may grow by meanwhile.
KEPT = 16 << 20
SLACK = 48 << 20
# Whom an overload refuses is another test's matter: no delay is too long.
LIMITS = [f"unread_size_max={KEPT}", f"partial_size_max={KEPT}", "empty_conn_ms=500", "frame_ms=500", "reader_ms=500",
          "source_malformed_max=1", "ban_s=600", "delay_target_ms=-1"]


def has_namespaces():
    return subprocess.run(["unshare", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True,
                          check=False).returncode == 0


class Field:
    """A server, a good client, and whoever attacks, in a network of their own where that can be had."""

    def __init__(self):
        self.daemons = []
        own = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"] if has_namespaces() else []
        self.server = self.start(own, "serve", *LIMITS)
        self.inside = ["nsenter", "-t", str(self.server.pid), "-n"] if own else []
        self.port = self.server.wait_line(r"listening -p (\d+)").group(1)

    def start(self, prefix, *arguments):
        daemon = Daemon(*prefix, ATTACK, *arguments)
        self.daemons.append(daemon)
        return daemon

    def client(self):
        return self.start(self.inside, "call", self.port)

    def attack(self, how):
        attacker = self.start(self.inside, how, self.port, SOURCES)
        attacker.wait_line("attacking")
        return attacker

    def state(self):
        lines = [line for line in self.server.lines if line and line.startswith("state ")]
        return json.loads(lines[-1].partition(" ")[2]) if lines else {}

    def told(self):
        """The sources whose ban was an event; of many at once only the last ones are kept."""
        return {match.group(1) for line in self.server.lines if line
                and (match := re.match(r"event ban (\S+) is banned", line))}

    def resident(self):
        with open(f"/proc/{self.server.pid}/status", encoding="utf-8") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) << 10

    def close(self):
        codes = [daemon.stop() for daemon in reversed(self.daemons)]
        assert codes == [0] * len(codes), [daemon.text[-2000:] for daemon in self.daemons]


@pytest.fixture
def field():
    one = Field()
    yield one
    one.close()


def rounds(client):
    return [json.loads(line.partition(" ")[2]) for line in client.lines if line and line.startswith("round ")]


def more_rounds(client, count):
    """The client's next rounds."""
    seen = len(rounds(client))
    wait_until(lambda: len(rounds(client)) >= seen + count or not client.is_running(), f"{count} more rounds")
    assert client.is_running(), client.text
    return rounds(client)[seen:seen + count]


def median_p99(some):
    return statistics.median(one["p99_us"] for one in some)


# What each flood must be seen to have done, beside being banned.
SIGNS = {"garbage": "malformed", "silent": "silent", "unread": "unread", "dribble": "silent"}


@pytest.mark.parametrize("how", sorted(SIGNS))
def test_a_flood_is_banned_and_good_calls_do_not_notice(field, how):
    client = field.client()
    more_rounds(client, 1)
    calm = more_rounds(client, 5)
    before = field.resident()
    attacker = field.attack(how)
    peak = before
    under = []
    while len(under) < 5 or field.state()["banned"] < OFFENDERS:
        under += more_rounds(client, 1)
        peak = max(peak, field.resident())
        assert len(under) < 500, (field.state(), field.server.text[-2000:])
    assert field.state()[SIGNS[how]] > 0, field.state()
    assert field.told() and all(source.startswith("127.9.") for source in field.told())
    attacker.stop()
    wait_until(lambda: field.state()["open"] == 1, "only the good client's connection left")
    after = more_rounds(client, 5)
    failed = [one for one in rounds(client) if one["failed"]]
    assert not failed, client.text[-2000:]
    print(f"{how}: p99 of good calls {median_p99(under) / median_p99(calm):.2f} times the calm one under attack, "
          f"{median_p99(after) / median_p99(calm):.2f} times after it; memory {before >> 20} MiB, at most {peak >> 20} MiB")
    if build_option("b_sanitize") == "none":
        assert peak - before <= 2 * KEPT + SLACK, (before, peak)
