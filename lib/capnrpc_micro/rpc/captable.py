# SPDX-License-Identifier: MIT
"""Layer `rpc`: capabilities in messages, and the two tables behind them.

exports   our hooks that the peer refers to, with how often each was sent
imports   the peer's capabilities that we refer to, with how often each was received
"""

from ..layout import list_at
from ..message import MessageError
from ..objects.capability import BrokenCap, Cap
from ..objects.client import release_hooks
from ..objects.promise import UNIMPLEMENTED, Error
from ..words import const
from .wire import RELEASE_FRAME, ProtocolError, body, key, on_demand, put_key, send_pair

_STRUCT = const(15)  # the kind, as in `layout`

# CapDescriptor.
_NONE = const(0)
_SENDER_HOSTED = const(1)
_SENDER_PROMISE = const(2)
_RECEIVER_HOSTED = const(3)
_RECEIVER_ANSWER = const(4)
_THIRD_PARTY_HOSTED = const(5)

# What an answer is charged for a promise of a capability in its results.
_PIPELINE_BYTES = 256


# A dict is replaced when it has less than a quarter of the entries that it has had, or than so many.
_SPARE = const(16)


def smaller(table):
    """The same entries in a new dict. Dicts never shrink, and on MicroPython each entry that was removed
    goes on to take time."""
    try:
        return dict(table)
    except MemoryError:
        return table


class Slots:
    """A table keyed by ids that we give out: a list, ids that were freed last first.

    A list and not a dict, because a dict that a peer has made large once stays slow. A free place
    holds the next free id, so that freeing one takes no memory.

    most   how many items it ever had at a time, up to the last time that it was empty
    """

    def __init__(self):
        self.items = []
        self._free = -1
        self._used = 0
        self.most = 0

    def add(self, item):
        """Puts an item in. Returns its id."""
        id = self._free
        if id < 0:
            id = len(self.items)
            self.items.append(item)
        else:
            self._free = self.items[id]
            self.items[id] = item
        self._used += 1
        return id

    def get(self, id):
        """The item with an id (a table key, see `wire.key`), or None."""
        if isinstance(id, int) and id < len(self.items):
            item = self.items[id]
            if item.__class__ is not int:
                return item
        return None

    def remove(self, id):
        """Takes an item out, so that its id can be given out again."""
        self._used -= 1
        if self._used:
            self.items[id] = self._free
            self._free = id
        else:
            self.most = self.high()
            self.items.clear()
            self._free = -1

    def __len__(self):
        return self._used

    def high(self):
        """How many items it ever had at a time."""
        return max(self.most, len(self.items))

    def last(self):
        """The highest id that is in use, of a table to which nothing is added any more."""
        items = self.items
        while items[-1].__class__ is int:
            items.pop()
        return len(items) - 1

    def values(self):
        """The items, as a list."""
        return [item for item in self.items if item.__class__ is not int]


class Import(Cap):
    """A capability that the peer exports.

    id          the peer's export id, a table key
    received    how often the peer has sent it to us: what a Release gives back
    promise     whether the peer will still tell, in a Resolve, what it turned out to be
    used        whether calls have been sent to it
    """

    def __init__(self, conn, id, promise):
        Cap.__init__(self, conn.host)
        self.conn = conn
        self.used = False
        self.resolution = self._watchers = None
        self.id = id
        self.received = 0
        self.promise = promise

    def call(self, interface, ordinal, args, kwargs):
        return on_demand.call(self.conn, self, interface, ordinal, args, kwargs)

    def send(self, request):
        on_demand.forward(self.conn, self, request)

    def put_target(self, m, t):
        """Builds a MessageTarget for it at t."""
        put_key(m.h, 2 * t, self.id)

    def describe(self, m, t):
        """Builds a CapDescriptor for it at t, in a message to its own host."""
        m.h[2 * t] = _RECEIVER_HOSTED
        put_key(m.h, 2 * t + 2, self.id)

    def dropped(self):
        Cap.dropped(self)
        self.give_back()

    def give_back(self):
        """Nothing is sent to it any more: its Release goes, and its entry in the table."""
        conn = self.conn
        if conn.error is None and conn.imports.get(self.id) is self:
            conn.imports.pop(self.id)
            if len(conn.imports) + _SPARE << 2 < conn.import_room:
                conn.imports = smaller(conn.imports)
                conn.import_room = len(conn.imports)
            send_release(conn, self.id, self.received)


# Sending.


def put_captable(conn, m, p, settles=False):
    """Builds the capability table of m.caps at pointer p and empties m.caps.

    settles   see put_descriptor

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
                put_descriptor(conn, m, at + 2, hook, sent, settles)
            at += 4
    except Exception:
        release_exports(conn, sent)
        raise
    return sent


def put_descriptor(conn, m, t, hook, sent, settles):
    """Builds the CapDescriptor of a hook at t; appends the id to `sent` if it is an export.

    settles   whether the peer may have a promise of it, to which calls are on their way (a Return, a
              Resolve): then a promise of the peer's own does not go back as such but as one of ours.
              Else its path would get two steps shorter at once, and the calls overtake each other
              (at Disembargo in rpc.capnp: the Tribble 4-way race).

    Raises MessageError, and Error when there are too many exports.
    """
    hook = hook.resolved()
    if hook.conn is conn and not (settles and hook.promise):
        hook.describe(m, t)
        return
    sent.append(-1)  # first: then nothing can go wrong between counting and telling
    try:
        id = sent[-1] = _export(conn, hook)
    except Exception:
        sent.pop()
        raise
    m.h[2 * t] = _SENDER_PROMISE if hook.promise else _SENDER_HOSTED
    put_key(m.h, 2 * t + 2, id)


def _export(conn, hook):
    id = conn.export_ids.get(hook)
    counts = conn.export_counts
    if id is None:
        exports = conn.exports
        if len(exports) >= conn.limits.exports:
            raise conn.full("exports")
        id = exports.add(hook)
        try:
            if id == len(counts):
                counts.append(0)
            conn.export_ids[hook] = id
            conn.export_room = max(conn.export_room, len(conn.export_ids))
            if hook.promise:
                on_demand.watch(conn, id, hook)
        except Exception:
            exports.remove(id)
            conn.export_ids.pop(hook, None)
            raise
        hook.retain()
    counts[id] += 1
    return id


def drop_export(conn, id, hook):
    """The peer refers to it no more, or is gone."""
    if conn.resolvers:
        resolver = conn.resolvers.pop(id, None)
        if resolver is not None:
            hook.forget(resolver)
    hook.release()


def release_exports(conn, ids):
    """The peer gives back one reference to each of these exports."""
    for id in ids:
        release_export(conn, id, 1)


def release_export(conn, id, count):
    """The peer gives back `count` references to an export. Raises ProtocolError."""
    hook = conn.exports.get(id)
    if hook is None:
        raise ProtocolError("Release of an export that does not exist")
    counts = conn.export_counts
    if not isinstance(count, int) or count > counts[id]:
        raise ProtocolError("Release of more references than were sent")
    counts[id] -= count
    if not counts[id]:
        conn.export_ids.pop(hook)
        conn.exports.remove(id)
        if not conn.export_ids:
            counts.clear()
        if len(conn.export_ids) + _SPARE << 2 < conn.export_room:
            conn.export_ids = smaller(conn.export_ids)
            conn.export_room = len(conn.export_ids)
        drop_export(conn, id, hook)


# Receiving.


def import_caps(conn, m, p, settles=False):
    """The hooks of the capability table at pointer p, each retained (None for null entries).

    Raises MessageError; Error when there are too many, having given all back.
    """
    entries = structs_at(m, p)
    if len(conn.imports) + len(entries) > conn.limits.imports:
        for entry in entries:
            on_demand.give_back(conn, entry)
        raise conn.full("imports")
    caps = []
    try:
        for entry in entries:
            hook = import_cap(conn, m, entry._t >> 2, entry._d >> 2, entry._n, settles)
            caps.append(hook and hook.retain())
    except Exception:
        release_hooks(caps)
        raise
    return caps


def structs_at(m, p):
    """The list of structs at pointer p, of which whole words are read without a schema."""
    entries = list_at(m, p, 2, _STRUCT, None)
    if entries._d & 7:
        raise MessageError("list of numbers where structs are expected")
    return entries


def import_cap(conn, m, t, d, n, settles):
    """The hook that the CapDescriptor at t (d words of 32 bits, n pointers) stands for, or None.

    settles   whether there may be a promise of it, as in put_descriptor
    """
    h = m.h
    which = h[2 * t] if d else 0
    if which == _NONE:
        return None
    id = key(h, 2 * t + 2)
    if which == _RECEIVER_HOSTED:
        hook = conn.exports.get(id)
        if hook is None:
            return _broken(conn, Error("receiverHosted names an export that does not exist"))
        return own(conn, hook, settles)
    if which == _RECEIVER_ANSWER and n:
        return own(conn, promised_answer(conn, m, t + d), settles)
    if which == _THIRD_PARTY_HOSTED and n:
        id = key(h, 2 * body(m, t + d, 1, 1)[0])  # through the vine
    elif which > _SENDER_PROMISE:
        return _broken(conn, Error("capability descriptor of an unknown kind", UNIMPLEMENTED))
    hook = conn.imports.get(id)
    if hook is None:
        hook = conn.imports[id] = Import(conn, id, which == _SENDER_PROMISE)
        conn.most_imports = max(conn.most_imports, len(conn.imports))
        conn.import_room = max(conn.import_room, len(conn.imports))
    hook.received += 1
    return hook


def own(conn, hook, settles):
    """The hook of what came to the peer from here, see import_cap."""
    hook = hook.resolved()
    return on_demand.Detour(hook) if settles and hook.conn is conn else hook


def _broken(conn, error):
    return BrokenCap(conn.host, error)


def send_release(conn, id, count):
    """Gives back `count` references to the peer's export."""
    send_pair(conn, RELEASE_FRAME, id, count)


def promised_answer(conn, m, p):
    """The hook that the PromisedAnswer at pointer p leads to; a BrokenCap if it leads nowhere.

    Raises MessageError.
    """
    t, q = body(m, p, 1, 1)
    answer = conn.answers.get(key(m.h, 2 * t))
    path = []
    for op in structs_at(m, q):
        t = op._t >> 1
        which = m.h[t] if op._d else 0
        if which == 1:  # getPointerField
            path.append(m.h[t + 1])
        elif which:
            raise ProtocolError("transform with an unknown operation")
    path = tuple(path)
    if answer is None:
        return _broken(conn, Error("pipelined on a call that has no capabilities or is finished"))
    if answer.charge(path, _PIPELINE_BYTES + 8 * len(path)):
        return answer.pipeline(path)
    return _broken(conn, conn.full("call_bytes"))


def message_target(conn, m, p):
    """The hook that the MessageTarget at pointer p names. Raises MessageError."""
    t, q = body(m, p, 1, 1)
    which = m.h[2 * t + 2]
    if which == 1:
        return promised_answer(conn, m, q)
    hook = conn.exports.get(key(m.h, 2 * t))
    if which or hook is None:
        raise ProtocolError("Message target is not a current export id")
    return hook
