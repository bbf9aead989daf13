# SPDX-License-Identifier: MIT
"""Layer `rpc`: promises that one side exports, Resolve and Disembargo.

An embargo keeps the order of calls when a path gets shorter: calls that were sent to a promise are
still on their way through the peer when the promise turns out to be an object on our side, so later
calls wait until a Disembargo, sent down the same way, has come back.
"""

from ..layout import follow, new_struct
from ..objects.capability import BrokenCap, Cap, PromiseCap, leads_to
from ..objects.promise import CIRCLE, Error
from ..words import const
from .captable import import_cap, message_target, put_descriptor, release_exports
from .wire import NO_ROOM, ProtocolError, begin, body, key, put_exception, put_key, read_exception

# Of Message.
_RESOLVE = const(5)
_DISEMBARGO = const(13)

_SENDER_LOOPBACK = const(0)
_RECEIVER_LOOPBACK = const(1)


def watch(conn, id, hook):
    """Tells the peer in a Resolve what the promise, its export `id`, turns out to be."""
    if conn.resolvers is None:
        conn.resolvers = {}
    resolver = conn.resolvers[id] = _Resolver(conn, id)
    try:
        hook.when_resolved(resolver)
    except MemoryError:
        conn.resolvers.pop(id)
        raise


class Detour(Cap):
    """What the peer has named as ours, and that leads back to the peer by now. Calls that were sent to
    it before go through both vats; so that later ones do not overtake them, they go the same way."""

    def __init__(self, hook):
        Cap.__init__(self, hook.host)
        self.target = hook.retain()

    def send(self, request):
        self.target.resolved().send(request)

    def dropped(self):
        Cap.dropped(self)
        self.target.release()


# How often a promise may turn out to be another before it is taken for a circle: none of the vats on it
# can see that there is one.
_HOPS = const(32)


class _Resolver:
    """Sends the Resolve of an exported promise.

    hops   how many promises it has turned out to be already
    """

    def __init__(self, conn, id):
        self._conn = conn
        self._id = id
        self.hops = 0

    def __call__(self, promise):
        self._conn.resolvers.pop(self._id, None)
        hook = promise.resolved()
        if self.hops > _HOPS:
            hook = BrokenCap(hook.host, Error("the promise was resolved in a circle"))
        try:
            self._tell(hook)
        except Error as error:  # too many exports
            self._tell(BrokenCap(hook.host, error))

    def _tell(self, hook):
        conn = self._conn
        m = conn.out
        sent = []
        try:
            t = begin(m, _RESOLVE, 1, 1)
            put_key(m.h, 2 * t, self._id)
            if isinstance(hook, BrokenCap):
                m.h[2 * t + 2] = 1
                put_exception(m, t + 2, hook.error)
            else:
                put_descriptor(conn, m, new_struct(m, t + 2, 1, 1), hook, sent, True)
                if sent and hook.promise:
                    resolver = conn.resolvers[sent[0]]
                    resolver.hops = max(resolver.hops, self.hops + 1)
        except Error:
            m.rollback()
            raise
        except NO_ROOM as error:
            release_exports(conn, sent)
            conn.fail_output(error)
        else:
            conn.sent()


def embargo(conn, promise, hook, message=None):
    """Sends a Disembargo after the calls that went to `promise`. Returns a hook that holds later
    calls back until it has returned, and then is `hook`.

    message   results in which the promise was a pipeline: there, too, the hook takes its place, so
              that the order holds for those who read it from them
    """
    if len(conn.embargoes) >= conn.limits.embargoes:
        gate = BrokenCap(conn.host, conn.full("embargoes"))
    else:
        gate = PromiseCap(conn.host)
        id = conn.embargoes.add((gate, hook))
        gate.retain()
        hook.retain()
        m = conn.out
        try:
            t = begin(m, _DISEMBARGO, 1, 1)
            put_key(m.h, 2 * t, id)
            promise.put_target(m, new_struct(m, t + 2, 1, 1))
        except NO_ROOM as error:
            conn.fail_output(error)
        else:
            conn.sent()
    if message is not None:
        p = message.root
        for k in promise.path:
            tag, t = follow(message, p)
            p = t + 2 * (message.h[2 * tag + 2] + k)
        index = message.h[2 * p + 2]
        message.caps[index].release()
        message.caps[index] = gate.retain()
    return gate


def receive_disembargo(conn, m, p):
    """Handles a Disembargo whose pointer is at p. Returns whether it must be echoed as
    unimplemented."""
    t, q = body(m, p, 1, 1)
    context = m.h[2 * t + 2]
    id = key(m.h, 2 * t)
    if context == _SENDER_LOOPBACK:
        _send_back(conn, id, message_target(conn, m, q).resolved())
    elif context == _RECEIVER_LOOPBACK:
        lift(conn, id, None)
    else:
        return True
    return False


def _send_back(conn, id, hook):
    """Sends a Disembargo the way that calls to its target take, behind all that came before it."""
    broken = isinstance(hook, BrokenCap)  # it has become so: nothing is on its way to it
    if hook.conn is not conn and not broken:
        raise ProtocolError("Disembargo for an object that does not lead back to its sender")
    out = conn.out
    t = begin(out, _DISEMBARGO, 1, 1)
    put_key(out.h, 2 * t, id)
    out.h[2 * t + 2] = _RECEIVER_LOOPBACK
    t = new_struct(out, t + 2, 1, 1)
    if not broken:
        hook.put_target(out, t)
    conn.sent()


def lift(conn, id, error):
    """Our Disembargo `id` has come back, or with an Error will never do."""
    waiting = conn.embargoes.get(id)
    if waiting is None:
        raise ProtocolError("Disembargo with an id that was not sent")
    conn.embargoes.remove(id)
    gate, hook = waiting
    if error is not None:
        hook.release()
        hook = BrokenCap(conn.host, error).retain()
    try:
        gate.resolve(hook)
    finally:  # without memory for telling others: the connection ends, and it goes
        gate.release()


def receive_resolve(conn, m, p):
    """Handles a Resolve whose pointer is at p: what a promise of the peer's turned out to be."""
    t, q = body(m, p, 1, 1)
    h = m.h
    promise = conn.imports.get(key(h, 2 * t))
    if promise is not None and not promise.promise:
        raise ProtocolError("Resolve of a capability that is not a promise")
    which = h[2 * t + 2]
    hook = error = None
    if which == 0:
        tag, c = follow(m, q)
        hook = import_cap(conn, m, c, 2 * h[2 * tag + 2], h[2 * tag + 3], True)
        if hook is None:
            error = Error("the promise was resolved to nothing")
    elif which == 1:
        error = read_exception(m, q)
    else:
        raise ProtocolError("Resolve of an unknown kind")
    if hook is not None:
        hook.retain()
        if promise is None or leads_to(hook, promise):
            hook.release()  # in the first case it was released while the Resolve was on its way
            error = CIRCLE
    if promise is None:
        return
    promise.promise = False
    if error is not None:
        hook = BrokenCap(conn.host, error).retain()
    elif promise.used:
        target = hook.resolved()
        if target.conn is conn:
            target.used = True
        elif not isinstance(target, BrokenCap):
            try:
                gate = embargo(conn, promise, hook).retain()
            finally:
                hook.release()
            hook = gate
    promise.give_back()  # now: two promises that became each other would hold each other for ever
    promise.became(hook)
