# SPDX-License-Identifier: MIT
"""Whether the peer is still there, over sockets, on both interpreters: peers that are quiet stay, peers
that are gone are lost, and everybody is told why.
"""

import asyncio
import os
import signal
import socket
import time

import capnp
import pytest
from interop import INTERPRETERS, PATIENCE, byhand, connect, fails, raw, start
from ports import free_port

# Of peers that answer: the time that they may take is no matter of a busy machine's.
LIVE = "ping_ms:40,dead_ms:30000"
GONE = "ping_ms:200,dead_ms:200"
MANY = 20  # times that a quiet peer is asked

HAS_GONE = "disconnected: the peer has not answered for 400 ms"


def end(interpreter, limits, **role):
    """A process of liveness_board.py."""
    options = [f"{name}={value}" for name, value in role.items()]
    return start(interpreter, "liveness_board.py", *options, f"limits={limits}")


def status(process):
    """How often it has asked, and how many connections it has."""
    line = process.ask("status").split()
    assert line[0::2] == ["asked", "connections"], line
    return int(line[1]), int(line[3])


def until(condition):
    """Waits until the condition holds. Nothing waits for this long, unless it hangs."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it waits for ever"
        time.sleep(0.01)


def asked(process, times=MANY):
    """Waits until it has asked so often."""
    until(lambda: status(process)[0] >= times)


def unconnected(process):
    """Waits until it has no connection any more."""
    until(lambda: status(process)[1] == 0)


def rest(s):
    """All that comes over a socket until its end."""
    data = b""
    piece = s.recv(4096)
    while piece:
        data += piece
        piece = s.recv(4096)
    return data


@pytest.fixture
def address():
    return f"127.0.0.1:{free_port()}"


@pytest.fixture(params=INTERPRETERS)
def interpreter(request):
    return request.param


# Peers that are quiet, and there.


def test_a_quiet_server_of_pycapnp(interpreter, address):
    with start("cpython", "interop_pycapnp.py", f"listen={address}"):
        with end(interpreter, LIVE, connect=address) as client:
            asked(client)
            assert client.ask("call") == "echo 5"


def test_a_quiet_client_of_pycapnp(interpreter, address):
    """With nothing to bootstrap: the answer is an exception."""
    with end(interpreter, LIVE, listen=address) as server:

        async def session():
            client = await connect(address)
            waiting = asyncio.ensure_future(client.thing.wait())
            assert (await client.thing.echo(3)).y == 3
            await asyncio.to_thread(asked, server)
            assert (await client.thing.echo(4)).y == 4 and not waiting.done()
            waiting.cancel()
            client.close()
            await client.closed()

        asyncio.run(capnp.run(session()))
        unconnected(server)


@pytest.mark.parametrize("other", INTERPRETERS)
def test_two_quiet_ends_of_ours(interpreter, other, address):
    """Whichever asks, both see that the other is there."""
    with end(interpreter, LIVE, listen=address) as server:
        with end(other, LIVE, connect=address) as client:
            until(lambda: status(server)[0] + status(client)[0] >= MANY)
            assert client.ask("call") == "echo 5"
            assert status(server)[1] == 1
        unconnected(server)


# Peers that are gone.


def test_a_server_that_is_stopped(interpreter, address):
    """Its system still takes what is sent: only its silence tells."""
    with start("cpython", "interop_pycapnp.py", f"listen={address}") as server:
        # Until it is stopped it has to answer in time.
        with end(interpreter, "ping_ms:200,dead_ms:1500", connect=address) as client:
            assert client.ask("call") == "echo 5"
            os.kill(server.process.pid, signal.SIGSTOP)
            try:
                # The connection, the call that waited, the capability.
                reason = HAS_GONE.replace("400", "1700")
                assert client.line() == f"lost; {reason} ; {reason} ; {reason}"
            finally:
                os.kill(server.process.pid, signal.SIGCONT)


def test_a_server_that_never_answers(interpreter, address):
    """It takes connections, or its system does."""
    host, port = address.split(":")
    with socket.create_server((host, int(port))):
        with end(interpreter, GONE, connect=address) as client:
            assert HAS_GONE in client.line()


def test_a_client_that_is_gone(interpreter, address):
    """One that has called, and then neither sends nor closes. It is not told: it would not hear it."""
    with end(interpreter, GONE, listen=address) as server:
        with raw(address) as s:
            s.sendall(byhand.frame("bootstrap", {"questionId": 0}))
            data = rest(s)
            kinds = []
            while data:
                kinds.append(byhand.KINDS[data[16]])
                data = data[8 + 8 * int.from_bytes(data[4:8], "little") :]
            assert kinds == ["return", "bootstrap"]
        unconnected(server)


def test_a_client_that_says_nothing(interpreter, address):
    """It does not keep others out: it is sent away, with a reason, others are served."""
    limits = "first_ms:1000,connections:2,ping_ms:0"
    with end(interpreter, limits, listen=address) as server:
        with raw(address) as s, end("cpython", "ping_ms:0", connect=address) as client:
            assert client.ask("call") == "echo 5"
            assert b"no message came within 1000 ms" in rest(s)
            until(lambda: status(server)[1] == 1)
            assert client.ask("call") == "echo 5", "only the first message has to come soon"


# Peers that do not call.


def test_a_client_that_calls_nothing(interpreter, address):
    """It answers, but nobody needs it. A call that is under way is a use."""
    with end(interpreter, "ping_ms:40,dead_ms:30000,idle_ms:300", listen=address) as server:

        async def session():
            client = await connect(address)
            waiting = asyncio.ensure_future(client.thing.wait())
            await asyncio.to_thread(asked, server)
            assert not waiting.done() and (await client.thing.echo(4)).y == 4
            waiting.cancel()
            await asyncio.to_thread(unconnected, server)
            error = await fails(client.thing.echo(5))
            assert "nothing was called for 300 ms" in error.description
            assert error.type == "DISCONNECTED"
            client.close()

        asyncio.run(capnp.run(session()))
