# SPDX-License-Identifier: MIT
"""Peers that fill a board's heap, and what has to go on working: see the tests that use it."""

import contextlib
import pathlib
import select
import socket
import struct
import sys
import time

from board import Board
from interop import byhand
from ports import free_port
from precompile import LIB, compile_file, compile_tree

from capnrpc_micro.layout import struct_at
from capnrpc_micro.message import Message
from capnrpc_micro.words import new_views

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 60  # seconds after which something counts as stuck; nothing waits for that to pass
ECHO, WAIT, BLOB = range(3)
_QUIET = 0.05  # seconds without a word after which the board is taken to have answered what it can
_ID = (0x9281, 0xB4A3, 0xD6C5, 0xF8E7)

RUN = """
import sys
sys.path[:0] = {path!r}
import small_heap_board
"""


def compile_board(folder, library=True):
    """Compiles the board's program, and the library that it needs unless it is frozen in."""
    compile_file(HERE / "small_heap_board.py", folder / "small_heap_board.mpy")
    if library:
        compile_tree(LIB / "capnrpc_micro", folder / "capnrpc_micro")


@contextlib.contextmanager
def bench(command, heap, folder):
    """A Bench: the program in `folder`, run by a command, in so many KB of heap."""
    port = free_port()
    run = [*command, "-X", f"heapsize={heap}k", "-c", RUN.format(path=[str(folder)])]
    with Board(f"port={port}", command=run) as board:
        yield Bench(board, port)


class Bench:
    """The board, and what connects to it."""

    def __init__(self, board, port):
        self.board = board
        self.port = port

    def connect(self):
        return Peer(self.port)

    def until(self, status):
        """Waits until the board's line of status begins so."""
        deadline = time.monotonic() + PATIENCE
        line = ""
        while time.monotonic() < deadline:
            self.board.process.stdin.write("s")
            self.board.process.stdin.flush()
            line = self.board.line()
            if line.startswith(status):
                return
        raise AssertionError(f"{status!r} was expected, but the board says {line!r}")

    def fail(self):
        """Has allocations fail all over the board for a time; the line that tells how many have."""
        self.board.process.stdin.write("f")
        self.board.process.stdin.flush()


def call(question, export, method, x=0, more=0):
    """A Call whose message is so many words longer than it need be."""
    value = {"questionId": question, "methodId": method, "target": byhand.at(export)}
    value["params"] = byhand.payload(x)
    for k, half in enumerate(_ID):
        value[f"i{k}"] = half
    data = bytearray(byhand.frame("call", value)) + bytes(8 * more)
    struct.pack_into("<I", data, 4, len(data) // 8 - 1)
    return bytes(data)


class Peer:
    """A plain connection.

    ended    why it has ended: an Abort's (type, reason), or "closed"; None while it lives
    returns  for each answer that has come and not been looked at its Return
    """

    def __init__(self, port):
        self.ended = None
        self.returns = {}
        self._received = b""
        self._question = 0
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)

    def bootstrap(self):
        """Asks for the main object; returns its export id, or None if the board has none for us."""
        self.send(byhand.frame("bootstrap", {"questionId": 0}))
        body = self.answer(0)
        if body is None or body.which_() != "results":
            return None
        self.send(byhand.frame("finish", {"questionId": 0, "releaseResultCaps": False}))
        return body.results.capTable[0].senderHosted

    def send(self, data):
        """Sends all, reading what comes meanwhile: two that only write would wait for each other."""
        while data and self.ended is None:
            readable, writable, _ = select.select([self.socket], [self.socket], [], PATIENCE)
            assert readable or writable, "the board neither reads nor writes"
            if readable:
                self.read()
            elif writable:
                try:
                    data = data[self.socket.send(data[:4096]) :]
                except OSError:
                    self.read()

    def read(self):
        """Takes what has come, or waits for something."""
        try:
            more = self.socket.recv(65536)
        except TimeoutError:
            raise AssertionError("the board does not answer") from None
        except OSError:
            more = b""
        self._received += more
        while len(self._received) >= 8:
            size = 8 + 8 * struct.unpack_from("<I", self._received, 4)[0]
            if len(self._received) < size:
                break
            self._take(self._received[:size])
            self._received = self._received[size:]
        if not more and self.ended is None:
            self.ended = "closed"

    def _take(self, data):
        views = new_views(len(data))
        views[3][:] = data
        message = struct_at(
            Message(views, 2, len(data) >> 2, None, 1 << 20), 2, 64, byhand.MESSAGE
        )
        if message.which_() == "abort":
            self.ended = (message.abort.type, message.abort.reason)
            # The board lets go when we have heard it.
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
        elif message.which_() == "return":
            body = getattr(message, "return")
            self.returns[body.answerId] = body

    def answer(self, question):
        """The Return of a question; None if the connection has ended before."""
        while question not in self.returns and self.ended is None:
            self.read()
        return self.returns.pop(question, None)

    def works(self, export):
        """What is wrong with the answer to a call, or None."""
        self._question += 1
        self.send(call(self._question, export, ECHO, 12345))
        body = self.answer(self._question)
        if body is None:
            return self.ended
        if body.which_() != "results":
            return body.exception.type, body.exception.reason
        assert body.results.content.x == 12345
        return None

    def listen(self):
        """Reads until the board has nothing more to say for now."""
        while self.ended is None and select.select([self.socket], [], [], _QUIET)[0]:
            self.read()

    def close(self):
        self.socket.close()


def flood(bench, peers=4, calls=64, words=120):
    """Peers that make calls which wait for ever, each with a message as long as this.

    Returns the peers, and all the errors that they were told: (type, reason), or "closed".
    """
    crowd = []
    told = []
    for _ in range(peers):
        peer = bench.connect()
        crowd.append(peer)
        export = peer.bootstrap()
        if export is not None:
            for question in range(1000, 1000 + calls):
                peer.send(call(question, export, WAIT, more=words))
            peer.send(call(999, export, BLOB, more=1900))
        peer.listen()
        for body in peer.returns.values():
            if body.which_() == "exception":
                told.append((body.exception.type, body.exception.reason))
        if peer.ended is not None:
            told.append(peer.ended)
    return crowd, told


def is_served(bench):
    """A new connection works at once, and leaves nothing behind."""
    peer = bench.connect()
    export = peer.bootstrap()
    assert export is not None, peer.ended
    wrong = peer.works(export)
    assert wrong is None, wrong
    peer.close()


OVERLOADED = 1


def check(told):
    """Whatever peers were told is `overloaded`; returns how often it was for want of memory."""
    for error in told:
        assert error != "closed" and error[0] == OVERLOADED, error
    return sum("memory" in reason for _, reason in told)


def floods_end_in_overloaded(bench, rounds=5):
    """Peers fill the heap again and again; a witness is served, or told why not; then all works."""
    short = 0
    for _ in range(rounds):
        witness = bench.connect()
        export = witness.bootstrap()
        assert witness.works(export) is None
        crowd, told = flood(bench)
        wrong = witness.works(export)
        short += check(told if wrong is None else [*told, wrong])
        for peer in [*crowd, witness]:
            peer.close()
        bench.until("connections 0 entries 0 ")
        is_served(bench)
        bench.until("connections 0 entries 0 ")
    assert short, "memory has never been short"
    assert "Traceback (most recent call last):" not in bench.board.printed, bench.board.printed
    return short


if __name__ == "__main__":
    sys.exit("this is no test")
