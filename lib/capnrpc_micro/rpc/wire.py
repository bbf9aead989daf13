# SPDX-License-Identifier: MIT
"""Layer `rpc`: where things stand in the messages of rpc.capnp, and table ids on the wire.

Positions in 32-bit words, halves in 16 bits. Every module repeats the private constants that it needs,
as they cost nothing at run time; a test compares all of them with rpc.capnp itself.

    Message         the union's tag is half 0; what it holds stands below pointer 0
    Call            questionId half 0, methodId half 2, sendResultsTo half 3, interfaceId half 4, flags
                    half 8; pointers target, params, thirdParty
    MessageTarget   importedCap half 0, tag half 2; pointer promisedAnswer
    PromisedAnswer  questionId half 0; pointer transform: a list of Op: tag half 0, pointerField half 1
    CapDescriptor   tag half 0, id half 2; pointer receiverAnswer or thirdPartyHosted
    Return          answerId half 0, flags half 2, tag half 3, takeFromOtherQuestion half 4; pointer
    Finish          questionId half 0, flags half 2
    Resolve         promiseId half 0, tag half 2; pointer cap or exception
    Release         id half 0, referenceCount half 2
    Disembargo      id half 0, context tag half 2; pointer target
    Exception       type half 2; pointers reason, trace
"""

from ..layout import blob, follow, new_struct, put_blob
from ..message import Builder, MessageError
from ..objects.promise import Error
from ..words import OnDemand, const

# What few conversations need.
on_demand = OnDemand(
    "rpc.",
    "forward: forward respond, keep: Kept refuse take, liveness: tick, promises: Detour embargo "
    "receive_disembargo receive_resolve watch, questions: bootstrap call receive_return, "
    "unusual: echo give_back receive_unimplemented stats",
)


class ProtocolError(MessageError):
    """A valid message that the protocol does not allow here: the connection is aborted."""


# What there may not be room for a message with. Made once: `except (A, B)` takes memory for the tuple.
NO_ROOM = (MessageError, MemoryError)

# Ids in tables.


def key(h, at):
    """A table key for the 32-bit number in halves at, at + 1 of the view h.

    A small int below 2**30, else its four bytes, so that no big integer is ever made.
    """
    high = h[at + 1]
    if high < 0x4000:
        return high << 16 | h[at]
    low = h[at]
    return bytes((low & 255, low >> 8, high & 255, high >> 8))


def put_key(h, at, key):
    """Writes a table key (see `key`) as the 32-bit number in halves at, at + 1 of the view h."""
    if isinstance(key, int):
        h[at] = key & 0xFFFF
        h[at + 1] = key >> 16
    else:
        h[at] = key[0] | key[1] << 8
        h[at + 1] = key[2] | key[3] << 8


# Messages.


def body(m, p, data_words, pointers):
    """(position, position of the pointers) of a struct that has at least this size.

    All implementations send at least the sizes of the first rpc.capnp. Raises MessageError.
    """
    tag, t = follow(m, p)
    d = m.h[2 * tag + 2]
    if d < data_words or m.h[2 * tag + 3] < pointers:
        raise MessageError("RPC message with a struct that is missing or shorter than any version")
    return t, t + d + d


def begin(m, which, data_words, pointers):
    """Begins a Message of some kind. Returns the position of its body."""
    m.begin()
    t = new_struct(m, m.lo, 1, 1)
    m.h[2 * t] = which
    return new_struct(m, t + 2, data_words, pointers)


# Frames of the frequent messages with nothing filled in, ready to be copied. Positions in them are
# relative to the frame. What is one struct deeper is built by `then`.
BODY = const(8)
CALL_TARGET = const(20)
CALL_CONTENT = const(24)
CALL_CAPS = const(26)
RETURN_CONTENT = const(14)
RETURN_CAPS = const(16)


def _template(which, data_words, pointers, *then):
    m = Builder(128, 1024)
    t = begin(m, which, data_words, pointers)
    for p, data_words, pointers in then:
        new_struct(m, t + p, data_words, pointers)
    if which == 3:  # a Return that keeps the parameters' capabilities and needs no Finish
        m.h[2 * t + 2] = 1 | 2
    m.end()
    return bytes(m.b[: 4 * m.hi])


CALL_FRAME = _template(2, 3, 3, (6, 1, 1), (8, 0, 2))
RETURN_FRAME = _template(3, 2, 1, (4, 0, 2))
FINISH_FRAME = _template(4, 1, 0)
RELEASE_FRAME = _template(6, 1, 0)


def send_pair(conn, frame, id, number):
    """Sends a message that holds an id and a number: Release, or Finish with its flags."""
    m = conn.out
    try:
        at = 2 * (m.begin_with(frame) + BODY)
    except NO_ROOM as error:
        conn.fail_output(error)
    else:
        put_key(m.h, at, id)
        put_key(m.h, at + 2, number)
        conn.sent()


_LONGEST_REASON = const(500)  # characters


def put_exception(m, p, error):
    """Builds an Exception from an Error at pointer p."""
    t = new_struct(m, p, 1, 2)
    m.h[2 * t + 2] = error.type
    reason = error.reason[:_LONGEST_REASON]
    try:
        reason = reason.encode()
    except UnicodeError:  # CPython's str can hold what is no Unicode, a file's name perhaps
        reason = reason.encode("ascii", "replace")
    put_blob(m, t + 2, reason, 1)


def read_exception(m, p):
    """The Error that the Exception at pointer p describes. Raises MessageError."""
    t, q = body(m, p, 1, 1)
    reason = blob(m, q, True)
    try:
        reason = str(reason or b"", "utf-8")
    except UnicodeError:
        reason = "(a reason that is not valid UTF-8)"
    return Error(reason, m.h[2 * t + 2])


def put_promised_answer(m, p, question, path):
    """Builds a PromisedAnswer at pointer p."""
    t = new_struct(m, p, 1, 1)
    put_key(m.h, 2 * t, question)
    if path:
        n = len(path)
        ops = m.alloc(2 * n + 2)
        h = m.h
        m.i[t + 2] = (ops - t - 4) << 1 | 1
        h[2 * t + 6] = n << 3 | 7
        m.i[ops] = n << 2
        h[2 * ops + 2] = 1
        for index in path:
            ops += 2
            h[2 * ops] = 1  # getPointerField
            h[2 * ops + 1] = index
