"""The layer table of the design: who may include whom, and who may talk to the system."""
import os
import re
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("KIPP_BUILD", os.path.join(ROOT, "build"))

# A source may include from its own layer and from these.
LAYERS = {
    "base": "",
    "os": "base",
    "tars": "base",
    "route": "base",
    "guard": "base",
    "rpc": "base os tars route guard",
    "app": "base os tars route guard rpc",
    "idl": "base",
    "store": "base os",
    "control": "base os tars route guard rpc app idl store",
    "node": "base os tars route guard rpc app idl store",
    "cli": "base os tars route guard rpc app idl store control node",
}
# Code generated from interfaces/*.tars.
USES_INTERFACES = {"rpc", "app", "control", "node", "cli"}
# Of the compiler, control and node see its front only.
IDL_FRONT = {"idl/idl.h"}

STANDARD = set("""assert.h ctype.h errno.h float.h inttypes.h limits.h locale.h math.h stdalign.h stdarg.h stdatomic.h
    stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h strings.h""".split())
# What a layer may include beside the C library's pure parts. os is free.
SYSTEM = {
    "base": {"xxhash.h"},
    "guard": {"arpa/inet.h"},  # addresses' text, no look-ups
    "app": {"time.h", "signal.h"},  # the numbers of signals
    "store": {"sqlite3.h"},
    "idl": {"sys/stat.h"},  # makes the folder of its results; it runs before anything else is built
    "node": {"archive.h", "archive_entry.h", "signal.h"},
    "cli": {"time.h", "signal.h", "unistd.h", "archive.h", "archive_entry.h"},
}
# Sanitizers and valgrind are told of things by their own headers, wherever that is.
TOOLS = re.compile(r"^(sanitizer|valgrind)/")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def sources():
    for top in ("src", "include"):
        for folder, folders, names in os.walk(os.path.join(ROOT, top)):
            folders.sort()
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), ROOT)


def includes():
    """(source, layer or "include", is_test, '<' or '"', header)"""
    for source in sources():
        layer = source.split("/")[1] if source.startswith("src/") else "include"
        is_test = source.endswith(("_test.c", "fixture.h", "/golden.h"))
        with open(os.path.join(ROOT, source), encoding="utf-8") as file:
            for quote, header in INCLUDE.findall(file.read()):
                yield source, layer, is_test, quote, header


def test_every_folder_of_src_is_a_layer():
    folders = {name for name in os.listdir(os.path.join(ROOT, "src")) if os.path.isdir(os.path.join(ROOT, "src", name))}
    assert folders == set(LAYERS)


def test_a_source_includes_only_layers_of_its_row():
    wrong = []
    for source, layer, is_test, quote, header in includes():
        if quote != '"' or header.startswith("kipp/") or (is_test and re.match(r"src/\w+/test_", header)):
            continue  # a test's own interface is generated below the build's src/
        target = header.split("/")[0]
        if "/" not in header:
            wrong.append(f'{source}: "{header}" is not rooted at src/')
        elif layer == "include":
            wrong.append(f"{source}: a public header includes {header}")
        elif target == "interfaces":
            if layer not in USES_INTERFACES:
                wrong.append(f"{source}: {layer} uses generated code, {header}")
        elif target != layer and target not in LAYERS[layer].split():
            wrong.append(f"{source}: {layer} may not use {header}")
    assert not wrong, "\n".join(wrong)


def test_only_the_command_sees_the_compilers_insides():
    wrong = [f"{source}: {header}" for source, layer, _, _, header in includes()
             if header.startswith("idl/") and layer in ("control", "node") and header not in IDL_FRONT]
    assert not wrong, "\n".join(wrong)


def test_only_os_talks_to_the_system():
    wrong = []
    for source, layer, is_test, quote, header in includes():
        if quote != "<" or is_test or layer == "os":
            continue
        if header in STANDARD or header in SYSTEM.get(layer, ()) or TOOLS.match(header):
            continue
        wrong.append(f"{source}: <{header}>")
    assert not wrong, "\n".join(wrong)


def test_a_header_stands_beside_its_source_or_alone():
    """Includes never name a .c file: a test uses what the header offers."""
    assert not [f"{source}: {header}" for source, _, _, _, header in includes() if header.endswith(".c")]


PUBLIC = sorted(name for name in os.listdir(os.path.join(ROOT, "include", "kipp")) if name.endswith(".h"))


@pytest.mark.parametrize("language", ["c11", "c++17"])
@pytest.mark.parametrize("header", PUBLIC)
def test_a_public_header_compiles_alone(header, language, tmp_path):
    is_c = language.startswith("c1")
    source = tmp_path / ("alone.c" if is_c else "alone.cc")
    source.write_text(f'#include "kipp/{header}"\n#include "kipp/{header}"\n')
    compiler = os.environ.get("CC", "cc") if is_c else os.environ.get("CXX", "c++")
    run = subprocess.run([*compiler.split(), f"-std={language}", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                          "-I", os.path.join(ROOT, "include"), str(source)],
                         capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def dynamic(name, key):
    text = subprocess.run(["readelf", "-dW", os.path.join(BUILD, name)], capture_output=True, text=True,
                          check=True).stdout
    return re.findall(rf"\({key}\).*\[(.*)\]", text)


def test_libkipp_needs_only_libc_and_libuv():
    allowed = re.compile(r"^(libc|libm|libuv|libpthread|ld-linux[\w-]*|libgcc_s)\.so")
    assert not [name for name in dynamic("libkipp.so", "NEEDED") if not allowed.match(name)]


def test_libkipp_exports_only_its_own_names():
    text = subprocess.run(["nm", "-D", "--defined-only", "--format=posix", os.path.join(BUILD, "libkipp.so")],
                          capture_output=True, text=True, check=True).stdout
    names = [line.split()[0] for line in text.splitlines()]
    assert any(name.startswith("kp_") for name in names)
    assert not [name for name in names if not name.startswith("kp_")]
