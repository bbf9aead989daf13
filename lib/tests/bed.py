# SPDX-License-Identifier: MIT
"""A test bed for the rpc layer without sockets, event loop or clock: every step is taken by hand.

Bed     vats in one process, joined by queues of messages; runs tasks and delivers messages
End     one end of a link: a connection, and the messages on their way to it
Thing   an object to call, of the interface THING
"""

import gc

from kinds import DATA, INT32, INTERFACE, LIST, STRUCT

from capnrpc_micro.limits import Limits
from capnrpc_micro.objects.client import retain
from capnrpc_micro.objects.promise import Error, Promise
from capnrpc_micro.rpc.connection import Connection
from capnrpc_micro.schema import EMPTY, Interface, Struct
from capnrpc_micro.words import MICROPYTHON

# The kinds of messages, by the union's tag in rpc.capnp.
KINDS = (
    "unimplemented",
    "abort",
    "call",
    "return",
    "finish",
    "resolve",
    "release",
    "obsoleteSave",
    "bootstrap",
    "obsoleteDelete",
    "provide",
    "accept",
    "join",
    "disembargo",
)


class Cancelled(BaseException):
    """What a task is ended with, like asyncio's CancelledError."""


class Task:
    """A coroutine that is stepped by hand."""

    def __init__(self, host, coroutine):
        self.host = host
        self.coroutine = coroutine
        self.done = False
        self.value = None
        self.error = None
        self.cancelled = False
        self.waits = 0  # how often it was suspended: a wake-up from an earlier time is void
        self.thrown = None

    def step(self):
        """Runs it until it is suspended or done."""
        if self.done:  # cancelled by a task that was ready before it
            return
        thrown = self.thrown
        self.thrown = None
        before = self.host.current
        self.host.current = self
        try:
            if thrown is None:
                self.coroutine.send(None)
            else:
                self.coroutine.throw(thrown)
            return
        except StopIteration as end:
            self.value = end.value
        except Cancelled:
            self.cancelled = True
        except Exception as error:
            self.error = error
        finally:
            self.host.current = before
        self.done = True
        self.host.alive -= 1


class Host:
    """What connections need of an event loop, without one."""

    def __init__(self):
        self.ready = []
        self.flushes = []
        self.current = None
        self.alive = 0
        self.failed = []

    def start(self, coroutine):
        task = Task(self, coroutine)
        self.alive += 1
        self.ready.append(task)
        return task

    def cancel(self, task):
        if task is not self.current and not task.done:
            task.waits += 1
            task.thrown = Cancelled()
            if task not in self.ready:
                self.ready.append(task)

    def suspend(self, promise):
        task = self.current
        task.waits += 1
        waits = task.waits

        def wake(_):
            if task.waits == waits and not task.done and task not in self.ready:
                self.ready.append(task)

        promise.then(wake)
        yield

    def flush_soon(self, conn):
        if conn not in self.flushes:
            self.flushes.append(conn)

    def step(self):
        """Runs each task that is ready once. Returns whether there was one."""
        ready = self.ready
        self.ready = []
        for task in ready:
            task.step()
            if task.error is not None:
                self.failed.append(task)
        return bool(ready)


def _with_defaults(limits):
    found = {"receive_bytes": 1024, "send_bytes": 512}
    found.update(limits)
    return found


class End:
    """One end of a link.

    inbox   frames that wait to be delivered to it
    sent    kinds of the messages that it has sent, in order
    """

    def __init__(self, bed, main, limits):
        def restore(id):
            if callable(main):
                return main(id)
            if main is None:
                raise Error("this vat has no bootstrap object")
            if id:
                raise Error("Unknown persistent service ID")
            return main

        self.bed = bed
        # A board's limits, but small buffers: all vats of a test share the heap of one board.
        self.conn = Connection(bed.host, Limits(**_with_defaults(limits)), restore)
        self.conn.on_end = self._ended
        self.inbox = []
        self.sent = []
        self.peer = None
        self.ended = 0

    def _ended(self, conn):
        self.ended += 1

    def flush(self):
        """Takes the output, as a transport does."""
        view = self.conn.output()
        while view is not None:
            at = 0
            while at < len(view):
                size = 8 + 8 * (view[at + 4] | view[at + 5] << 8 | view[at + 6] << 16)
                assert view[at] == 0 and at + size <= len(view)
                self.peer.inbox.append(bytes(view[at : at + size]))
                self.sent.append(KINDS[view[at + 16]])
                at += size
            self.conn.output_sent()
            view = self.conn.output()

    def receive(self, data):
        """Gives it bytes, a piece at a time."""
        conn = self.conn
        while len(data) and conn.error is None:
            space = conn.receiver.space()
            n = min(len(space), len(data))
            space[:n] = data[:n]
            conn.received(n)
            data = data[n:]
            while conn.process():
                self.flush()
            self.flush()

    def deliver(self):
        """Delivers one message. Returns whether there was one."""
        if not self.inbox:
            return False
        self.receive(self.inbox.pop(0))
        return True

    def bootstrap(self):
        """A Client of the other end's main object."""
        return self.conn.bootstrap(THING)

    def counts(self):
        """What is in the tables."""
        c = self.conn
        return (
            len(c.questions),
            len(c.answers),
            len(c.exports),
            len(c.imports),
            len(c.embargoes),
            c.call_bytes,
        )


class Bed:
    """Vats in one process. `a` and `b` are the ends of the first link."""

    def __init__(self):
        if MICROPYTHON:
            gc.collect()  # what an earlier bed left must not leave too small holes on a board's heap
        self.host = Host()
        self.ends = []
        self.a = self.b = None

    def link(self, left=None, right=None, left_limits=None, right_limits=None):
        """Two Ends of a new link between vats with these main objects."""
        a = End(self, left, left_limits or {})
        b = End(self, right, right_limits or {})
        a.peer = b
        b.peer = a
        self.ends += [a, b]
        self.a, self.b = self.ends[:2]
        return a, b

    def peer(self, main=None, **limits):
        """A vat's End, and a byhand.Peer at the other."""
        from byhand import Peer  # here, because most tests do without: it takes memory

        end = End(self, main, limits)
        end.peer = Peer(self, end)
        self.ends.append(end)
        return end, end.peer

    def flush(self):
        """Lets the connections send that asked for it."""
        for end in self.ends:
            if end.conn in self.host.flushes:
                end.flush()
        self.host.flushes = []

    def tasks(self):
        """Runs all tasks as far as they get without a message being delivered."""
        while self.host.step():
            self.flush()
        self.flush()

    def settle(self):
        """Runs tasks and delivers messages until there are no more."""
        busy = True
        while busy:
            self.tasks()
            busy = False
            for end in self.ends:
                busy = end.deliver() or busy

    def spawn(self, awaitable):
        """Starts a task that waits for it."""
        return self.host.start(_wait(awaitable))

    def get(self, awaitable):
        """Runs everything; the result of the awaitable, which must be there then."""
        task = self.spawn(awaitable)
        self.settle()
        assert task.done, "it waits for ever"
        if task.error is not None:
            self.host.failed.remove(task)
            raise task.error
        return task.value

    def error(self, awaitable):
        """Runs everything; the Error that the awaitable fails with."""
        try:
            self.get(awaitable)
        except Error as error:
            return error
        raise AssertionError("an Error was expected")

    def cut(self, reason="cut"):
        """All links break: what was on its way is lost."""
        for end in self.ends:
            end.inbox.clear()
            end.conn.lost(reason)
        self.tasks()
        for end in self.ends:
            end.inbox.clear()

    def check_empty(self, *things):
        """Checks that nothing is left: at both ends of all links, and of references to things."""
        self.settle()
        for task in self.host.failed:
            raise task.error
        assert self.host.alive == 0, "%d tasks are left" % self.host.alive
        for end in self.ends:
            conn = end.conn
            assert end.counts() == (0, 0, 0, 0, 0, 0), end.counts()
            assert not conn.export_ids
            assert conn.output() is None and not conn.out.hi and not conn.out.building
            assert not conn.out.caps
            assert end.ended == (conn.error is not None)
        for thing in things:
            assert thing.cap_ is None, "a reference to the object is left"


async def _wait(awaitable):
    return await awaitable


# Objects to call. Every method's parameters and results fit the struct CONTENT, whose fields have
# other names: x for y, and so on.

THING = Interface("Thing", b"\x81\x92\xa3\xb4\xc5\xd6\xe7\xf8")
OTHER = Interface("Other", b"\x81\x92\xa3\xb4\xc5\xd6\xe7\xf9")
# fmt: off
CONTENT = Struct("", 1, 1, ("x", INT32 | 0 << 5, None, "thing", INTERFACE | 0 << 5, THING))
_X = Struct("", 1, 0, ("x", INT32 | 0 << 5, None))
_Y = Struct("", 1, 0, ("y", INT32 | 0 << 5, None))
_THING = Struct("", 0, 1, ("thing", INTERFACE | 0 << 5, THING))
_BLOB = Struct("", 0, 1, ("blob", DATA | 0 << 5, None))
_BOX = Struct("Box", 0, 1, ("thing", INTERFACE | 0 << 5, THING))
_CALL = Struct("", 1, 1, ("thing", INTERFACE | 0 << 5, THING, "x", INT32 | 0 << 5, None))
_PAIR = Struct("", 0, 2, ("box", STRUCT | 0 << 5, _BOX, "thing", INTERFACE | 1 << 5, THING))
_LIST = Struct("", 0, 1, ("things", LIST | 0 << 5, (INTERFACE, THING)))
OTHER.methods_("other", EMPTY, EMPTY)
THING.methods_(
    "echo", _X, _Y,  # a plain method
    "later", _X, _Y,  # the same as a coroutine
    "self", EMPTY, _THING,
    "same", _THING, _THING,
    "callMe", _CALL, _Y,  # calls thing.echo(x)
    "fail", _X, _Y,  # fails with an error of type x
    "wait", EMPTY, _Y,  # returns when the test says so
    "keep", _THING, EMPTY,
    "blob", _BLOB, _BLOB,
    "pair", EMPTY, _PAIR,
    "hold", _THING, _THING,  # as `same`, when the test says so
    "many", _X, _LIST,
    "bare", EMPTY, EMPTY,  # not implemented
)
# fmt: on
ECHO, LATER, SELF, SAME, CALL_ME, FAIL, WAIT, KEEP, BLOB, PAIR, HOLD, MANY, BARE = range(13)


class Thing(THING.Server):
    """An object to call.

    calls     what it was called with, in order
    waiting   promises of the calls that wait for the test to settle them
    """

    def __init__(self, bed):
        self.host = bed.host
        self.calls = []
        self.waiting = []
        self.kept = None
        self.released = 0

    def released_(self):
        self.released += 1

    def echo(self, x):
        self.calls.append(x)
        return x

    async def later(self, x):
        self.calls.append(x)
        return x

    def self(self):
        return self

    def same(self, thing):
        return thing

    async def callMe(self, thing, x):
        return (await thing.echo(x)).y

    def fail(self, x):
        raise Error("as you like", x)

    async def wait(self):
        return await self.pause()

    async def pause(self):
        promise = Promise(self.host)
        self.waiting.append(promise)
        try:
            return await promise
        except Cancelled:
            self.calls.append("cancelled")
            raise

    def keep(self, thing):
        self.kept = retain(thing)

    def blob(self, blob):
        return blob

    def pair(self):
        return {"box": {"thing": self}, "thing": self}

    async def hold(self, thing):
        return await self.pause() or thing

    def many(self, x):
        return [Thing(self) for _ in range(x)]
