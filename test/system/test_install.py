"""What `make install` puts in place is enough to build and run a service, by pkg-config and by CMake."""
import os
import subprocess

import pytest
from conftest import BUILD, build_option, compile_environment, run_kipp

CMAKE = """cmake_minimum_required(VERSION 3.16)
project(hello C)
find_package(kipp 0.1 REQUIRED)
add_executable(HelloServer server.c)
kipp_idl_generate(HelloServer Hello.tars)
target_link_libraries(HelloServer PRIVATE kipp::kipp)
"""


CMAKE_CPP = """cmake_minimum_required(VERSION 3.16)
project(hello C CXX)
set(CMAKE_CXX_STANDARD 17)
find_package(kipp 0.1 REQUIRED)
add_executable(HelloServer server.cc)
kipp_idl_generate(HelloServer CPP Hello.tars shared/Shared.tars INCLUDE shared)
target_link_libraries(HelloServer PRIVATE kipp::kipp)
"""


def run(*command, cwd, env):
    done = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """The prefix of an installation below a directory of its own."""
    where = str(tmp_path_factory.mktemp("installed"))
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", where, cwd=where, env=compile_environment())
    return where, where + build_option("prefix")


@pytest.fixture
def service(tmp_path):
    run_kipp("new", "Demo.HelloServer", cwd=tmp_path)
    return tmp_path / "HelloServer"


def library_dir(prefix):
    return os.path.join(prefix[1], build_option("libdir"))


def check_runs(program, prefix):
    env = dict(compile_environment(), LD_LIBRARY_PATH=library_dir(prefix))
    assert run(program, "--version", cwd="/", env=env).strip()


def test_the_command_is_installed_and_runs(prefix):
    run_kipp("version", kipp=os.path.join(prefix[1], "bin", "kipp"))


def test_pkg_config_builds_a_service(prefix, service):
    where = {"PKG_CONFIG_SYSROOT_DIR": prefix[0], "PKG_CONFIG_PATH": os.path.join(library_dir(prefix), "pkgconfig")}
    env = dict(compile_environment(), **where)
    run(os.path.join(prefix[1], "bin", "kipp"), "idl", "Hello.tars", "-o", ".", cwd=service, env=env)
    flags = run("pkg-config", "--cflags", "--libs", "kipp", cwd=service, env=env).split()
    run("cc", *env["CFLAGS"].split(), "server.c", "Hello.c", "-o", "HelloServer", *flags, cwd=service, env=env)
    check_runs(str(service / "HelloServer"), prefix)


def test_cmake_builds_a_service(prefix, service):
    (service / "CMakeLists.txt").write_text(CMAKE)
    env = compile_environment()
    run("cmake", "-B", "out", f"-DCMAKE_PREFIX_PATH={prefix[1]}", cwd=service, env=env)
    run("cmake", "--build", "out", cwd=service, env=env)
    check_runs(str(service / "out" / "HelloServer"), prefix)


def test_cmake_builds_a_service_in_cpp(prefix, tmp_path):
    run_kipp("new", "--cpp", "Demo.HelloServer", cwd=tmp_path)
    service = tmp_path / "HelloServer"
    shared = service / "shared"
    shared.mkdir()
    (shared / "Shared.tars").write_text("module Shared { struct Point { 0 require int x; }; };")
    interface = (service / "Hello.tars").read_text()
    (service / "Hello.tars").write_text('#include "Shared.tars"\n' + interface)
    (service / "CMakeLists.txt").write_text(CMAKE_CPP)
    env = compile_environment()
    env["CXXFLAGS"] = env["CFLAGS"]
    run("cmake", "-B", "out", f"-DCMAKE_PREFIX_PATH={prefix[1]}", cwd=service, env=env)
    run("cmake", "--build", "out", cwd=service, env=env)
    check_runs(str(service / "out" / "HelloServer"), prefix)
