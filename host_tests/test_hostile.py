# SPDX-License-Identifier: MIT
"""Peers that send anything, stop anywhere and read nothing, against a real board process.

Whatever one peer does ends at most its own connection, with an Abort that says why; the board goes on
serving others meanwhile, and nothing is left in its tables.
"""

import contextlib
import random
import socket
import struct

import pytest
from interop import INTERPRETERS, bench, byhand, interop_capnp

from capnrpc_micro.layout import struct_at
from capnrpc_micro.message import Message
from capnrpc_micro.words import new_views

THING = interop_capnp.Thing
at, frame, payload = byhand.at, byhand.frame, byhand.payload
ECHO, GET_SELF, CALL_ME, WAIT, BLOB, KEEP = [
    THING.find_(name)[1] for name in ("echo", "getSelf", "callMe", "wait", "blob", "keep")
]


@pytest.fixture(scope="module", params=INTERPRETERS)
def board(request):
    with bench(request.param, "connections:16,stall_ms:200") as found:
        yield found


@pytest.fixture(autouse=True)
def others(board):
    """Another client is served before and after; then nothing is left of all of them."""
    witness = Peer(board)
    witness.works()
    yield witness
    witness.works()
    for peer in Peer.open:
        peer.close()
    Peer.open.clear()
    board.is_empty()


class Peer:
    """A plain connection that asks for the main object first."""

    open = []

    def __init__(self, board):
        self.open.append(self)
        self.socket = board.raw()
        self._received = b""
        self.send(frame("bootstrap", {"questionId": 0}))
        self.export = self.read("return").results.capTable[0].senderHosted
        self.send(frame("finish", {"questionId": 0, "releaseResultCaps": False}))

    def send(self, data):
        self.socket.sendall(data)

    def frame(self):
        """The next message, as bytes; None at the end."""
        while True:
            data = self._received
            if len(data) >= 8:
                size = 8 + 8 * struct.unpack_from("<I", data, 4)[0]
                if len(data) >= size:
                    self._received = data[size:]
                    return data[:size]
            more = self.socket.recv(65536)
            if not more:
                assert not data, "half a message at the end"
                return None
            self._received += more

    def read(self, which):
        """The next message, which must be of this kind: its body."""
        data = self.frame()
        assert data is not None, "the connection has ended"
        views = new_views(len(data))
        views[3][:] = data
        message = struct_at(
            Message(views, 2, len(data) >> 2, None, 1 << 20), 2, 64, byhand.MESSAGE
        )
        assert message.which_() == which, (which, message.which_())
        return getattr(message, which)

    def call(self, question, method, x=0, *caps, target=None):
        self.send(call(question, self.export if target is None else target, method, x, *caps))

    def works(self):
        """A call is answered."""
        self.call(99, ECHO, 12345)
        body = self.read("return")
        assert body.answerId == 99 and body.results.content.x == 12345

    def aborted(self, reason):
        """The next message is an Abort that says so, and the last."""
        body = self.read("abort")
        assert reason in body.reason, body.reason
        self.socket.shutdown(socket.SHUT_WR)  # the board lets go when we have heard it
        assert self.frame() is None

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes so that the other side gets a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def call(question, target, method, x=0, *caps):
    """A Call of a method of THING."""
    value = {"questionId": question, "methodId": method, "target": at(target)}
    value["params"] = payload(x, *caps)
    for k in range(4):
        value[f"i{k}"] = struct.unpack_from("<H", THING.id_, 2 * k)[0]
    return frame("call", value)


def words(*values):
    """A frame of one segment."""
    return struct.pack(f"<II{len(values)}Q", 0, len(values), *values)


FATAL = {
    "null root": (words(0), "missing or shorter"),
    "no words": (struct.pack("<II", 0, 0), "without a root pointer"),
    "oversized": (struct.pack("<II", 0, 2049), "more than 2048 words"),
    "oversized by far": (struct.pack("<II", 0, 0xFFFFFFFF), "more than 2048 words"),
    "oversized in segments": (struct.pack("<IIII", 1, 2000, 100, 0), "more than 2048 words"),
    "segment count": (struct.pack("<II", 0xFFFFFFFF, 0), "more than 64 segments"),
    "many segments": (struct.pack("<II", 64, 1), "more than 64 segments"),
    "root is a list": (words(1, 0), "another kind of object"),
    "root is a capability": (words(3), "another kind of object"),
    "root is outside": (words(0x0001_0001_0000_0400, 0), "out of bounds"),
    "root is before": (words(0x0001_0001_FFFF_FF00, 0), "out of bounds"),
    "far pointer": (words(0x0000_0007_0000_0002, 0), "segment that the message has not"),
    "body is outside": (words(0x0001_0001_0000_0000, 2, 0x0003_0003_0000_0400), "out of bounds"),
    "unknown export": (call(50, 55, ECHO), "not a current export"),
    "unknown question": (frame("return", {"answerId": 7, "canceled": None}), "was not asked"),
    "unknown release": (frame("release", {"id": 9, "referenceCount": 1}), "does not exist"),
    "unknown embargo": (
        frame("disembargo", {"target": at(0), "receiverLoopback": 1}),
        "was not sent",
    ),
    "no promise": (frame("disembargo", {"target": at(0), "senderLoopback": 1}), "lead back"),
    "unimplemented": (
        frame("unimplemented", {"join": {"questionId": 1}}),
        "must implement",
    ),
}


@pytest.mark.parametrize("case", FATAL)
def test_what_ends_a_connection(board, others, case):
    """The Abort arrives, also when the peer has sent more that nobody will read."""
    data, reason = FATAL[case]
    for more in (b"", b"x" * 50000):
        peer = Peer(board)
        peer.call(1, WAIT)
        peer.call(2, KEEP, 0, {"senderHosted": 3})
        assert peer.read("return").answerId == 2
        peer.send(data + more)
        while True:
            others.works()
            data_received = peer.frame()
            if data_received[16] == 1:  # an Abort; before it, what was under way may end
                peer._received = data_received + peer._received
                break
        peer.aborted(reason)


def test_what_ends_a_call(board):
    """An exception for that call; the connection lives."""
    peer = Peer(board)
    peer.call(1, 77)
    body = peer.read("return")
    assert (body.answerId, body.exception.type) == (1, 3)
    other = bytearray(call(2, peer.export, ECHO))
    where = bytes(other).index(THING.id_)
    other[where] ^= 1
    peer.send(other)
    body = peer.read("return")
    assert (body.answerId, body.exception.type) == (2, 3)
    for caps in ([{"sixth": 4}], [{"receiverHosted": 88}]):
        peer.call(3, CALL_ME, 1, *caps)
        assert peer.read("return").which_() == "exception"
        peer.send(frame("finish", {"questionId": 3}))
    for target in ((44, [0]), (44, [])):
        peer.call(4, ECHO, 1, target=target)
        assert peer.read("return").which_() == "exception"
        peer.send(frame("finish", {"questionId": 4}))
    # Data outside the message, as the parameter.
    data = bytearray(call(5, peer.export, BLOB, 0, {"none": None}))
    where = bytes(data).rindex(struct.pack("<II", 3, 0))
    data[where : where + 8] = struct.pack("<II", 0x4001, 2 | 100 << 3)
    peer.send(data)
    body = peer.read("return")
    assert body.answerId == 5 and body.which_() == "exception"
    peer.send(frame("finish", {"questionId": 5}))
    peer.works()


def test_calls_above_the_limits(board, others):
    """Answered `overloaded`, one by one; the others go on."""
    peer = Peer(board)
    for question in range(1, 101):
        peer.call(question, WAIT)
    for _ in range(100 - 32):  # calls whose method runs as a task
        assert peer.read("return").exception.type == 1
    others.works()
    for question in range(1, 33):
        peer.send(frame("finish", {"questionId": question}))
    for _ in range(32):
        assert peer.read("return").which_() == "canceled"
    peer.works()


def conversation(export=0):
    """The bytes of a valid conversation in which the board calls back, keeps and waits."""
    return b"".join(
        [
            frame("bootstrap", {"questionId": 0}),
            call(1, (0, []), ECHO, 5),
            frame("finish", {"questionId": 0, "releaseResultCaps": False}),
            call(2, export, GET_SELF),
            call(3, (2, [0]), WAIT),
            call(4, export, CALL_ME, 2, {"senderHosted": 7}),
            call(5, export, KEEP, 0, {"senderPromise": 8}),
            call(6, export, CALL_ME, 1, {"receiverAnswer": at((2, [0]))["promisedAnswer"]}),
            frame("resolve", {"promiseId": 8, "cap": {"senderHosted": 9}}),
            frame("finish", {"questionId": 2}),
            frame("finish", {"questionId": 3}),
            call(7, export, KEEP, 0, {"receiverHosted": export}),
        ]
    )


def stranger(board, data, reset=False):
    """A connection that sends this and goes away, with a reset or an orderly end."""
    before = board.accepted()
    s = board.raw()
    board.until(f"accepted {before + 1} ")
    s.sendall(data)
    if reset:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    board.until("connections 1 ")


def test_a_peer_that_vanishes_at_every_byte(board):
    data = conversation()
    for stop in range(len(data) + 1):
        stranger(board, data[:stop], reset=stop % 4 == 0)


def test_mutated_bytes(board, others):
    """Bits, bytes, lengths and places of a valid conversation, changed at random."""
    chance = random.Random(1)
    valid = conversation()
    for round in range(300):
        data = bytearray(valid)
        for _ in range(chance.choice((1, 1, 2, 5, 20))):
            where = chance.randrange(len(data))
            kind = chance.randrange(4)
            if kind == 0:
                data[where] ^= 1 << chance.randrange(8)
            elif kind == 1:
                data[where] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
            elif kind == 2:
                del data[where : where + chance.choice((1, 8, 100))]
            else:
                data[where:where] = chance.randbytes(chance.choice((1, 8, 100)))
        stranger(board, data, reset=round % 4 == 0)
        if round % 50 == 0:
            others.works()


def test_random_bytes(board, others):
    """With and without a valid frame header."""
    chance = random.Random(2)
    for round in range(200):
        size = chance.choice((1, 7, 8, 16, 64, 500))
        data = chance.randbytes(size * 8)
        if round % 2:
            data = struct.pack("<II", 0, size) + data
        stranger(board, data)
        if round % 50 == 0:
            others.works()


def test_a_peer_that_says_nothing(board, others):
    """Half a header, half a message: nobody waits for the rest but the connection itself."""
    peers = [Peer(board) for _ in range(3)]
    for peer, part in zip(peers, (1, 8, 50), strict=True):
        peer.send(call(1, peer.export, ECHO, 1)[:part])
    for _ in range(20):
        others.works()


def test_a_peer_that_does_not_read(board, others):
    """The board stops reading from it, keeps only what its limit allows, and gives up in the end."""
    peer = Peer(board)
    data = bytearray(call(1, peer.export, BLOB, 0, {"none": None}))
    where = bytes(data).rindex(struct.pack("<II", 3, 0))
    # The parameter becomes 8 KB of Data behind the message.
    words_before = len(data) // 8 - 1
    offset = len(data) // 8 - where // 8 - 1
    data[where : where + 8] = struct.pack("<II", offset << 2 | 1, 2 | 8192 << 3)
    struct.pack_into("<I", data, 4, words_before + 1024)
    data += bytes(8192)
    peer.socket.settimeout(0.05)
    sent = 0
    with contextlib.suppress(OSError):  # it stops taking, or closes
        while sent < 200 << 20:
            peer.send(data)
            sent += len(data)
            if sent >> 16 & 15 == 0:
                others.works()
    assert sent < 200 << 20, "it took everything"
    for _ in range(20):
        others.works()
    board.until("connections 1 ")


def test_a_peer_that_vanishes_while_it_is_called(board, others):
    """The board's own calls to it break, and with them the calls that made them."""
    for leave in (Peer.close, Peer.reset):
        peer = Peer(board)
        peer.call(1, CALL_ME, 3, {"senderHosted": 7})
        assert peer.read("call").target.importedCap == 7
        others.works()
        leave(peer)
        board.until("connections 1 ")
