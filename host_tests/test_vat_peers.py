# SPDX-License-Identifier: MIT
"""Vats as processes, and who connects to them: each other, pycapnp, OpenSSL, and peers that mean no good."""

import asyncio
import contextlib
import socket
import subprocess
import time

import capnp
import capnp_connect
import pytest
from connectkit import run
from interop import INTERPRETERS, byhand, start
from interop_pycapnp import Thing, schema
from layers import LIBRARY
from ports import free_port

frame = byhand.frame
PATIENCE = 60  # seconds after which something counts as stuck; nothing waits for that to pass
SILENT = 50


class Process:
    """A process of vat_board.py."""

    def __init__(self, interpreter, **options):
        self.port = options.pop("port", None) or free_port()
        arguments = [f"{name}={value}" for name, value in options.items()]
        self.board = start(
            interpreter, "vat_board.py", f"listen=127.0.0.1:{self.port}", *arguments
        )
        _, self.main, self.uri = self.board.ready_line.split()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            assert self.board.stop() == 0
        else:
            self.board.kill()

    def raw(self):
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def echo(self, uri):
        return self.board.ask("echo " + uri)

    def until(self, status):
        deadline = time.monotonic() + PATIENCE
        while status not in self.board.ask("status"):
            assert time.monotonic() < deadline, self.board.ask("status")


@pytest.fixture(params=INTERPRETERS)
def interpreter(request):
    return request.param


@pytest.mark.parametrize("other", INTERPRETERS)
def test_vats_reach_each_other(interpreter, other, tmp_path):
    """Both ways over one connection, and again after one of them was killed."""
    key = str(tmp_path / "key.pem")
    with Process(interpreter) as here:
        with Process(other, key=key) as there:
            assert here.echo(there.uri) == there.echo(here.uri) == "5"
            assert "accepted 0 " in here.board.ask("status")
            assert "accepted 1 " in there.board.ask("status")
            port, uri = there.port, there.uri
            there.board.kill()
            assert "disconnected" in here.echo(uri)
            with Process(other, key=key, port=port) as again:
                assert again.uri == uri
                assert here.echo(uri) == again.echo(here.uri) == "5"
            there.board.stop = lambda: 0  # it was killed


def test_a_board_reaches_pycapnp(interpreter):
    async def scenario():
        async with await capnp_connect.serve("127.0.0.1:0", Thing()) as server:
            with await asyncio.to_thread(Process, interpreter) as board:
                assert await asyncio.to_thread(board.echo, server.uri()) == "5"
                other = server.address().with_service(b"an id")
                answer = await asyncio.to_thread(board.echo, other.uri())
                # pycapnp refuses whoever sends an id.
                assert answer.startswith("failed") or answer.startswith("unimplemented"), answer

    run(scenario)


Persistent = capnp.load(str(LIBRARY / "vat" / "persistent.capnp")).Persistent


def test_pycapnp_asks_for_a_sturdy_ref(interpreter):
    """What it gets is a Text in an AnyPointer: a URI, with which it comes back."""

    async def scenario(uri):
        async with capnp_connect.connect(uri, schema.Thing) as thing:
            told = (await thing.cast_as(Persistent).save()).sturdyRef.as_text()
            assert told == uri
            with pytest.raises(capnp.KjException) as refused:
                await (await thing.getSelf()).thing.cast_as(Persistent).save()
            assert refused.value.type == "UNIMPLEMENTED"
        assert await served(told)

    with Process(interpreter) as board:
        run(scenario, board.uri)


async def served(uri):
    """Connects, calls, and returns the seconds that it took."""
    begin = time.monotonic()
    async with capnp_connect.connect(uri, schema.Thing, timeout=PATIENCE) as thing:
        assert (await thing.echo(7)).y == 7
    return time.monotonic() - begin


def hello():
    """The first bytes of a TLS connection."""
    import ssl

    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing).do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("tls", ["yes", "no"])
def test_idle_and_slow_peers_keep_nobody_out(interpreter, tls):
    """Fifty connections that send nothing, and one that sends a byte a second: whoever means it is served
    within a second."""

    async def scenario(board):
        with contextlib.ExitStack() as stack:
            slow = stack.enter_context(board.raw())
            data = hello() if tls == "yes" else frame("bootstrap", {"questionId": 0})
            times = []
            known = 1
            for round in range(5):
                with contextlib.suppress(OSError):  # it has had to go
                    slow.sendall(data[round : round + 1])
                for _ in range(SILENT // 5):
                    stack.enter_context(board.raw())
                # A second goes by in the kernel if more knock than its queue takes.
                known += SILENT // 5
                await asyncio.to_thread(board.until, f"accepted {known} ")
                known += 1
                begin = time.monotonic()
                times.append(await served(board.uri))
                await asyncio.sleep(max(0, begin + 1 - time.monotonic()))
            assert max(times) < 1, times

    with Process(interpreter, tls=tls) as board:
        run(scenario, board)
        board.until("connections 0 ")
        assert run(served, board.uri)


def closed(s):
    """Waits until the peer has closed; returns what it has sent."""
    data = b""
    with contextlib.suppress(ConnectionError):
        while piece := s.recv(4096):
            data += piece
    return data


def test_who_does_not_finish_the_handshake_goes(interpreter):
    with Process(interpreter, limits="first_ms:200") as board:
        for data in (b"", hello()[:20], hello()):
            with board.raw() as s:
                s.sendall(data)
                closed(s)
        with board.raw() as s:  # no TLS at all
            s.sendall(frame("bootstrap", {"questionId": 0}))
            assert b"Thing" not in closed(s)
        board.until("connections 0 ")
        assert run(served, board.uri)


def test_handshakes_in_a_minute(interpreter):
    with Process(interpreter, limits="handshakes:3") as board:
        for _ in range(3):
            run(served, board.uri)

        async def refused():
            with pytest.raises(capnp_connect.HandshakeFailed):
                await served(board.uri)

        run(refused)


def s_client(board, *options):
    """What the vat answers to OpenSSL's client that asks for the main object; b"" for nothing."""
    line = ["openssl", "s_client", "-connect", f"127.0.0.1:{board.port}", "-quiet", *options]
    client = subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        client.stdin.write(frame("bootstrap", {"questionId": 0}))
        client.stdin.flush()
        return client.stdout.read1(4096)
    finally:
        client.kill()
        client.wait()
        client.stdin.close()
        client.stdout.close()


def test_openssl(interpreter, tmp_path):
    """With a key of its own; without one only if the vat is told to admit that."""
    key = capnp_connect.SecretKey.generate()
    key.save(str(tmp_path / "key.pem"))
    shown = ("-key", str(tmp_path / "key.pem"), "-cert", str(tmp_path / "key.pem.crt"))
    answer = frame("return", {"answerId": 0})[16:18]  # no more than that it is a Return
    with Process(interpreter, main="yes") as board:
        assert s_client(board, *shown)[16:18] == answer
        assert s_client(board) == b""
    with Process(interpreter, main="yes", anonymous="yes") as board:
        assert s_client(board)[16:18] == answer
        assert s_client(board, *shown)[16:18] == answer
        assert run(served, board.main)
