"""Configuration keys: what the command tells, what the documentation says, and what reaches a server are one."""
import os
import re
import shutil

from conftest import BOOK, ROOT

USER = os.path.join(BOOK, "user")


def told(kipp):
    """The rows that `kipp help config` prints."""
    lines = kipp("help", "config").out.splitlines()
    rows = [re.split(r"\s{2,}", line.strip(), maxsplit=4) for line in lines]
    return [row for row in rows if len(row) == 5 and row[0] != "KEY"]


def documented():
    """The rows of the tables of docs/configuration.md."""
    with open(os.path.join(ROOT, "docs", "configuration.md"), encoding="utf-8") as file:
        rows = [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in file
                if line.startswith("| `")]
    return [[row[0].strip("`"), *row[1:]] for row in rows]


def test_the_documentation_has_the_table_of_keys(kipp):
    rows = told(kipp)
    assert len(rows) > 40
    assert [[row[0], row[1], row[2].replace("|", " "), *row[3:]] for row in rows] == documented()


def with_adapter(folder, lines):
    """A copy of the user service whose adapter has further lines."""
    shutil.copytree(USER, folder)
    conf = folder / "kipp.conf"
    text = conf.read_text()
    assert "    servant=" in text
    conf.write_text(text.replace("    servant=", lines + "    servant=", 1))
    return folder


def test_keys_of_an_adapter_reach_the_server(up, tmp_path):
    platform = up()
    folder = with_adapter(tmp_path / "good", "    dispatch=pool\n    threads=2\n    source_packets_per_s=7000\n")
    platform.kipp("deploy", folder)
    status = platform.kipp("admin", "Shared.UserServer.1", "tars.viewstatus").out
    assert "limit source_packets_per_s: 7000\n" in status
    resources = platform.kipp("admin", "Shared.UserServer.1", "tars.resource").out
    assert int(re.search(r"threads: (\d+)", resources)[1]) >= 5  # main, a loop, the agent's side, two of the pool


def test_what_is_said_of_calls_reaches_the_server(up, tmp_path):
    platform = up()
    folder = tmp_path / "calls"
    shutil.copytree(USER, folder)
    conf = folder / "kipp.conf"
    calls = "<client>\nsync-invoke-timeout=700\n<Book.PayServer.PayObj>\nretries=2\nidempotent=*\n" \
            "</Book.PayServer.PayObj>\n</client>\n</server>"
    conf.write_text(conf.read_text().replace("</server>", calls))
    platform.kipp("deploy", folder)
    written = os.path.join(platform.data, "node", "servers", "Shared.UserServer.1", "conf",
                           "Shared.UserServer.config.conf")
    with open(written, encoding="utf-8") as file:
        text = file.read()
    edited = text.replace("retries=2", "retries=0").replace("sync-invoke-timeout=700", "sync-invoke-timeout=800")
    assert edited != text
    with open(written, "w", encoding="utf-8") as file:
        file.write(edited)
    said = platform.kipp("admin", "Shared.UserServer.1", "tars.loadproperty").out
    assert "changed: client<sync-invoke-timeout> from '700' to '800'\n" in said
    assert "changed: Book.PayServer.PayObj<retries> from '2' to '0'\n" in said
    conf.write_text(conf.read_text().replace("retries=2", "retires=2").replace("<Book.PayServer.PayObj>", "<PayObj>")
                    .replace("</Book.PayServer.PayObj>", "</PayObj>"))
    said = platform.kipp("deploy", folder, code=2).err
    assert "did you mean 'retries'?" in said and "'PayObj' is no object" in said


def test_a_wrong_value_and_a_wrong_key_are_told_before_anything_is_sent(kipp, tmp_path):
    nowhere = ("--controller", "127.0.0.1:1")
    folder = with_adapter(tmp_path / "bad", "    dispatch=thread\n    dipsatch=pool\n")
    said = kipp("deploy", folder, *nowhere, code=2).err
    assert "dispatch is one of fiber pool, not 'thread'" in said
    assert "there is no key 'dipsatch' here; did you mean 'dispatch'?" in said


def test_a_limit_is_set_while_a_server_runs(up):
    platform = up("--deploy", USER)
    one = "Shared.UserServer.1"
    assert "is 5 now" in platform.kipp("admin", one, "kipp.limits", "queue_max", "5").out
    assert "  queue_max: 5  #" in platform.kipp("admin", one, "kipp.limits").out
    assert "  queue_max: 10240  #" in platform.kipp("admin", "Shared.UserServer.2", "kipp.limits").out
    platform.kipp("restart", one, "--wait")
    assert "  queue_max: 10240  #" in platform.kipp("admin", one, "kipp.limits").out
