"""The Book demo on `kipp up`: everything runs, answers, and ends."""
import signal
import subprocess
import sys

import pytest
from conftest import BOOK, BUILD, ROOT, Daemon, processes_below

SERVICES = {
    "Book.ClassificationServer": ("ClassificationObj", "find", {"id": 3}),
    "Book.PaymentServer": ("PayObj", "total", {}),
    "Book.StoreServer": ("StoreObj", "browse", {"category": "novel"}),
    "Book.SubscribeServer": ("SubscribeObj", "counts", {}),
    "Book.VisitorServer": ("VisitorObj", "report", {}),
    "Shared.UserServer": ("UserObj", "find", {"id": "ada"}),
}
INSTANCES = {f"{service}.{number}" for service in SERVICES for number in (1, 2)}
STORE = "Book.StoreServer.StoreObj"


def buy(platform, order, user="bob", title=4):
    return platform.call(STORE, "buy", order={"id": order, "user": user, "title": title})


def test_ps_shows_every_instance_active_once_up_is_ready(up):
    platform = up("--deploy", BOOK)
    instances = platform.instances()
    assert set(instances) == INSTANCES
    for row in instances.values():
        assert row["state"] == "Active" and row["pid"] > 0 and row["version"] == "1.0", row
    assert len({row["pid"] for row in instances.values()}) == len(INSTANCES)


def test_each_service_answers(up):
    platform = up("--deploy", BOOK)
    for service, (obj, function, arguments) in SERVICES.items():
        assert platform.call(f"{service}.{obj}", function, **arguments)
    titles = platform.call(STORE, "browse", category="novel")["titles"]
    assert [title["name"] for title in titles] == ["Frankenstein", "Dream of the Red Chamber", "Middlemarch"]
    bought = buy(platform, "mine", "bob", 4)["bought"]
    assert (bought["title"], bought["user"], bought["cents"]) == ("Frankenstein", "Bob", 850)


def test_a_refusal_is_the_services_own_answer(up):
    platform = up("--deploy", BOOK)
    assert platform.call(STORE, "browse", category="cooking")["return"] == 1
    assert buy(platform, "x", title=99)["return"] == 2
    assert buy(platform, "x", user="nobody")["return"] == 3


def test_an_order_is_paid_once_and_the_ledger_outlives_the_platform(up):
    platform = up("--deploy", BOOK)
    platform.kipp("stop", "Book.VisitorServer", "--wait")
    first = buy(platform, "once")["bought"]
    before = platform.call("Book.PaymentServer.PayObj", "total")
    for _ in range(4):
        assert buy(platform, "once")["bought"]["cents"] == first["cents"]
    assert platform.call("Book.PaymentServer.PayObj", "total") == before

    assert platform.up.stop(signal.SIGINT) in (0, 130)
    platform.up = platform.start("up", "--port", "0")
    platform.wait_active(2, "Book.PaymentServer")
    assert platform.call("Book.PaymentServer.PayObj", "total") == before


def test_both_instances_of_a_service_get_calls(up):
    platform = up("--deploy", BOOK)
    sellers = set()
    platform.wait(lambda: sellers.add(buy(platform, f"order-{len(sellers)}")["bought"]["soldBy"]) or len(sellers) == 2,
                  "answers of two stores")


def test_visitors_come_and_are_served(up):
    platform = up("--deploy", BOOK)

    def report_after(visits):
        """The report of a visitor server that had more visits than that."""
        return platform.wait(
            lambda: (got := platform.call("Book.VisitorServer.VisitorObj", "report"))["visits"] > visits and got,
            f"{visits} visits")

    report_after(4)
    failures = max(report_after(4)["failures"] for _ in range(2))  # the shop may open after the first visitor came
    assert max(report_after(12)["failures"] for _ in range(2)) <= failures
    platform.wait(lambda: platform.call("Book.SubscribeServer.SubscribeObj", "counts")["copies"], "a sale to be told")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_stops_everything_and_starts_again_with_its_state(up, number):
    platform = up("--deploy", BOOK)
    assert len(processes_below(platform.data)) >= len(INSTANCES)
    assert platform.up.stop(number) in (0, 130)
    assert processes_below(platform.data) == {}
    platform.up = platform.start("up", "--port", "0")
    assert set(platform.wait_active(len(INSTANCES))) == INSTANCES


def test_make_runs_script_shows_the_demo_and_leaves_nothing_behind(tmp_path, platform):
    book = Daemon(sys.executable, f"{ROOT}/tools/run-book", BUILD, platform.data, "--port", "0")
    platform.daemons.append(book)
    book.wait_line("It runs until Ctrl-C")
    for expected in ("Book.StoreServer.1", "Frankenstein|Opticks", "Sketch of the Analytical Engine"):
        book.wait_line(expected)
    assert book.stop(signal.SIGINT) == 0
    assert processes_below(platform.data) == {}
