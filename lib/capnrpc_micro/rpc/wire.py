# SPDX-License-Identifier: MIT
"""Layer `rpc`: where things stand in the messages of rpc.capnp.

Positions in 32-bit words, halves in 16 bits. A test compares them with rpc.capnp itself.
"""

from ..layout import follow, new_struct, put_blob
from ..message import Builder, MessageError
from ..words import const
from .tables import put_key

# Message: the union's tag is half 0.
UNIMPLEMENTED = const(0)
ABORT = const(1)
CALL = const(2)
RETURN = const(3)
FINISH = const(4)
RESOLVE = const(5)
RELEASE = const(6)
BOOTSTRAP = const(8)
DISEMBARGO = const(13)

# Call: questionId half 0, methodId half 2, sendResultsTo half 3, interfaceId half 4, flags half 8;
# pointers target, params, thirdParty.
CALL_DATA = const(3)
CALL_POINTERS = const(3)
CALL_METHOD = const(2)
CALL_SEND_TO = const(3)
CALL_INTERFACE = const(4)
YOURSELF = const(1)  # of sendResultsTo
# MessageTarget: importedCap half 0, tag half 2; pointer promisedAnswer.
TARGET_TAG = const(2)
IMPORTED_CAP = const(0)
PROMISED_ANSWER = const(1)
# PromisedAnswer: questionId half 0; pointer transform, a list of Op: tag half 0, pointerField half 1.
NOOP = const(0)
GET_POINTER_FIELD = const(1)
# CapDescriptor: tag half 0, id half 2; pointer receiverAnswer or thirdPartyHosted.
CAP_NONE = const(0)
SENDER_HOSTED = const(1)
SENDER_PROMISE = const(2)
RECEIVER_HOSTED = const(3)
RECEIVER_ANSWER = const(4)
THIRD_PARTY_HOSTED = const(5)
# Return: answerId half 0, flags half 2, tag half 3, takeFromOtherQuestion half 4; pointer.
RETURN_DATA = const(2)
RETURN_FLAGS = const(2)
RETURN_TAG = const(3)
RETURN_TAKE = const(4)
KEEP_PARAM_CAPS = const(1)  # releaseParamCaps is true by default, so its bit says false
NO_FINISH_NEEDED = const(2)
RESULTS = const(0)
EXCEPTION = const(1)
CANCELED = const(2)
RESULTS_SENT_ELSEWHERE = const(3)
TAKE_FROM_OTHER_QUESTION = const(4)
# Finish: questionId half 0, flags half 2.
KEEP_RESULT_CAPS = const(1)  # releaseResultCaps is true by default
NO_WORKAROUND = const(2)  # requireEarlyCancellationWorkaround is true by default
# Resolve: promiseId half 0, tag half 2; pointer cap or exception.
# Release: id half 0, referenceCount half 2.
# Disembargo: id half 0, context tag half 2; pointer target.
SENDER_LOOPBACK = const(0)
RECEIVER_LOOPBACK = const(1)
# Exception: type half 2; pointers reason, trace.


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


def _template(which, data_words, pointers, then):
    m = Builder(128, 1024)
    then(m, begin(m, which, data_words, pointers))
    return bytes(m.b[: 4 * m.hi])


# Frames of the frequent messages with nothing filled in, ready to be copied. Positions in them are
# relative to the frame: the body is always at 8.
BODY = const(8)


def _call(m, t):
    new_struct(m, t + 6, 1, 1)
    new_struct(m, t + 8, 0, 2)


def _return(m, t):
    m.h[2 * t + RETURN_FLAGS] = KEEP_PARAM_CAPS | NO_FINISH_NEEDED
    new_struct(m, t + 4, 0, 2)


def _nothing(m, t):
    pass


CALL_FRAME = _template(CALL, CALL_DATA, CALL_POINTERS, _call)
CALL_TARGET = const(20)
CALL_CONTENT = const(24)
CALL_CAPS = const(26)

RETURN_FRAME = _template(RETURN, RETURN_DATA, 1, _return)
RETURN_CONTENT = const(14)
RETURN_CAPS = const(16)

FINISH_FRAME = _template(FINISH, 1, 0, _nothing)
RELEASE_FRAME = _template(RELEASE, 1, 0, _nothing)


def send_pair(conn, frame, id, number):
    """Sends a message that holds an id and a number: Release, or Finish with its flags."""
    m = conn.out
    try:
        at = 2 * (m.begin_with(frame) + BODY)
    except (MessageError, MemoryError) as error:
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


def put_promised_answer(m, p, question, path):
    """Builds a PromisedAnswer at pointer p."""
    t = new_struct(m, p, 1, 1)
    put_key(m.h, 2 * t, question)
    if path:
        n = len(path)
        ops = m.alloc(2 * n + 2)
        m.i[t + 2] = (ops - t - 4) << 1 | 1
        m.h[2 * t + 6] = n << 3 | 7
        m.i[ops] = n << 2
        m.h[2 * ops + 2] = 1
        for k in range(n):
            m.h[2 * ops + 4 * k + 4] = GET_POINTER_FIELD
            m.h[2 * ops + 4 * k + 5] = path[k]
