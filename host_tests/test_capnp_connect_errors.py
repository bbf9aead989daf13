# SPDX-License-Identifier: MIT
"""What capnp_connect says when a service cannot be had: one clear error each, with no secret in it,
and nothing sent to a peer with the wrong key."""

import asyncio
import contextlib
import socket
import ssl
import threading
from unittest import mock

import capnp_connect
import pytest
from capnp_connect import tls
from capnp_connect.gateway import Gateway
from capnp_connect.tls import client_context
from connectkit import ID, PATIENCE, PLACES, error_of, peer, place, run, until
from interop_pycapnp import Thing, schema
from ports import free_port

from capnrpc_micro.identity.pinned_host import Pinned

KEY = capnp_connect.SecretKey.generate()
OTHER = capnp_connect.SecretKey.generate()
SHORT = 0.2  # seconds, for what waits until they have passed


def to(port, digest=KEY.digest):
    return capnp_connect.Address(digest, ("127.0.0.1", port), ID)


def text_of(digest):
    return capnp_connect.Address(digest, "/x").uri().removeprefix("capnp://").split("@")[0]


@contextlib.asynccontextmanager
async def recorded(server):
    """A way to a server that notes what goes to and fro: yields (its port, the bytes of both)."""
    sent, received = bytearray(), bytearray()

    async def copy(reader, writer, into):
        while data := await reader.read(1 << 16):
            into += data
            writer.write(data)
        writer.close()

    async def behave(reader, writer):
        there, back = await asyncio.open_connection(*server.address().where)
        await asyncio.gather(copy(reader, back, sent), copy(there, writer, received))

    async with peer(behave) as port:
        yield port, sent, received


@pytest.mark.parametrize("where", PLACES)
def test_wrong_key(where):
    async def scenario(listen):
        async with await capnp_connect.serve(listen, Thing(), key=KEY) as server:
            address = capnp_connect.Address(OTHER.digest, server.address().where, ID)
            error = await error_of(address)
            assert isinstance(error, capnp_connect.WrongKey)
            assert (error.expected, error.met) == (OTHER.digest, KEY.digest)
            assert str(error) == "the peer's key is %s, expected was %s" % (
                text_of(KEY.digest),
                text_of(OTHER.digest),
            )
            # One bit is enough, wherever it is.
            for k in (0, 15, 31):
                digest = bytearray(KEY.digest)
                digest[k] ^= 1
                address = capnp_connect.Address(bytes(digest), address.where, ID)
                assert isinstance(await error_of(address), capnp_connect.WrongKey)
            assert server.connections == 0

    with place(where) as listen:
        run(scenario, listen)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("mine", [KEY, OTHER], ids=["right", "wrong"])
def test_nothing_is_sent_before_the_key_is_checked(mine, version):
    """A server without any checks of its own reads what comes after the handshake."""

    async def scenario():
        heard = []
        context = Pinned(KEY, True).context()
        context.maximum_version = version

        async def behave(reader, writer):
            heard.append(await reader.read(1))

        async with peer(behave, ssl=context) as port:
            error = await error_of(to(port, mine.digest))
            if mine is KEY:
                assert isinstance(error, capnp_connect.Lost)
                assert heard == [b"\0"]
            else:
                assert isinstance(error, capnp_connect.WrongKey)
                # In TLS 1.2 the server may have seen a complete handshake.
                assert not b"".join(heard)

    run(scenario)


def test_an_event_loop_that_does_not_check():
    """One that makes its own SSLObjects: the connection is refused, and nothing is sent."""

    def unchecked(key, expected):
        context = client_context(key, expected)
        context.sslobject_class = ssl.SSLObject
        return context

    async def scenario():
        heard = []

        async def behave(reader, writer):
            heard.append(await reader.read(1))

        async with peer(behave, ssl=Pinned(KEY, True).context()) as port:
            with mock.patch.object(tls, "client_context", unchecked):
                for digest in (KEY.digest, OTHER.digest):
                    error = await error_of(to(port, digest))
                    assert isinstance(error, capnp_connect.HandshakeFailed)
                    assert "not let us see" in str(error)
            await until(lambda: len(heard) == 2)
            assert heard == [b"", b""]

    run(scenario)


def test_nobody_is_there(tmp_path):
    async def scenario():
        port = free_port()
        error = await error_of(to(port))
        assert str(error) == f"127.0.0.1 port {port} cannot be reached: Connection refused"
        for where, said in (
            (str(tmp_path / "none"), "No such file or directory"),
            (("no-such-host.invalid", 7), ""),
        ):
            error = await error_of(capnp_connect.Address(KEY.digest, where, ID))
            assert isinstance(error, capnp_connect.Unreachable)
            assert said in str(error)

    run(scenario)


BYTES = {
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "smtp": b"220 mail.example ESMTP\r\n",
    "zeros": bytes(64),
    "ones": b"\xff" * 64,
}


@pytest.mark.parametrize("answer", BYTES.values(), ids=BYTES)
@pytest.mark.parametrize("digest", [KEY.digest, None], ids=["tls", "insecure"])
def test_a_peer_that_speaks_something_else(digest, answer):
    async def scenario():
        async def behave(reader, writer):
            await reader.read(10)
            writer.write(answer)
            await reader.read()

        async with peer(behave) as port:
            error = await error_of(to(port, digest))
            if digest:
                assert isinstance(error, capnp_connect.NotTls)
                assert "expected was TLS" in str(error)
            else:
                assert isinstance(error, capnp_connect.NotCapnp)
                assert "expected was Cap'n Proto RPC" in str(error)

    run(scenario)


def test_a_capnp_peer_without_tls():
    async def scenario():
        async with await capnp_connect.serve("127.0.0.1:0", Thing(), insecure=True) as server:
            error = await error_of(to(server.address().where[1]))
            assert isinstance(error, (capnp_connect.NotTls, capnp_connect.HandshakeFailed))
            assert "TLS" in str(error)

    run(scenario)


def test_a_peer_that_wants_tls():
    async def scenario():
        async with await capnp_connect.serve("127.0.0.1:0", Thing()) as server:
            error = await error_of(to(server.address().where[1], None))
            assert isinstance(error, capnp_connect.Lost)
            assert "expects TLS" in str(error)

    run(scenario)


@pytest.mark.parametrize("digest", [KEY.digest, None], ids=["tls", "insecure"])
def test_a_peer_that_closes_at_once(digest):
    async def scenario():
        async def behave(reader, writer):
            await reader.read(10)

        async with peer(behave) as port:
            error = await error_of(to(port, digest))
            expected = capnp_connect.HandshakeFailed if digest else capnp_connect.Lost
            assert isinstance(error, expected)
            assert "closed the connection" in str(error)

    run(scenario)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_refuses_the_clients_key(version):
    """It trusts one authority, and says so in an alert: in TLS 1.3 after the client's handshake."""
    context = Pinned(KEY, True).context()
    context._msg_callback = None  # nobody makes the client's certificate a trusted one
    context.maximum_version = version

    def serve(listener):
        with contextlib.suppress(OSError):
            plain, _ = listener.accept()
            with plain, context.wrap_socket(plain, server_side=True) as link:
                link.recv(1)

    async def scenario():
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(PATIENCE)
            thread = threading.Thread(target=serve, args=(listener,))
            thread.start()
            error = await error_of(to(listener.getsockname()[1]))
            thread.join()
        if version == ssl.TLSVersion.TLSv1_3 and isinstance(error, capnp_connect.Lost):
            # The alert was lost in the reset, or asyncio (before Python 3.11) does not tell it.
            assert "key" in str(error)
        else:
            assert isinstance(error, capnp_connect.HandshakeFailed)
            assert "ALERT" in str(error)

    run(scenario)


@pytest.mark.parametrize("silent", ["TLS", "capnp", "insecure"])
def test_a_silent_peer(silent):
    """It is given up after the deadline, and the connection is closed."""

    async def scenario():
        gone = asyncio.Event()

        async def behave(reader, writer):
            with contextlib.suppress(OSError):
                while await reader.read(1 << 16):
                    pass
            gone.set()

        context = Pinned(KEY, True).context() if silent == "capnp" else None
        async with peer(behave, ssl=context) as port:
            error = await error_of(to(port, None if silent == "insecure" else KEY.digest), SHORT)
            assert isinstance(error, capnp_connect.Expired)
            stage = "in the TLS handshake" if silent == "TLS" else "waiting for the service"
            assert str(error) == f"no answer within {SHORT:g} seconds while {stage}"
            await gone.wait()

    run(scenario)


def test_a_cancelled_attempt_leaves_no_connection():
    async def scenario():
        gone = asyncio.Event()
        come = asyncio.Event()

        async def behave(reader, writer):
            come.set()
            with contextlib.suppress(OSError):
                while await reader.read(1 << 16):
                    pass
            gone.set()

        async with peer(behave) as port:
            for digest in (KEY.digest, None):
                attempt = asyncio.ensure_future(connect_to(to(port, digest)))
                await come.wait()
                attempt.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await attempt
                await gone.wait()
                come.clear()
                gone.clear()

    async def connect_to(address):
        return await capnp_connect.connect(address, schema.Thing)

    run(scenario)


def test_a_failed_attempt_leaves_no_connection():
    """Even while the attempt itself is kept."""

    async def scenario():
        async with await capnp_connect.serve("127.0.0.1:0", services={}) as server:
            attempt = capnp_connect.connect(server.uri(ID), schema.Thing)
            for _ in range(2):
                with pytest.raises(capnp_connect.UnknownService):
                    await attempt
                await until(lambda: server.connections == 0)

    run(scenario)


def test_a_client_that_is_silent_in_the_handshake():
    """serve() gives it up after the deadline, and serves others meanwhile."""

    async def scenario():
        async with await capnp_connect.serve("127.0.0.1:0", Thing(), timeout=SHORT) as server:
            reader, writer = await asyncio.open_connection(*server.address().where)
            async with capnp_connect.connect(server.uri(), schema.Thing) as thing:
                assert (await thing.echo(1)).y == 1
                assert await reader.read() == b""
                assert (await thing.echo(2)).y == 2
            writer.close()

    run(scenario)


class Telling(Gateway.Server):
    """A gateway that repeats the id it is asked for, in every form, and more."""

    async def restore(self, id, _context, **kwargs):
        encoded = capnp_connect.Address(None, "/x", id).uri().rpartition("/")[2]
        raise ValueError(
            "no %s %s %s \x1b[31m\x07 %s" % (encoded, id.hex(), id.decode(), "x" * 999)
        )


def test_what_a_peer_says_is_repeated_in_part():
    """Not the secret, no control characters, no tracebacks, and not without end."""

    async def scenario():
        async with await capnp_connect.serve("127.0.0.1:0", Telling(), insecure=True) as server:
            error = await error_of(server.address().with_service(ID))
            assert isinstance(error, capnp_connect.Refused) and error.type == "FAILED"
            text = str(error)
            assert text.startswith("the vat refuses: ValueError: no ... ... ... [31m xxx")
            assert text.isprintable() and len(text) < 400

    run(scenario)


def test_every_cut_ends_in_an_error():
    """The connection is cut after each number of bytes from the server."""

    async def scenario():
        services = {ID: Thing()}
        async with await capnp_connect.serve(
            "127.0.0.1:0", services=services, key=KEY, insecure=False
        ) as server:
            async with recorded(server) as (port, sent, received):
                async with capnp_connect.connect(to(port), schema.Thing) as thing:
                    total = len(received)
                    assert (await thing.echo(1)).y == 1
                assert ID not in sent and ID not in received
            for most in range(0, total - 40, 37):
                await cut(server, most)
            await until(lambda: server.connections == 0)

    async def cut(server, most):
        async def behave(reader, writer):
            there, back = await asyncio.open_connection(*server.address().where)
            forth = asyncio.ensure_future(copy(reader, back))
            left = most
            while left and (data := await there.read(left)):
                writer.write(data)
                left -= len(data)
            await writer.drain()
            forth.cancel()
            back.close()

        async def copy(reader, writer):
            while data := await reader.read(1 << 16):
                writer.write(data)

        async with peer(behave) as port:
            error = await error_of(to(port))
            assert isinstance(error, (capnp_connect.HandshakeFailed, capnp_connect.Lost)), error

    run(scenario)


def test_without_pycapnps_event_loop():
    async def scenario():
        async with peer(lambda reader, writer: reader.read()) as port:
            with pytest.raises(RuntimeError, match="KJ event-loop is not running"):
                await capnp_connect.connect(to(port, None), schema.Thing)

    asyncio.run(scenario())
