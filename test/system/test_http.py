"""Services of the Book demo by HTTP, with curl: what docs/http.md shows, and what people's tools do."""
import concurrent.futures
import json
import os
import re
import signal
import subprocess

import pytest
from conftest import BOOK, PATIENCE, ROOT, is_alive

STORE = "Book.StoreServer.StoreObj"


def endpoint_of(platform, obj, instance=0):
    """Where an instance of a servant is, as the registry knows it: HOST:PORT."""
    rows = platform.json("explain", obj)["endpoints"]
    host, port = re.search(r"-h (\S+) -p (\d+)", rows[instance]["endpoint"]).groups()
    return f"{host}:{port}"


def run_curl(*arguments, code=0):
    run = subprocess.run(["curl", "--silent", "--show-error", "--max-time", str(PATIENCE), *arguments],
                         capture_output=True, text=True, timeout=2 * PATIENCE, check=False)
    assert run.returncode == code, f"curl {' '.join(arguments)}: {run.returncode}\n{run.stdout}{run.stderr}"
    return run.stdout


def ask(url, *arguments):
    """Status and body of a request."""
    body, _, status = run_curl(url, "--write-out", "\n%{http_code}", *arguments).rpartition("\n")
    return int(status), body


@pytest.fixture
def store(up):
    """The demo's store, by HTTP."""
    platform = up("--deploy", BOOK)
    return platform, f"http://{endpoint_of(platform, STORE)}"


def examples():
    """The commands of docs/http.md, each with what its output contains."""
    with open(os.path.join(ROOT, "docs", "http.md"), encoding="utf-8") as file:
        blocks = re.findall(r"```sh\n(.*?)```", file.read(), re.DOTALL)
    assert len(blocks) > 8
    for block in blocks:
        lines = block.strip().split("\n")
        yield ("\n".join(line for line in lines if not line.startswith("# ")),
               [line[2:].removesuffix("...") for line in lines if line.startswith("# ")])


def test_the_examples_of_the_documentation_are_true(store):
    _, url = store
    for command, expected in examples():
        run = subprocess.run(["sh", "-c", command], env={**os.environ, "STORE": url}, capture_output=True, text=True,
                             timeout=PATIENCE, check=True)
        assert expected, command
        for text in expected:
            assert text in run.stdout, f"{command}\nprinted {run.stdout}"


def test_what_is_printed_by_call_and_by_curl_is_the_same(store):
    platform, url = store
    by_packet = platform.call(STORE, "browse", category="novel")
    status, body = ask(f"{url}/{STORE}/browse", "--json", '{"category": "novel"}')
    by_http = json.loads(body)
    assert status == 200
    assert by_http.pop("tars_ret") == by_packet.pop("return") == 0
    assert by_http == by_packet


def test_a_refusal_of_the_application_is_an_answer(store):
    _, url = store
    assert ask(f"{url}/StoreObj/browse", "-d", '{"category": "cooking"}')[0] == 200
    status, body = ask(f"{url}/StoreObj/buy", "-d", '{"order": {"id": "a", "user": "nobody", "title": 4}}')
    assert (status, json.loads(body)["tars_ret"]) == (200, 3)


def test_bodies_in_chunks_and_after_a_question_are_taken(store):
    _, url = store
    large = json.dumps({"category": "x" * 300_000})
    for headers in (["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"], ["--http1.0"]):
        run = subprocess.run(["curl", "--silent", f"{url}/StoreObj/browse", "--data-binary", "@-", *headers,
                              "--expect100-timeout", str(PATIENCE)], input=large, capture_output=True, text=True,
                             timeout=PATIENCE, check=True)
        assert json.loads(run.stdout)["tars_ret"] == 1, headers


def test_connections_are_used_again(store):
    _, url = store
    page = f"{url}/livez"
    counts = run_curl(page, page, page, "--write-out", "%{num_connects}")
    assert counts == "ok\n1ok\n0ok\n0"


def test_many_callers_at_once_get_their_own_answers(store):
    _, url = store

    def buy(number):
        order = {"order": {"id": f"order-{number}", "user": "bob", "title": 4 + number % 3}}
        bought = json.loads(ask(f"{url}/StoreObj/buy", "-d", json.dumps(order))[1])["bought"]
        return number % 3, bought["title"]

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        titles = set(threads.map(buy, range(60)))
    assert titles == {(0, "Frankenstein"), (1, "Dream of the Red Chamber"), (2, "Middlemarch")}


def test_framework_servants_answer_too(store):
    platform, _ = store
    host, port = re.search(r"-h (\S+) -p (\d+)", platform.endpoint()).groups()
    url = f"http://{host}:{port}"
    names = [row["servant"] for row in json.loads(ask(f"{url}/")[1])["servants"]]
    assert "tars.tarsregistry.QueryObj" in names
    status, body = ask(f"{url}/QueryObj/findObjectById", "-d", json.dumps({"id": STORE}))
    assert status == 200
    assert {row["port"] for row in json.loads(body)["tars_ret"]} == {
        int(endpoint_of(platform, STORE, number).rpartition(":")[2]) for number in range(2)}


def test_a_server_that_stops_answers_what_it_has_begun(store):
    platform, url = store
    instance = platform.json("explain", STORE)["endpoints"][0]["instance"]
    pid = platform.instances()[instance]["pid"]
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(subprocess.run, ["curl", "--silent", f"{url}/StoreObj/browse", "-d", "{}"],
                                capture_output=True, text=True, timeout=PATIENCE, check=False) for _ in range(40)]
        os.kill(pid, signal.SIGTERM)
        runs = [call.result() for call in calls]
    platform.wait(lambda: not is_alive(pid), "the end of the server")
    # Whoever was let in was answered whole; whoever came too late could not connect or was let go unread.
    assert all(run.returncode in (0, 7, 52, 56) for run in runs), [run.returncode for run in runs]
    for run in runs:
        if run.returncode == 0:
            assert json.loads(run.stdout)["status"] == 400
