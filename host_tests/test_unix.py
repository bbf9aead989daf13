# SPDX-License-Identifier: MIT
"""Serving and connecting over Unix sockets with our own client, on both interpreters."""

import os
import subprocess
import sys

import pytest
from interop import INTERPRETERS, bench, new_address, start_board
from layers import LIBRARY
from micropython import command
from ports import free_port

PROGRAM = """
import asyncio, errno, os, socket, struct, sys
sys.path[:0] = [{lib!r}, {echo!r}]
import capnrpc_micro as capnp
from capnrpc_micro.rpc.connection import abort_frame
from echo_capnp import Echo

PATH = {path!r}
ADDRESS = "unix:" + PATH

class Service(Echo.Server):
    def echo(self, x):
        return x

def there():
    try:
        os.stat(PATH)
        return True
    except OSError:
        return False

async def refused(attempt):
    try:
        await attempt
    except OSError as error:
        return error
    raise SystemExit("an OSError was expected")

async def works():
    peer = await capnp.connect(ADDRESS)
    assert (await peer.bootstrap(Echo).echo(5)).y == 5
    await peer.close()

def a_socket():
    # With the address as this interpreter takes it.
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if sys.implementation.name == "cpython":
        return s, PATH
    return s, struct.pack("H108s", socket.AF_UNIX, PATH.encode())

async def main():
{body}

asyncio.run(main())
print("ok")
"""

CASES = {
    "the_file_is_removed": """
    for _ in range(2):
        server = await capnp.serve(Service(), ADDRESS)
        await works()
        assert there()
        await server.close()
        await server.wait_closed()
        assert not there()
        assert (await refused(capnp.connect(ADDRESS))).errno == errno.ENOENT
    server = await capnp.serve(Service(), ADDRESS)
    os.unlink(PATH)
    await server.close()
""",
    "a_dead_server_is_replaced": """
    s, address = a_socket()
    s.bind(address)
    s.listen(1)
    s.close()
    assert there()
    assert (await refused(capnp.connect(ADDRESS))).errno == errno.ECONNREFUSED
    server = await capnp.serve(Service(), ADDRESS)
    await works()
    await server.close()
    assert not there()
""",
    "a_live_server_stays": """
    server = await capnp.serve(Service(), ADDRESS)
    for _ in range(3):
        error = await refused(capnp.serve(Service(), ADDRESS))
        assert error.errno == errno.EADDRINUSE and "another server listens at" in str(error), error
        await works()
    await server.close()
    server = await capnp.serve(Service(), ADDRESS)
    await works()
    await server.close()
""",
    "a_busy_server_stays": """
    s, address = a_socket()
    s.bind(address)
    s.listen(0)
    waiting, _ = a_socket()
    waiting.connect(address)
    assert (await refused(capnp.serve(Service(), ADDRESS))).errno == errno.EADDRINUSE
    assert there()
    s.close()
""",
    # Whoever connects to it waits for his turn.
    "connecting_to_a_busy_server": """
    s, address = a_socket()
    s.bind(address)
    s.listen(0)
    waiting, _ = a_socket()
    waiting.connect(address)
    connecting = asyncio.create_task(capnp.connect(ADDRESS))
    for _ in range(5):
        await asyncio.sleep(0)
    assert s.accept()
    peer = await connecting
    assert s.accept()
    await peer.close()
    waiting.close()
    s.close()
""",
    "another_server_in_its_place_stays": """
    first = await capnp.serve(Service(), ADDRESS)
    os.unlink(PATH)
    second = await capnp.serve(Service(), ADDRESS)
    await first.close()
    await works()
    await second.close()
    assert not there()
""",
    "it_is_loaded_when_it_is_used": """
    server = await capnp.serve(Service(), "127.0.0.1", {port})
    assert "capnrpc_micro.net.tcp" in sys.modules and "capnrpc_micro.net.unix" not in sys.modules
    await server.close()
""",
    "other_files_stay": """
    with open(PATH, "w") as file:
        file.write("mine")
    error = await refused(capnp.serve(Service(), ADDRESS))
    assert error.errno == errno.EEXIST and "is no socket" in str(error), error
    with open(PATH) as file:
        assert file.read() == "mine"
""",
    "paths_that_cannot_be": """
    for wrong in ("unix:", ADDRESS + "x" * (108 - len(PATH))):
        for attempt in (capnp.connect(wrong), capnp.serve(Service(), wrong)):
            error = await refused(attempt)
            assert error.errno == errno.EINVAL and "1 to 107 bytes" in str(error), error
    error = await refused(capnp.serve(Service(), ADDRESS + "/there/is/no/such/folder"))
    assert error.errno in (errno.ENOENT, 20), error
""",
    "the_longest_path": """
    global PATH, ADDRESS
    PATH += "x" * (107 - len(PATH))
    ADDRESS = "unix:" + PATH
    server = await capnp.serve(Service(), ADDRESS)
    assert there()
    await works()
    await server.close()
    assert not there()
""",
    "many_at_once": """
    server = await capnp.serve(Service(), ADDRESS, limits=capnp.Limits(connections=30))
    async def use(x):
        peer = await capnp.connect(ADDRESS)
        echo = peer.bootstrap(Echo)
        assert (await echo.echo(x)).y == x
        await asyncio.sleep(0)
        assert (await echo.echo(-x)).y == -x
        await peer.close()
    await asyncio.gather(*[use(x) for x in range(30)])
    assert not server.refused
    await server.close()
""",
    # Why the peer has closed is heard even by who is just writing to it.
    "last_words": """
    s, address = a_socket()
    s.bind(address)
    s.listen(1)
    peer = await capnp.connect(ADDRESS)
    echo = peer.bootstrap(Echo)
    there = s.accept()[0]
    there.setblocking(False)
    heard = b""
    while len(heard) < 48:  # of our Bootstrap: unread, it would make the system reset the connection
        try:
            heard += there.recv(4096)
        except OSError:
            await asyncio.sleep(0)
    there.send(abort_frame(capnp.Error("because")))
    there.close()
    try:
        await echo.echo(1)
        raise SystemExit("it has returned")
    except capnp.Error as error:
        assert error.reason == "the peer aborted: because", error
    await peer.wait_closed()
    s.close()
""",
    "too_many": """
    server = await capnp.serve(Service(), ADDRESS, limits=capnp.Limits(connections=1))
    peer = await capnp.connect(ADDRESS)
    assert (await peer.bootstrap(Echo).echo(5)).y == 5
    other = await capnp.connect(ADDRESS)
    try:
        await other.bootstrap(Echo).echo(5)
        raise SystemExit("it has been served")
    except capnp.Error as error:
        assert "too many connections" in error.reason
    await other.wait_closed()
    await peer.close()
    while server.links:
        await asyncio.sleep(0)
    await works()
    await server.close()
""",
}


@pytest.fixture
def path():
    """A path for a socket: a short one, which pytest's own folders do not promise."""
    with new_address("unix") as address:
        yield address.removeprefix("unix:")


def run(python, program, body, path):
    """Runs a program on an interpreter; it must say that all went well."""
    lib = LIBRARY.parent
    echo = lib.parent / "tools" / "bench"
    body = body.replace("{port}", str(free_port()))
    program.write_text(PROGRAM.format(lib=str(lib), echo=str(echo), path=path, body=body))
    line = [sys.executable] if python == "cpython" else command()
    done = subprocess.run(
        [*line, os.fspath(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "ok\n")


@pytest.mark.parametrize("python", INTERPRETERS)
@pytest.mark.parametrize("case", CASES)
def test_unix(case, python, tmp_path, path):
    run(python, tmp_path / "program.py", CASES[case], path)


@pytest.mark.parametrize("server", INTERPRETERS)
@pytest.mark.parametrize("client", INTERPRETERS)
def test_between_interpreters(server, client, tmp_path, path):
    """Then the server is killed, and another one takes its place."""
    body = """
    import interop_capnp
    peer = await capnp.connect(ADDRESS)
    thing = peer.bootstrap(interop_capnp.Thing)
    data = bytes(range(250)) * 50
    for x in range(100):
        assert (await thing.echo(x)).y == x
    assert (await thing.blob(data)).data == data
    capnp.release(thing)
    await peer.close()
"""
    schemas = str(LIBRARY.parent.parent / "host_tests" / "schemas")
    body = f"\n    sys.path.append({schemas!r}){body}"
    board, _ = start_board(server, address=f"unix:{path}")
    try:
        run(client, tmp_path / "program.py", body, path)
    finally:
        board.kill()
    assert os.path.exists(path)
    with bench(server, address=f"unix:{path}") as board:
        run(client, tmp_path / "program.py", body, path)
        board.is_empty()
    assert not os.path.exists(path)
