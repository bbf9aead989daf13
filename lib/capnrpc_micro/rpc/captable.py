# SPDX-License-Identifier: MIT
"""Layer `rpc`: capabilities in messages, and the two tables behind them.

exports   our hooks that the peer refers to, with how often each was sent
imports   the peer's capabilities that we refer to, with how often each was received
"""

from ..layout import list_at
from ..message import MessageError
from ..objects.capability import BrokenCap
from ..objects.client import release_hooks
from ..objects.promise import OVERLOADED, UNIMPLEMENTED, Error
from ..words import const
from .hooks import Import
from .tables import ProtocolError, key, put_key
from .wire import (
    CAP_NONE,
    GET_POINTER_FIELD,
    NOOP,
    RECEIVER_ANSWER,
    RECEIVER_HOSTED,
    RELEASE_FRAME,
    RESOLVE,
    SENDER_HOSTED,
    SENDER_PROMISE,
    THIRD_PARTY_HOSTED,
    begin,
    body,
    put_exception,
    send_pair,
)

_STRUCT = const(15)  # the kind, as in `layout`

# What an answer is charged for a promise of a capability in its results.
_PIPELINE_BYTES = 256


class Export:
    """An entry of the exports table: a hook and how often the peer has been sent it.

    resolver   the _Resolver that waits for it, when it is a promise
    """

    def __init__(self, hook):
        self.hook = hook
        self.sent = 0
        self.resolver = None


# Sending.


def put_captable(conn, m, p):
    """Builds the capability table of m.caps at pointer p and empties m.caps.

    Returns the ids of the exports in it, one for each time sent. Raises MessageError and, when there
    are too many, Error; then nothing is exported.
    """
    caps = m.caps
    m.caps = []
    n = len(caps)
    at = m.alloc(4 * n + 2)
    m.i[p] = (at - p - 2) << 1 | 1
    m.h[2 * p + 2] = (2 * n & 0x1FFF) << 3 | 7
    m.h[2 * p + 3] = 2 * n >> 13
    m.i[at] = n << 2
    m.h[2 * at + 2] = m.h[2 * at + 3] = 1
    sent = []
    try:
        for hook in caps:
            if hook is not None:
                put_descriptor(conn, m, at + 2, hook, sent)
            at += 4
    except Exception:
        release_exports(conn, sent)
        raise
    return sent


def put_descriptor(conn, m, t, hook, sent):
    """Builds the CapDescriptor of a hook at t; appends the id to `sent` if it is an export.

    Raises MessageError, and Error when there are too many exports.
    """
    hook = hook.resolved()
    if hook.conn is conn:
        hook.describe(m, t)
        return
    id = _export(conn, hook)
    sent.append(id)
    m.h[2 * t] = SENDER_PROMISE if hook.promise else SENDER_HOSTED
    put_key(m.h, 2 * t + 2, id)


def _export(conn, hook):
    id = conn.export_ids.get(hook)
    if id is None:
        if len(conn.exports) >= conn.limits.exports:
            raise Error("too many capabilities are held over this connection", OVERLOADED)
        export = Export(hook)
        id = conn.exports.add(export)
        conn.export_ids[hook.retain()] = id
        if hook.promise:
            export.resolver = _Resolver(conn, id)
            hook.when_resolved(export.resolver)
    conn.exports.items[id].sent += 1
    return id


class _Resolver:
    """Tells the peer what an exported promise turned out to be."""

    def __init__(self, conn, id):
        self._conn = conn
        self._id = id

    def __call__(self, promise):
        hook = promise.resolved()
        try:
            self._tell(hook)
        except Error as error:
            self._tell(BrokenCap(hook.host, error))

    def _tell(self, hook):
        conn = self._conn
        m = conn.out
        try:
            t = begin(m, RESOLVE, 1, 1)
            put_key(m.h, 2 * t, self._id)
            if isinstance(hook, BrokenCap):
                m.h[2 * t + 2] = 1
                put_exception(m, t + 2, hook.error)
            else:
                at = m.alloc(4)
                m.i[t + 2] = (at - t - 4) << 1
                m.h[2 * t + 6] = m.h[2 * t + 7] = 1
                put_descriptor(conn, m, at, hook, [])
        except Error:
            m.rollback()
            raise
        except (MessageError, MemoryError) as error:
            conn.fail_output(error)
        else:
            conn.sent()


def drop_export(conn, export):
    """The peer refers to it no more, or is gone."""
    hook = export.hook
    if export.resolver is not None:
        hook.forget(export.resolver)
    hook.release()


def release_exports(conn, ids):
    """The peer gives back one reference to each of these exports."""
    for id in ids:
        release_export(conn, id, 1)


def release_export(conn, id, count):
    """The peer gives back `count` references to an export. Raises ProtocolError."""
    export = conn.exports.get(id)
    if export is None:
        raise ProtocolError("Release of an export that does not exist")
    if not isinstance(count, int) or count > export.sent:
        raise ProtocolError("Release of more references than were sent")
    export.sent -= count
    if export.sent == 0:
        del conn.export_ids[export.hook]
        if not conn.export_ids:
            conn.export_ids = {}  # dicts never shrink
        conn.exports.remove(id)
        drop_export(conn, export)


# Receiving.


def import_caps(conn, m, p):
    """The hooks of the capability table at pointer p, each retained (None for null entries).

    Raises MessageError; Error when there are too many, having given all back.
    """
    entries = structs_at(m, p)
    caps = []
    if len(conn.imports) + len(entries) > conn.limits.imports:
        for entry in entries:
            _give_back(conn, entry)
        raise Error("too many capabilities are held over this connection", OVERLOADED)
    try:
        for entry in entries:
            hook = import_cap(conn, m, entry._t >> 2, entry._d >> 2, entry._n)
            caps.append(hook and hook.retain())
    except MessageError:
        release_hooks(caps)
        raise
    return caps


def structs_at(m, p):
    """The list of structs at pointer p, of which whole words are read without a schema."""
    entries = list_at(m, p, 2, _STRUCT, None)
    if entries._d & 7:
        raise MessageError("list of numbers where structs are expected")
    return entries


def import_cap(conn, m, t, d, n):
    """The hook that the CapDescriptor at t (d words of 32 bits, n pointers) stands for, or None."""
    h = m.h
    which = h[2 * t] if d else 0
    if which == CAP_NONE:
        return None
    if which == SENDER_HOSTED or which == SENDER_PROMISE:
        return _import(conn, key(h, 2 * t + 2), which == SENDER_PROMISE)
    if which == RECEIVER_HOSTED:
        export = conn.exports.get(key(h, 2 * t + 2))
        if export is not None:
            return export.hook.resolved()
        return BrokenCap(conn.host, Error("receiverHosted names an export that does not exist"))
    if which == RECEIVER_ANSWER and n:
        return promised_answer(conn, m, t + d)
    if which == THIRD_PARTY_HOSTED and n:
        q, _ = body(m, t + d, 1, 1)
        return _import(conn, key(h, 2 * q), False)  # through the vine
    return BrokenCap(conn.host, Error("capability descriptor of an unknown kind", UNIMPLEMENTED))


def _import(conn, id, unsettled):
    hook = conn.imports.get(id)
    if hook is None:
        hook = conn.imports[id] = Import(conn, id, unsettled)
    hook.received += 1
    return hook


def _give_back(conn, entry):
    m = entry._m
    t = entry._t >> 2
    which = m.h[2 * t] if entry._d else 0
    if which == SENDER_HOSTED or which == SENDER_PROMISE:
        send_release(conn, key(m.h, 2 * t + 2), 1)
    elif which == THIRD_PARTY_HOSTED and entry._n:
        t, _ = body(m, t + (entry._d >> 2), 1, 1)
        send_release(conn, key(m.h, 2 * t), 1)


def send_release(conn, id, count):
    """Gives back `count` references to the peer's export."""
    send_pair(conn, RELEASE_FRAME, id, count)


def promised_answer(conn, m, p):
    """The hook that the PromisedAnswer at pointer p leads to; a BrokenCap if it leads nowhere.

    Raises MessageError.
    """
    t, q = body(m, p, 1, 1)
    answer = conn.answers.get(key(m.h, 2 * t))
    path = _path(m, q)
    if answer is None:
        why = Error("pipelined on a call that has no capabilities or is finished")
    elif answer.charge(path, _PIPELINE_BYTES + 8 * len(path)):
        return answer.pipeline(path)
    else:
        why = Error("calls under way fill the memory", OVERLOADED)
    return BrokenCap(conn.host, why)


def _path(m, p):
    """The pointer indexes of the transform list at pointer p, a tuple. Raises MessageError."""
    path = []
    for op in structs_at(m, p):
        t = op._t >> 1
        which = m.h[t] if op._d else 0
        if which == GET_POINTER_FIELD:
            path.append(m.h[t + 1])
        elif which != NOOP:
            raise ProtocolError("transform with an unknown operation")
    return tuple(path)


def message_target(conn, m, p):
    """The hook that the MessageTarget at pointer p names. Raises MessageError."""
    t, q = body(m, p, 1, 1)
    which = m.h[2 * t + 2]
    if which == 0:
        export = conn.exports.get(key(m.h, 2 * t))
        if export is None:
            raise ProtocolError("Message target is not a current export id")
        return export.hook
    if which == 1:
        return promised_answer(conn, m, q)
    raise ProtocolError("message target of an unknown kind")
