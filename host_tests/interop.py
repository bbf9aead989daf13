# SPDX-License-Identifier: MIT
"""What the interoperability tests share: processes on either interpreter, and pycapnp's schema."""

import asyncio
import contextlib
import importlib
import os
import pathlib
import socket
import sys
import time
from unittest import mock

import capnp
from board import Board
from ports import free_port

HERE = pathlib.Path(__file__).resolve().parent
INTERPRETERS = ("micropython", "cpython")
EMPTY = "questions 0 answers 0 exports 0 imports 0 embargoes 0 bytes 0"
PATIENCE = 60  # seconds after which something counts as stuck; nothing waits for that to pass

sys.path[:0] = [str(HERE / "schemas"), str(HERE.parent / "lib" / "tests")]
interop_capnp = importlib.import_module("interop_capnp")
byhand = importlib.import_module("byhand")  # messages, as the library's own tests make them

capnp.remove_import_hook()
schema = capnp.SchemaParser().load(os.fspath(HERE / "schemas" / "interop.capnp"))


def start(interpreter, script, *options, ready="ready"):
    """A Board that runs a script of this folder on one of INTERPRETERS."""
    env = {"PYTHONUNBUFFERED": "1"}
    change = {"MICROPYTHON": sys.executable} if interpreter == "cpython" else {}
    with mock.patch.dict(os.environ, change):
        return Board(HERE / script, *options, env=env, ready=ready)


class Bench:
    """A process of interop_board.py, and what connects to it."""

    def __init__(self, board, port):
        self.board = board
        self.port = port

    def raw(self):
        """A plain connection to the board."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    async def connect(self):
        """pycapnp's client of the board."""
        stream = await capnp.AsyncIoStream.create_connection("127.0.0.1", self.port)
        return Client(stream)

    def run(self, scenario):
        """Runs scenario(client) with a new client; nothing may be left on the board after it."""

        async def session():
            client = await self.connect()
            try:
                await asyncio.wait_for(scenario(client), PATIENCE)
            finally:
                client.close()

        asyncio.run(capnp.run(session()))
        self.is_empty()

    def until(self, status):
        """Waits until this stands in the board's line of status."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            line = self.board.ask("status")
            if status in line:
                return
        raise AssertionError(f"{status!r} was expected, but the board says {line!r}")

    def is_empty(self):
        """Waits until all connections are gone; then nothing of them may be left."""
        self.until("connections 0 ")
        assert self.board.ask("status").endswith(EMPTY)
        assert "Traceback (most recent call last):" not in self.board.printed, self.board.printed


def start_board(interpreter, limits=""):
    """A process of interop_board.py, and its port."""
    port = free_port()
    options = [f"listen=127.0.0.1:{port}"] + ([f"limits={limits}"] if limits else [])
    return start(interpreter, "interop_board.py", *options), port


@contextlib.contextmanager
def bench(interpreter, limits=""):
    """A Bench. Its board ends with the block."""
    board, port = start_board(interpreter, limits)
    with board:
        yield Bench(board, port)


class Client:
    """A connection of pycapnp's; `thing` is the other side's main object."""

    def __init__(self, stream):
        self._stream = stream
        self._client = capnp.TwoPartyClient(stream)
        self.thing = self._client.bootstrap().cast_as(schema.Thing)

    def close(self):
        self._client.close()
        self._stream.close()


async def fails(promise):
    """The KjException that a call of pycapnp's ends with."""
    try:
        await promise
    except capnp.KjException as error:
        return error
    raise AssertionError("an exception was expected")
