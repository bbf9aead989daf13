# SPDX-License-Identifier: MIT
"""What the interoperability tests share: processes on either interpreter, and pycapnp's schema."""

import asyncio
import contextlib
import gc
import importlib
import os
import pathlib
import socket
import sys
import tempfile
import time
from unittest import mock

import capnp
import pytest
from board import Board
from interop_address import split
from interop_pycapnp import Thing, schema
from ports import free_port

HERE = pathlib.Path(__file__).resolve().parent
INTERPRETERS = ("micropython", "cpython")
TRANSPORTS = ("tcp", "unix")
EVERYWHERE = [(interpreter, transport) for interpreter in INTERPRETERS for transport in TRANSPORTS]
EMPTY = "questions 0 answers 0 exports 0 imports 0 embargoes 0 bytes 0"
PATIENCE = 60  # seconds after which something counts as stuck; nothing waits for that to pass

sys.path[:0] = [str(HERE / "schemas"), str(HERE.parent / "lib" / "tests")]
interop_capnp = importlib.import_module("interop_capnp")
byhand = importlib.import_module("byhand")  # messages, as the library's own tests make them


def start(interpreter, script, *options, ready="ready"):
    """A Board that runs a script of this folder on one of INTERPRETERS."""
    env = {"PYTHONUNBUFFERED": "1"}
    change = {"MICROPYTHON": sys.executable} if interpreter == "cpython" else {}
    with mock.patch.dict(os.environ, change):
        return Board(HERE / script, *options, env=env, ready=ready)


@contextlib.contextmanager
def new_address(transport):
    """An address to serve at over one of TRANSPORTS: "127.0.0.1:7000" or "unix:/a/path"."""
    if transport == "tcp":
        yield f"127.0.0.1:{free_port()}"
    else:
        with tempfile.TemporaryDirectory(prefix="capnrpc_micro_", dir="/tmp") as folder:
            yield f"unix:{folder}/socket"


def raw(address):
    """A plain connection to an address."""
    host, port = split(address)
    if port is not None:
        return socket.create_connection((host, port), PATIENCE)
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(PATIENCE)
    # asyncio takes a server that lets nobody else wait for one that is there.
    s.connect(host.removeprefix("unix:"))
    return s


async def connect(address):
    """pycapnp's client of who serves at an address."""
    s = raw(address)
    s.setblocking(False)
    create = capnp.AsyncIoStream.create_connection
    if s.family == socket.AF_UNIX:
        create = capnp.AsyncIoStream.create_unix_connection
    return Client(await create(sock=s), s)


class Bench:
    """A process of interop_board.py, and what connects to it."""

    def __init__(self, interpreter, board, address):
        self.interpreter = interpreter
        self.board = board
        self.address = address

    def raw(self):
        """A plain connection to the board."""
        return raw(self.address)

    async def connect(self):
        """pycapnp's client of the board."""
        return await connect(self.address)

    def run(self, scenario):
        """Runs scenario(client) with a new client; nothing may be left after it, neither on the board
        nor of the things that it was given."""
        things = Thing.alive

        async def session():
            client = await self.connect()
            try:
                await asyncio.wait_for(scenario(client), PATIENCE)
            finally:
                client.close()
            await asyncio.wait_for(client.closed(), PATIENCE)

        asyncio.run(capnp.run(session()))
        self.is_empty()
        gc.collect()
        assert Thing.alive <= things

    def until(self, status):
        """Waits until this stands in the board's line of status."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            line = self.board.ask("status")
            if status in line:
                return
        raise AssertionError(f"{status!r} was expected, but the board says {line!r}")

    def accepted(self):
        """How many peers have connected so far."""
        return int(self.board.ask("status").split()[1])

    def is_empty(self):
        """Waits until all connections are gone; then nothing of them may be left."""
        self.until("connections 0 ")
        assert self.board.ask("status").endswith(EMPTY)
        assert "Traceback (most recent call last):" not in self.board.printed, self.board.printed


def start_board(interpreter, limits="", address=None):
    """A process of interop_board.py, and its address."""
    address = address or f"127.0.0.1:{free_port()}"
    options = [f"listen={address}"] + ([f"limits={limits}"] if limits else [])
    return start(interpreter, "interop_board.py", *options), address


@contextlib.contextmanager
def bench(interpreter, limits="", address=None):
    """A Bench. Its board ends with the block."""
    board, address = start_board(interpreter, limits, address)
    with board:
        yield Bench(interpreter, board, address)


def shared_board(params=EVERYWHERE, limits=""):
    """A fixture: a Bench that the tests of a module share, for each (interpreter, transport)."""

    @pytest.fixture(scope="module", params=params, ids="-".join)
    def board(request):
        interpreter, transport = request.param
        with new_address(transport) as address, bench(interpreter, limits, address) as found:
            yield found

    return board


class Client:
    """A connection of pycapnp's; `thing` is the other side's main object."""

    def __init__(self, stream, socket):
        self._stream = stream
        self._socket = socket
        self._client = capnp.TwoPartyClient(stream)
        self.thing = self._client.bootstrap().cast_as(schema.Thing)

    def close(self):
        self._client.close()
        self._stream.close()

    async def closed(self):
        """Waits until close() is done: what was to be sent may not have been sent yet."""
        while self._socket.fileno() != -1:
            await asyncio.sleep(0)


async def fails(promise):
    """The KjException that a call of pycapnp's ends with."""
    try:
        await promise
    except capnp.KjException as error:
        return error
    raise AssertionError("an exception was expected")
