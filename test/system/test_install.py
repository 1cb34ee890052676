"""What `make install` puts in place is enough to build and run a service, by pkg-config and by CMake."""
import os
import signal
import socket
import ssl
import subprocess

import pytest
from conftest import BUILD, PATIENCE, Daemon, build_option, compile_environment, run_kipp, wait_until

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


TLS_CONFIG = """<tars>
  <application>
    <server>
      app=Demo
      server=HelloServer
      cert={cert}
      <Demo.HelloServer.HelloObjAdapter>
        endpoint={endpoint}
        servant=Demo.HelloServer.HelloObj
        tlsoptional={optional}
      </Demo.HelloServer.HelloObjAdapter>
    </server>
  </application>
</tars>
"""


def make_certificate(folder):
    """A certificate that vouches for itself, with its key in the same file."""
    cert = folder / "own.pem"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "own.key", "-out", "own.crt",
        cwd=folder, env=compile_environment())
    cert.write_text((folder / "own.crt").read_text() + (folder / "own.key").read_text())
    return cert


def listening_port(pid):
    """The port on 127.0.0.1 that a process listens on, once it does."""
    def look():
        inodes = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")
                  if os.path.lexists(f"/proc/{pid}/fd/{fd}")}
        with open(f"/proc/{pid}/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table.readlines()[1:]]
        return next((int(row[1].split(":")[1], 16) for row in rows
                     if row[3] == "0A" and f"socket:[{row[9]}]" in inodes), None)
    return wait_until(look, "a listening port")


def loads_openssl(pid):
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps:
        return "libssl" in maps.read()


def ask_over_tls(port, cert):
    """What an HTTPS client that trusts only this certificate gets."""
    context = ssl.create_default_context(cafile=cert)
    context.set_alpn_protocols(["http/1.1"])
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain, \
            context.wrap_socket(plain, server_hostname="localhost") as secure:
        assert secure.selected_alpn_protocol() == "http/1.1"
        secure.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: secure.recv(4096), b""))


@pytest.fixture
def built(prefix, service):
    """A service that is linked with the installed library, and how to run it."""
    where = {"PKG_CONFIG_SYSROOT_DIR": prefix[0], "PKG_CONFIG_PATH": os.path.join(library_dir(prefix), "pkgconfig")}
    env = dict(compile_environment(), LD_LIBRARY_PATH=library_dir(prefix), **where)
    run(os.path.join(prefix[1], "bin", "kipp"), "idl", "Hello.tars", "-o", ".", cwd=service, env=env)
    flags = run("pkg-config", "--cflags", "--libs", "kipp", cwd=service, env=env).split()
    run("cc", *env["CFLAGS"].split(), "server.c", "Hello.c", "-o", "HelloServer", *flags, cwd=service, env=env)
    make_certificate(service)
    daemons = []

    def start(endpoint, optional=0):
        conf = service / f"{len(daemons)}.conf"
        conf.write_text(TLS_CONFIG.format(cert=service / "own.pem", endpoint=endpoint, optional=optional))
        daemons.append(Daemon(service / "HelloServer", f"--config={conf}", env=env, cwd=service))
        return daemons[-1]
    yield start
    for daemon in daemons:
        daemon.stop()


def test_openssl_is_loaded_only_for_tls(prefix, built, service):
    plain = built("tcp -h 127.0.0.1 -p 0 -t 60000")
    assert listening_port(plain.pid)
    assert not loads_openssl(plain.pid)
    for endpoint, optional in (("ssl -h 127.0.0.1 -p 0 -t 60000", 0), ("tcp -h 127.0.0.1 -p 0 -t 60000", 1)):
        secure = built(endpoint, optional)
        answer = ask_over_tls(listening_port(secure.pid), service / "own.pem")
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert loads_openssl(secure.pid)


def test_a_missing_module_is_one_sentence(prefix, built):
    module = os.path.join(library_dir(prefix), "libkipp-tls.so.0")
    os.rename(module, module + ".away")
    try:
        server = built("ssl -h 127.0.0.1 -p 0 -t 60000")
        assert server.wait() == 1
        assert "TLS needs libkipp-tls.so.0, which cannot be loaded" in server.text
    finally:
        os.rename(module + ".away", module)


def test_certificates_are_read_anew_while_the_server_runs(built, service):
    server = built("ssl -h 127.0.0.1 -p 0 -t 60000")
    port = listening_port(server.pid)
    first = (service / "own.pem").read_text()
    (service / "first.pem").write_text(first)
    (service / "own.pem").write_text("rubbish")
    server.kill(signal.SIGHUP)
    server.wait_line("certificates and keys stay as they were: .*own.pem is no certificate in PEM form")
    assert ask_over_tls(port, service / "first.pem")
    make_certificate(service)
    assert (service / "own.pem").read_text() != first
    server.kill(signal.SIGHUP)
    server.wait_line("certificates and keys are read anew")
    assert ask_over_tls(port, service / "own.pem")
    with pytest.raises(ssl.SSLCertVerificationError):
        ask_over_tls(port, service / "first.pem")
