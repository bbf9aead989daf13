# SPDX-License-Identifier: MIT
"""Layer `rpc`: messages that one side does not know, capabilities that are refused, and statistics."""

from ..layout import new_struct, on_demand
from ..message import MessageError
from ..objects.promise import UNIMPLEMENTED, Error
from ..words import const
from .captable import release_export, release_exports, send_release
from .promises import lift
from .wire import ProtocolError, body, key

# Of Message.
_UNIMPLEMENTED = const(0)
_ABORT = const(1)
_CALL = const(2)
_RETURN = const(3)
_FINISH = const(4)
_RESOLVE = const(5)
_RELEASE = const(6)
_BOOTSTRAP = const(8)
_DISEMBARGO = const(13)

# CapDescriptor.
_SENDER_HOSTED = const(1)
_SENDER_PROMISE = const(2)
_THIRD_PARTY_HOSTED = const(5)

# Capabilities of a message that is sent back as it came: only the pointers to them are copied.
_ANY_CAPS = range(0xFFFF)


def echo(conn, m):
    """Tells the peer that we do not know a message."""
    out = conn.out
    out.begin()
    t = new_struct(out, out.lo, 1, 1)
    out.h[2 * t] = _UNIMPLEMENTED
    m.caps = _ANY_CAPS
    try:
        on_demand.copy_pointer(out, t + 2, m, m.lo)
    except MessageError:
        out.rollback()
        raise
    finally:
        m.caps = None
        out.caps = []
    conn.sent()


def receive_unimplemented(conn, m, p):
    """Handles an Unimplemented: a message of ours that the peer does not know stands at pointer p."""
    t, q = body(m, p, 1, 1)
    which = m.h[2 * t]
    if which in (_ABORT, _FINISH, _RELEASE):
        return  # it keeps what it need not keep: that is its own affair
    t, q = body(m, q, 1, 1)
    id = key(m.h, 2 * t)
    error = Error("not implemented by the peer", UNIMPLEMENTED)
    question = conn.questions.get(id)
    asked = question is not None and question.tail is question.source is None
    if asked and which in (_CALL, _BOOTSTRAP):
        conn.questions.remove(id)
        release_exports(conn, question.exports)
        question.returned(None, error)
    elif which == _RETURN:
        answer = conn.answers.get(id)
        if answer is not None:
            answer.finish(0)
    elif which == _RESOLVE:
        if m.h[2 * t + 2] == 0:
            t, _ = body(m, q, 1, 0)
            if m.h[2 * t] in (_SENDER_HOSTED, _SENDER_PROMISE):
                release_export(conn, key(m.h, 2 * t + 2), 1)
    elif which == _DISEMBARGO:
        if not m.h[2 * t + 2]:  # without it nothing tells when the order is safe
            lift(conn, id, error)
    else:
        raise ProtocolError("Peer does not implement a message that it must implement")


def give_back(conn, entry):
    """Releases what a CapDescriptor, an element of a list of structs, has brought."""
    m = entry._m
    t = entry._t >> 2
    which = m.h[2 * t] if entry._d else 0
    if which == _SENDER_HOSTED or which == _SENDER_PROMISE:
        send_release(conn, key(m.h, 2 * t + 2), 1)
    elif which == _THIRD_PARTY_HOSTED and entry._n:
        t, _ = body(m, t + (entry._d >> 2), 1, 1)
        send_release(conn, key(m.h, 2 * t), 1)


def stats(conn):
    """See Connection.stats."""
    return {
        "questions": len(conn.questions),
        "answers": len(conn.answers),
        "exports": len(conn.exports),
        "imports": len(conn.imports),
        "embargoes": len(conn.embargoes),
        "running": conn.running,
        "call_bytes": conn.call_bytes,
        "bytes_in": conn.bytes_in,
        "bytes_out": conn.bytes_out,
        "refused": conn.refused,
        "most_questions": conn.questions.high(),
        "most_answers": conn.most_answers,
        "most_exports": conn.exports.high(),
        "most_imports": conn.most_imports,
        "most_output": conn.most_output,
    }
