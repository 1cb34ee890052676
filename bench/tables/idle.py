"""What an idle connection costs: memory of ours, and the kernel's apart."""

import contextlib
import pathlib
import re
import resource
import socket
import struct

from tables.common import Failed, NotMeasurable, Server, at_most

COUNT = 10000
SOURCES = 100  # addresses of the loopback network that the connections come from
BYTES_MAX = 2048


def request_frame(request_id, size=128):
    """echo(bytes) on Demo.EchoServer.EchoObj, as wire.h of the load generator has it."""
    servant = b"Demo.EchoServer.EchoObj"
    body = b"\x1d\x00\x01" + struct.pack(">h", size) + bytes(size)
    packet = b"\x10\x01\x2c\x3c\x42" + struct.pack(">i", request_id)
    packet += b"\x56" + bytes([len(servant)]) + servant + b"\x66\x04echo"
    packet += b"\x7d\x00\x01" + struct.pack(">h", len(body)) + body + b"\x81\x0b\xb8\x98\x0c\xa8\x0c"
    return struct.pack(">i", 4 + len(packet)) + packet


def call_once(connection):
    connection.sendall(request_frame(1))
    head = connection.recv(4, socket.MSG_WAITALL)
    if len(head) != 4:
        raise Failed("the server closed a connection")
    size = struct.unpack(">i", head)[0]
    connection.recv(size - 4, socket.MSG_WAITALL)


def connect(port, index):
    connection = socket.socket()
    try:
        connection.bind((f"127.0.0.{2 + index % SOURCES}", 0))
        connection.connect(("127.0.0.1", port))
        call_once(connection)
    except OSError as error:
        connection.close()
        raise Failed(f"connection {index} is refused: {error.strerror or error}") from error
    except Failed:
        connection.close()
        raise
    return connection


def resident(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    return int(re.search(r"^Anonymous: +(\d+) kB", text, re.M).group(1)) * 1024


def kernel_memory():
    text = pathlib.Path("/proc/meminfo").read_text(encoding="utf-8")
    return int(re.search(r"^Slab: +(\d+) kB", text, re.M).group(1)) * 1024


def allow_descriptors(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise NotMeasurable(f"{COUNT} connections need {count} descriptors, {hard} are allowed")
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def look(server):
    counters = server.ask()
    return {"resident": resident(server.process.pid), "bytes": counters["bytes"],
            "kernel": kernel_memory(), "open": counters["open"]}  # fmt: skip


def measure(options):
    allow_descriptors(COUNT + 200)
    with contextlib.ExitStack() as stack:
        server = Server("echo", [options.bench / "echo-server", "--port", 0], has_marks=True)
        stack.enter_context(server)
        for index in range(16):  # what is made once for all
            stack.enter_context(connect(server.port, index))
        before = look(server)
        for index in range(COUNT):
            stack.enter_context(connect(server.port, index))
        after = look(server)
        if after["open"] - before["open"] != COUNT:
            raise Failed(f"{after['open'] - before['open']} of {COUNT} connections are open")
    per = {key: (after[key] - before[key]) / COUNT for key in ("resident", "bytes", "kernel")}
    rows = [{"what": "resident memory of the server", "bytes": per["resident"]},
            {"what": "allocated by it", "bytes": per["bytes"]},
            {"what": "the kernel's, for both ends", "bytes": per["kernel"]}]  # fmt: skip
    return {
        "title": f"{COUNT:,} idle connections",
        "note": "Each made one call and then kept still. The kernel's share is the growth of its "
        "slabs, whoever caused it.",
        "columns": [["what", "memory", -1], ["bytes", "bytes per connection", 0]],
        "rows": rows,
        "targets": [at_most("idle connection: resident bytes of ours", per["resident"], BYTES_MAX),
                    at_most("idle connection: bytes allocated", per["bytes"], BYTES_MAX)],  # fmt: skip
        "plot": {"group": [], "series": "what", "value": "bytes", "axis": "bytes per connection",
                 "line": BYTES_MAX},  # fmt: skip
    }
