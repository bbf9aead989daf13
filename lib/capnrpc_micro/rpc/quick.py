# SPDX-License-Identifier: MIT
"""Layer `rpc`: the short way for the most frequent message, a Call that can be answered at once.

It does what `answers.receive_call` does, for calls of the usual shape only, and leaves all others
alone. It is three times as fast because nothing is called that can be written in place, and because
the Return is a copy of a frame in which only the ids and the values are missing. `make bench` measures
what it brings; the tests run every scenario with and without it.
"""

from ..layout import StructReader, fill, new_struct, put_field, refuse
from ..message import Builder
from ..objects.capability import LocalCap
from ..objects.client import is_awaitable
from ..objects.dispatch import put_results, read
from ..words import const
from .answers import answer_later, send_exception, send_results
from .wire import RETURN_CONTENT, RETURN_FRAME

_CALL = const(2)  # of Message

# Sizes of structs as they stand in pointers: data words | pointers << 16.
_MESSAGE = const(1 | 1 << 16)
_CALL_SIZE = const(3 | 3 << 16)
_TARGET = const(1 | 1 << 16)
_PAYLOAD = const(0 | 2 << 16)

_RESULTS_AT = const(18)  # where the results struct stands in the frame
_SMALL = const(0x3FFFFFFF)  # integers up to here are no objects on any board
_len = len


def frame_of(results):
    """The frame of a Return with results of a type and nothing filled in."""
    m = Builder(256, 1 << 20)
    at = m.begin_with(RETURN_FRAME)
    if results.table_:
        new_struct(m, at + RETURN_CONTENT, results.data_, results.pointers_)
    m.end()
    return bytes(m.b[: 4 * m.hi])


def answer(conn, m):
    """Answers the message m if it is such a call. Returns whether it has; if not, nothing was done.

    Raises nothing that the handler raises: that is sent.
    """
    p = m.lo
    hi = m.hi
    if hi - p < 26 or m.segments is not None:
        return False
    i = m.i
    h = m.h
    try:
        # The Message and the Call stand where every builder puts them: right behind their pointers.
        if (
            i[p + 5] != _CALL_SIZE
            or i[p + 1] != _MESSAGE
            or i[p]
            or i[p + 4]
            or h[2 * p + 4] != _CALL
            or i[p + 13] != _TARGET
            or i[p + 15] != _PAYLOAD
        ):
            return False
        v = i[p + 12]
        a = p + 14 + (v >> 1)  # MessageTarget
        w = i[p + 14]
        c = p + 16 + (w >> 1)  # Payload
        if (v | w) & 3 or a < p or c < p or a + 4 > hi or c + 4 > hi or i[c + 2] or i[c + 3]:
            return False
        v = i[c]
        t = c + 2 + (v >> 1)  # the parameters
    except OverflowError:
        return False
    k = 2 * p + 12
    d = h[2 * c + 2] << 1
    n = h[2 * c + 3]
    a += a
    if v & 3 or t < p or t + d + n + n > hi or h[a + 1] or h[a + 2] or h[k + 3] or h[k + 8] & 4:
        return False
    question = h[k + 1]
    if question > 0x3FFF:
        return False
    question = question << 16 | h[k]
    answers = conn.answers
    if answers and (question in answers or _len(answers) >= conn.limits.answers):
        return False
    exports = conn.exports.items
    export = h[a]
    if export >= _len(exports):
        return False
    hook = exports[export]
    if hook.__class__ is not LocalCap or hook.starting:
        return False
    handlers = hook.handlers
    if (
        h[k + 4] != handlers[0]
        or h[k + 5] != handlers[1]
        or h[k + 6] != handlers[2]
        or h[k + 7] != handlers[3]
    ):
        return False
    handlers = handlers[4]
    method = h[k + 2]
    if method >= _len(handlers):
        return False
    handler = handlers[method]
    if handler is None or not handler.quick:
        return False

    frame = handler.frame
    results = handler.results
    if frame is None:
        frame = handler.frame = frame_of(results)
    out = conn.out
    try:
        word = handler.word
        if word >= 0:
            value = handler.fn(hook.server, i[t + word] if word < d else 0)
        elif handler.single:
            value = handler.fn(
                hook.server, read(m, t << 2, d << 2, n, handler.code, handler.extra)
            )
        else:
            value = handler.fn(hook.server, *handler.decode(m, t << 2, d << 2, n))
        word = handler.results_word
        if word >= 0 and not (value.__class__ is int and -_SMALL <= value <= _SMALL):
            word = -1
        if word < 0 and is_awaitable(value):
            answer_later(conn, hook, handler, value, question, m)
            return True
        if conn.error is not None:
            return True  # the method has ended its own connection
        if value.__class__ is StructReader or value is not None and not results.table_:
            send_results(conn, question, put_results, results, value)
            return True
        at = out.begin_with(frame)
        k = 2 * at + 16
        out.h[k] = question & 0xFFFF
        out.h[k + 1] = question >> 16
        if word >= 0:
            out.i[at + _RESULTS_AT + word] = value
        elif value is not None:
            if handler.several:
                k = at + _RESULTS_AT
                if fill(out, k, k + 2 * results.data_, results, value):
                    refuse(results, None, value)
            else:
                k = at + _RESULTS_AT
                put_field(out, k, k + 2 * results.data_, results, 0, value)
        if (out.hi - at) << 2 == _len(frame):
            out.building = False
        else:  # Text or Data came behind the struct
            conn.check_size(out)
            out.end()
    except Exception as error:
        if out.building:
            out.rollback()
        send_exception(conn, question, hook.failed(handler, error))
    return True
