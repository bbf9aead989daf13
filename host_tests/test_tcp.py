# SPDX-License-Identifier: MIT
"""Serving and connecting over TCP with our own client, on both interpreters."""

import os
import subprocess
import sys

import pytest
from layers import LIBRARY
from micropython import command
from ports import free_port

PROGRAM = """
import asyncio, sys
sys.path[:0] = [{lib!r}, {echo!r}]
import capnrpc_micro as capnp
from capnrpc_micro.net import links
from echo_capnp import Echo

class Service(Echo.Server):
    cancelled = 0

    def __init__(self):
        self.done = asyncio.Event()

    async def echo(self, x):
        try:
            if x < 0:
                await asyncio.sleep(1000)
        except asyncio.CancelledError:
            self.done.set()
            raise
        return x

async def main():
{body}

asyncio.run(main())
print("ok")
"""

CASES = {
    "wait_for": """
    service = Service()
    server = await capnp.serve(service, "127.0.0.1", {port})
    peer = await capnp.connect("127.0.0.1", {port})
    echo = peer.bootstrap(Echo)
    assert (await capnp.wait_for(echo.echo(5), 30)).y == 5
    try:
        await capnp.wait_for(echo.echo(-1), 0.05)
        raise SystemExit("it has returned")
    except asyncio.TimeoutError:
        pass
    await service.done.wait()
    await peer.close()
    await server.close()
""",
    "connect_to_nobody": """
    try:
        await capnp.connect("127.0.0.1", {port})
        raise SystemExit("it has connected")
    except OSError:
        pass
""",
    "serve_no_object": """
    for wrong in (Service, 5, "x"):
        try:
            await capnp.serve(wrong, "127.0.0.1", {port})
            raise SystemExit("it serves")
        except TypeError as error:
            assert "a capability is expected" in str(error)
""",
    # A connection for which there is no memory is refused, and does not keep its socket.
    "no_memory_for_a_connection": """
    server = await capnp.serve(Service(), "127.0.0.1", {port})
    told = []
    tick = links.Connection.tick
    def counted(conn, elapsed):
        told.append(tick(conn, elapsed))
        return told[-1]
    links.Connection.tick = counted
    def full(*arguments):
        raise MemoryError
    for module, name in ((links, "Connection"), (links.pump, "tell_time")):
        real = getattr(module, name)
        setattr(module, name, full)
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", {port})
            writer.write(b"x")
            await writer.drain()
            data = await reader.read(-1)
            assert b"no memory for another connection" in data, data
            writer.close()
            await writer.wait_closed()
        setattr(module, name, real)
    assert server.refused == 6 and not server.links
    assert not told, "clocks go on without a connection"
    links.Connection.tick = tick
    peer = await capnp.connect("127.0.0.1", {port})
    assert (await peer.bootstrap(Echo).echo(5)).y == 5
    await peer.close()
    await server.close()
    assert not server.links
""",
    # What is referred to after its end takes no buffers; calls on it fail, and say why.
    "after_the_end": """
    server = await capnp.serve(Service(), "127.0.0.1", {port})
    peer = await capnp.connect("127.0.0.1", {port})
    echo = peer.bootstrap(Echo)
    await echo.echo(1)
    await peer.close()
    assert peer.error.type == capnp.DISCONNECTED
    assert peer._link.conn.out is None and peer._link.conn.receiver is None
    for call in (lambda: echo.echo(1), lambda: peer.bootstrap(Echo).echo(1)):
        try:
            await call()
            raise SystemExit("it has returned")
        except capnp.Error as error:
            assert error.type == capnp.DISCONNECTED
    capnp.release(echo)
    await server.close()
    assert not server.links
""",
}


@pytest.mark.parametrize("python", ["micropython", "cpython"])
@pytest.mark.parametrize("case", CASES)
def test_tcp(case, python, tmp_path):
    program = tmp_path / "program.py"
    body = CASES[case].format(port=free_port())
    lib = LIBRARY.parent
    echo = lib.parent / "tools" / "bench"
    program.write_text(PROGRAM.format(lib=str(lib), echo=str(echo), body=body))
    line = [sys.executable] if python == "cpython" else command()
    done = subprocess.run(
        [*line, os.fspath(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "ok\n")
