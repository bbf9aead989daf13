# SPDX-License-Identifier: MIT
"""capnp_connect and MicroPython's own TLS: each takes the other's key and no other.

identity_board.py does no more than the handshake and a few bytes of its own.
"""

import asyncio
import pathlib

import capnp_connect
import pytest
from board import Board
from capnp_connect.tls import client_context
from connectkit import ID, error_of, run, until
from interop_pycapnp import Thing
from ports import free_port

SCRIPT = pathlib.Path(__file__).resolve().parent / "identity_board.py"


@pytest.fixture
def key(tmp_path):
    """(the board's key, its file)."""
    key = capnp_connect.SecretKey.generate()
    key.save(str(tmp_path / "key.pem"))
    return key, tmp_path / "key.pem"


def test_a_board_as_the_server(key):
    board_key, path = key
    mine = capnp_connect.SecretKey.generate()
    port = free_port()

    async def wrong():
        address = capnp_connect.Address(mine.digest, ("127.0.0.1", port), ID)
        return await error_of(address, key=mine)

    async def right():
        context = client_context(mine, board_key.digest)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname=""
        )
        writer.write(b"secret")
        answer = await reader.read(100)
        writer.close()
        return answer

    with Board(SCRIPT, "server", path, port) as board:
        error = run(wrong)
        assert isinstance(error, capnp_connect.WrongKey)
        assert error.met == board_key.digest
        assert board.line().startswith("failed")  # nothing has come
        assert run(right) == b"hello secret"
        assert board.line() == f"peer {mine.digest.hex()} secret"


def test_a_stolen_certificate_is_of_no_use(key, tmp_path):
    """A server shows the certificate with the right key, and has another key."""
    _, path = key
    robbed = capnp_connect.SecretKey.generate()
    stolen = tmp_path / "stolen"
    stolen.write_bytes(robbed.certificate)
    port = free_port()

    async def scenario():
        return await error_of(capnp_connect.Address(robbed.digest, ("127.0.0.1", port), ID))

    with Board(SCRIPT, "server", path, port, stolen) as board:
        error = run(scenario)
        assert isinstance(error, capnp_connect.HandshakeFailed)
        assert "SIGNATURE" in str(error)
        assert board.line().startswith("failed")


def test_a_board_as_the_client(key):
    _, path = key

    async def scenario():
        async with await capnp_connect.serve("127.0.0.1:0", Thing()) as server:
            port = server.address().where[1]
            ask = asyncio.to_thread
            with await ask(Board, SCRIPT, "client", path, port) as board:
                other = capnp_connect.SecretKey.generate().digest.hex()
                said = await ask(board.ask, other)
                assert "was expected, but the peer is sha-256:" in said
                assert server.connections == 0
                asking = asyncio.ensure_future(ask(board.ask, server.key.digest.hex()))
                await until(lambda: server.connections == 1)
                await server.close()
                assert await asking == f"peer {server.key.digest.hex()} "

    run(scenario)
