#!/usr/bin/python3
"""tables_test - what the benchmark's scripts make of what valgrind, strace and results files say."""

import importlib.machinery
import importlib.util
import pathlib
import sys
import tempfile
import unittest
import xml.dom.minidom

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from tables import common, idle, instructions, syscalls


def load_draw():
    loader = importlib.machinery.SourceFileLoader("draw", str(HERE / "draw"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("draw", loader))
    loader.exec_module(module)
    return module


draw = load_draw()


class WithFile(unittest.TestCase):
    def written(self, text):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / "out"
        path.write_text(text, encoding="utf-8")
        return path


class Profiles(WithFile):
    TEXT = ("events: Ir\nfl=a.c\nfn=outer\n10 5\n11 2\ncfn=inner\ncalls=3 0\n12 400\n13 1\n"
            "fn=inner\n20 300\n+1 100\nfn=inner'2\n30 7\n")  # fmt: skip

    def test_each_function_has_its_own_instructions_only(self):
        profile = instructions.read_profile(self.written(self.TEXT))
        self.assertEqual(dict(profile), {"outer": 8, "inner": 407})

    def test_no_counts_are_an_error(self):
        with self.assertRaises(common.Failed):
            instructions.read_profile(self.written("events: Ir\n"))

    def test_start_and_end_cancel_out(self):
        few = instructions.collections.Counter(start=1000, work=50)
        many = instructions.collections.Counter(start=1000, work=250)
        per_call = instructions.per_call((few, 10), (many, 50))
        self.assertEqual(per_call, {"start": 0, "work": 5})

    def test_no_more_calls_are_an_error(self):
        empty = instructions.collections.Counter()
        with self.assertRaises(common.Failed):
            instructions.per_call((empty, 10), (empty, 10))


class SystemCalls(WithFile):
    TEXT = ("7 accept4(4, NULL, NULL, SOCK_NONBLOCK) = 8\n"
            "7 epoll_wait(5, [{events=EPOLLIN, data={u32=8, u64=8}}, {events=EPOLLIN, data={u32=4, u64=4}}], 64, -1) = 2\n"
            "7 recvfrom(8, \"\"..., 99, 0) = 9\n8 epoll_wait(6,  <unfinished ...>\n"
            "7 sendto(8, \"\"..., 9, 0) = 9\n"
            "8 <... epoll_wait resumed>[{events=EPOLLIN, data={u32=8, u64=8}}], 64, 10) = 1\n"
            "7 read(9, 0x1, 8) = -1 EAGAIN (again)\n8 +++ exited with 0 +++\n")  # fmt: skip

    def test_what_concerns_connections_is_counted_apart(self):
        counts = syscalls.count(self.written(self.TEXT))
        self.assertEqual(dict(counts), {"accept4": 1, "epoll_wait": 2, "recvfrom": 1, "sendto": 1, "read": 1,
                                        "ready": 2, "reads": 1, "writes": 1})  # fmt: skip

    def test_nothing_traced_is_an_error(self):
        with self.assertRaises(common.Failed):
            syscalls.count(self.written("8 +++ exited with 0 +++\n"))


class Pairs(unittest.TestCase):
    def test_sides_take_turns_at_going_first(self):
        order = []
        pairs = common.run_pairs(lambda: order.append("a") or {"n": 2}, lambda: order.append("b") or {"n": 3}, 3)
        self.assertEqual("".join(order), "abbaab")
        self.assertEqual(common.ratio(pairs, "n"), 1.5)

    def test_a_limit_itself_is_met(self):
        self.assertTrue(common.at_most("", 1, 1)["met"])
        self.assertTrue(common.at_least("", 1, 1)["met"])
        self.assertFalse(common.at_most("", 2, 1)["met"])


class Frames(unittest.TestCase):
    def test_a_frame_says_its_own_size(self):
        frame = idle.request_frame(1)
        self.assertEqual(int.from_bytes(frame[:4], "big"), len(frame))


TABLE = {
    "title": "A & B", "note": "", "command": "again",
    "columns": [["who", "who", -1], ["ns", "ns", 1], ["none", "none", 0]],
    "rows": [{"who": "a", "ns": 1000.04}, {"who": "b", "ns": None}],
    "targets": [common.at_most("ns", 1000.04, 5)],
    "plot": {"group": [], "series": "who", "value": "ns", "axis": "ns", "line": 5},
}  # fmt: skip
RESULTS = {"machine": {"cpu": "cpu", "cpus": 2}, "tables": {"t": TABLE}}


class Drawing(unittest.TestCase):
    def test_a_page_gets_its_tables_and_keeps_the_rest(self):
        page = "before\n<!-- table t -->\nold\n<!-- end -->\n<!-- table u -->\nkept\n<!-- end -->\n"
        made = draw.page_with(page, RESULTS)
        self.assertIn("| a | 1,000.0 |\n| b |  |\n", made)
        self.assertIn("**Missed:** ns: 1,000, limit 5.", made)
        self.assertIn("<!-- table u -->\nkept\n", made)
        self.assertNotIn("old", made)
        self.assertEqual(draw.page_with(made, RESULTS), made)

    def test_pictures_are_xml_and_leave_out_what_has_no_value(self):
        picture = draw.draw(TABLE)
        xml.dom.minidom.parseString(picture)
        self.assertIn("A &amp; B", picture)
        self.assertEqual(picture.count("<rect"), 1)

    def test_scales_end_at_a_round_number_above(self):
        for top in (0.013, 0.99, 1, 7, 1234):
            scale = draw.ticks(top)
            self.assertGreaterEqual(scale[-1], top)
            self.assertLessEqual(len(scale), 7)

    def test_limits_follow_the_first_of_their_group(self):
        rows = [{"g": 1, "v": 2}, {"g": 1, "v": 3}, {"g": 2, "v": 10}, {"g": 2, "v": 9}]
        plot = {"group": ["g"], "value": "v", "limits": [1.5, 1.1]}
        self.assertEqual(draw.bar_limits(plot, rows), [None, 3, None, 11])


if __name__ == "__main__":
    unittest.main()
