# SPDX-License-Identifier: MIT
"""Layer `identity`: TLS with pinned keys between MicroPython, CPython and OpenSSL.

Each side learns the other's digest; with another key than the expected one nothing is sent.
"""

import asyncio
import contextlib
import datetime
import pathlib
import socket
import ssl
import subprocess
import tempfile

import pytest
from board import Board
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from ports import free_port

from capnrpc_micro.identity import pem
from capnrpc_micro.identity.pinned_host import Pinned
from capnrpc_micro.identity.secret_key import SecretKey

SCRIPT = pathlib.Path(__file__).resolve().parent / "identity_board.py"
UNEXPECTED = "was expected, but the peer is sha-256:"
PATIENCE = 60  # seconds after which something counts as stuck; nothing waits for that to pass


def new_key(kind):
    """A SecretKey, made by `cryptography`."""
    if kind == "P-256":
        made = ec.generate_private_key(ec.SECP256R1())
    else:
        made = rsa.generate_private_key(65537, 2048)
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return SecretKey.from_pem(made.private_bytes(*form))


@pytest.fixture(scope="module", params=["P-256", "RSA"])
def keys(request, tmp_path_factory):
    """(the board's key, its file, the host's key)."""
    board = new_key(request.param)
    path = tmp_path_factory.mktemp("board") / "key.pem"
    board.save(str(path))
    return board, path, new_key(request.param)


class Server:
    """A CPython server of one connection at a time."""

    def __init__(self, key):
        self.pinned = Pinned(key, True)
        self._learnt = []
        self._news = asyncio.Condition()

    async def learns(self, n):
        """What it has learnt of its connection n: (digest, first bytes), or an OSError."""
        async with self._news:
            await self._news.wait_for(lambda: len(self._learnt) > n)
        return self._learnt[n]

    async def _learn(self, what):
        async with self._news:
            self._learnt.append(what)
            self._news.notify_all()

    async def run(self, listener):
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(listener)
            reader = asyncio.StreamReader()
            protocol = asyncio.StreamReaderProtocol(reader)
            try:
                transport, _ = await loop.connect_accepted_socket(
                    lambda protocol=protocol: protocol, connection, ssl=self.pinned.context()
                )
            except OSError as error:
                await self._learn(error)
                continue
            digest = self.pinned.digest(transport.get_extra_info("ssl_object"))
            data = await reader.read(100)
            await self._learn((digest.hex(), data))
            transport.write(b"hello " + data)
            transport.close()

    @contextlib.asynccontextmanager
    async def serving(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            task = asyncio.create_task(self.run(listener))
            try:
                yield listener.getsockname()[1]
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


async def call(key, port, digest):
    """A CPython client's call: (the digest of the server, the answer)."""
    pinned = Pinned(key, False)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=pinned.context(), server_hostname=""
    )
    try:
        seen = pinned.digest(writer.get_extra_info("ssl_object"), digest)
        writer.write(b"secret")
        return seen.hex(), await reader.read(100)
    finally:
        writer.transport.abort()


def serving_board(path):
    """A MicroPython server: (the Board, its port)."""
    port = free_port()
    return Board(SCRIPT, "server", path, port), port


def test_cpython_calls_micropython(keys):
    board_key, path, host_key = keys
    board, port = serving_board(path)
    with board:
        assert board.ready_line == "ready " + board_key.digest.hex()
        for expected in (None, board_key.digest):
            seen = asyncio.run(call(host_key, port, expected))
            assert seen == (board_key.digest.hex(), b"hello secret")
            assert board.line() == f"peer {host_key.digest.hex()} secret"
        with pytest.raises(OSError, match="was expected, but the peer is sha-256:"):
            asyncio.run(call(host_key, port, host_key.digest))
        assert board.line().startswith("failed")  # nothing has come


def test_micropython_calls_cpython(keys):
    board_key, path, host_key = keys

    async def scenario():
        server = Server(host_key)
        async with server.serving() as port:
            ask = asyncio.to_thread
            with await ask(Board, SCRIPT, "client", path, port) as board:
                good = f"peer {host_key.digest.hex()} hello secret"
                assert await ask(board.ask, "any") == good
                assert await ask(board.ask, host_key.digest.hex()) == good
                for n in range(2):
                    assert await server.learns(n) == (board_key.digest.hex(), b"secret")
                assert UNEXPECTED in await ask(board.ask, board_key.digest.hex())
            assert isinstance(await server.learns(2), OSError)  # nothing has come

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_micropython_calls_micropython(keys, tmp_path):
    board_key, path, other_key = keys
    other_key.save(str(tmp_path / "key.pem"))
    server, port = serving_board(path)
    with server, Board(SCRIPT, "client", tmp_path / "key.pem", port) as client:
        assert client.ask(board_key.digest.hex()) == f"peer {board_key.digest.hex()} hello secret"
        assert server.line() == f"peer {other_key.digest.hex()} secret"
        assert UNEXPECTED in client.ask(other_key.digest.hex())
        assert server.line().startswith("failed")
        assert client.ask("any").startswith("peer")


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_cpython_calls_cpython(keys, version):
    board_key, _, host_key = keys

    async def scenario():
        server = Server(host_key)
        async with server.serving() as port:
            pinned = Pinned(board_key, False)
            pinned.context().minimum_version = ssl.TLSVersion[version]
            pinned.context().maximum_version = ssl.TLSVersion[version]
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=pinned.context(), server_hostname=""
            )
            link = writer.get_extra_info("ssl_object")
            assert link.version() == version.replace("_", ".")
            assert pinned.digest(link, host_key.digest) == host_key.digest
            writer.write(b"secret")
            assert await reader.read(100) == b"hello secret"
            writer.transport.abort()
            assert await server.learns(0) == (board_key.digest.hex(), b"secret")

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def without_certificate(version):
    """A client's context that shows no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = version
    return context


def with_certificates(key, *certificates):
    """A client's context that shows certificates of any kind, its own first."""
    context = without_certificate(ssl.TLSVersion.TLSv1_3)
    with tempfile.NamedTemporaryFile() as file:
        file.write(key.to_pem() + b"".join(pem.encode(b"CERTIFICATE", c) for c in certificates))
        file.flush()
        context.load_cert_chain(file.name)
    return context


def odd_certificate(key, **odd):
    """A certificate that is not as ours are."""
    private = load_pem_private_key(key.to_pem(), None)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, odd.get("issuer", "somebody"))])
    signer = private
    if "issuer" in odd:
        signer = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(private.public_key())
        .serial_number(7)
        .not_valid_before(datetime.datetime(2001, 1, 1))
        .not_valid_after(datetime.datetime(odd.get("until", 2100), 1, 1))
    )
    for extension in odd.get("extensions", ()):
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(signer, SHA256()).public_bytes(Encoding.DER)


def talk(port, context):
    """Connects and asks; the answer, b"" when the server ended it instead."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain:
        try:
            with context.wrap_socket(plain) as link:
                link.sendall(b"secret")
                return link.recv(100)
        except (ssl.SSLError, ConnectionError):
            return b""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_without_a_certificate_is_refused(keys, version):
    _, path, host_key = keys
    board, port = serving_board(path)
    with board:
        assert talk(port, without_certificate(version)) == b""
        assert board.line().startswith("failed")

    async def scenario():
        server = Server(host_key)
        async with server.serving() as port:
            assert await asyncio.to_thread(talk, port, without_certificate(version)) == b""
            assert isinstance(await server.learns(0), OSError)

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


ODD = {
    "expired": {"until": 2002},
    "signed by somebody else": {"issuer": "somebody else"},
    "with another": {"more": True},
    "an authority's": {"extensions": [x509.BasicConstraints(ca=True, path_length=None)]},
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_only_the_key_in_a_certificate_counts(keys, odd):
    board_key, path, host_key = keys
    shown = [odd_certificate(board_key, **odd)]
    if "more" in odd:
        shown.append(odd_certificate(host_key))
    context = with_certificates(board_key, *shown)
    board, port = serving_board(path)
    with board:
        assert talk(port, context) == b"hello secret"
        assert board.line() == f"peer {board_key.digest.hex()} secret"

    async def scenario():
        server = Server(host_key)
        async with server.serving() as port:
            assert await asyncio.to_thread(talk, port, context) == b"hello secret"
            assert await server.learns(0) == (board_key.digest.hex(), b"secret")

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_a_certificate_without_its_key_is_worth_nothing(keys, tmp_path):
    """A board shows the certificate that is expected, and has another key."""
    board_key, path, host_key = keys
    stolen = tmp_path / "stolen.crt"
    stolen.write_bytes(host_key.certificate)

    port = free_port()
    with Board(SCRIPT, "server", path, port, stolen) as thief:
        with pytest.raises(OSError):
            asyncio.run(call(board_key, port, host_key.digest))
        assert thief.line().startswith("failed")
        with Board(SCRIPT, "client", path, port) as client:
            assert client.ask(host_key.digest.hex()).startswith("failed")
        assert thief.line().startswith("failed")

    port = free_port()
    with Board(SCRIPT, "server", path, port) as server:
        with Board(SCRIPT, "client", path, port, stolen) as thief:
            assert thief.ask("any").startswith("failed")
        assert server.line().startswith("failed")

    async def scenario():
        server = Server(host_key)
        async with server.serving() as port:
            ask = asyncio.to_thread
            with await ask(Board, SCRIPT, "client", path, port, stolen) as thief:
                assert (await ask(thief.ask, "any")).startswith("failed")
            assert isinstance(await server.learns(0), OSError)

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_a_context_gathers_few_certificates(keys):
    """Peers with ever new keys cannot fill a server's memory."""
    server = Pinned(keys[0], True)
    contexts = [server.context() for _ in range(100)]
    assert len(set(map(id, contexts))) == 4
    for context in contexts:
        assert context.cert_store_stats()["x509"] == 0
    client = Pinned(keys[0], False)
    assert client.context() is client.context()


def test_openssl_is_a_client_too(keys, tmp_path):
    """`openssl s_client` with a certificate, over TLS 1.2 as OCaml's newest speaks it to a board."""
    board_key, path, host_key = keys
    host_key.save(str(tmp_path / "key.pem"))
    board, port = serving_board(path)
    with board:
        done = subprocess.run(
            [
                *("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-quiet"),
                *("-key", tmp_path / "key.pem", "-cert", tmp_path / "key.pem.crt"),
            ],
            input=b"secret",
            capture_output=True,
            timeout=PATIENCE,
        )
        assert done.stdout == b"hello secret"
        assert board.line() == f"peer {host_key.digest.hex()} secret"
