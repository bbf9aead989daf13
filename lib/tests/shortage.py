# SPDX-License-Identifier: MIT
"""A vat whose memory runs out at a chosen point, among vats that have enough.

Once, Stuck, Locked   where memory is short, and for how long
Short                 a Bed in which one vat, the board, is short of memory
exhaust               runs a scenario with every allocation failing in its turn

Short of memory is what the transport and the event loop start on the board: process(), output(), lost()
and the like, and tasks. It is judged by what can be seen from outside: what is raised, what is sent, and
what is left in the tables.
"""

from bed import Bed, Cancelled, End, Host, Task, Thing
from run import skip

from capnrpc_micro.extra import load_all
from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.promise import DISCONNECTED, OVERLOADED, Error

try:
    import emu
except ImportError:
    emu = None
try:
    from micropython import heap_lock, heap_unlock
except ImportError:
    heap_lock = heap_unlock = None


class Once:
    """The n-th allocation fails, and no other: a large one, say, while the heap is full of holes.

    n   0 for none
    """

    times = 1

    def __init__(self, n):
        self.failed = False  # whether an allocation has failed
        self.count = 0  # how many there were
        emu.fail_after(n, self.times)

    def enter(self):
        """Control comes to the board: from here on it counts."""
        emu.count(True)

    def leave(self):
        """Control is back at the transport or the event loop."""
        emu.count(False)
        self.count = emu.allocations()
        self.failed = emu.failures() > 0

    def pause(self):
        """Until resume() it does not count."""
        return emu.count(False)

    def resume(self, paused):
        """Ends what pause() began."""
        emu.count(paused)


class Stuck(Once):
    """The n-th allocation fails, and all that follow until the transport or the event loop has
    control again: the heap is full to its end."""

    times = -1

    def leave(self):
        if self.failed:
            emu.count(False)
            return
        Once.leave(self)
        if self.failed:
            emu.fail_after(0)


class Locked:
    """The n-th time that control comes to the board no allocation succeeds there.

    It needs no `emu`, so it works on every MicroPython.
    """

    def __init__(self, n):
        self.failed = False
        self.count = 0
        self._n = n
        self._locked = False

    def enter(self):
        self.count += 1
        if self.count == self._n:
            self.failed = self._locked = True
            heap_lock()

    def leave(self):
        if self._locked:
            self._locked = False
            heap_unlock()

    def pause(self):
        locked = self._locked
        self.leave()
        return locked

    def resume(self, paused):
        if paused:
            self._locked = True
            heap_lock()


class _BoardHost(Host):
    """The board's event loop. Its own work takes no memory, as asyncio's does not, but for tasks."""

    def __init__(self, shortage):
        Host.__init__(self)
        self.shortage = shortage
        self.counts = False

    def start(self, coroutine):
        task = Task(self, coroutine)
        self.ready.append(task)  # if there is no memory for this, it has not begun
        self.alive += 1
        return task

    def cancel(self, task):
        paused = self.shortage.pause()
        Host.cancel(self, task)
        self.shortage.resume(paused)

    def flush_soon(self, conn):
        paused = self.shortage.pause()
        Host.flush_soon(self, conn)
        self.shortage.resume(paused)

    def step(self):
        ready = self.ready
        self.ready = []
        for task in ready:
            thrown = task.thrown
            task.thrown = None
            before = self.current
            self.current = task
            self._step(task, thrown)
            self.current = before
            if task.done:
                self.alive -= 1
            if task.error is not None:
                self.failed.append(task)
        return bool(ready)

    def _step(self, task, thrown):
        leave = self.shortage.leave if self.counts else _nothing
        coroutine = task.coroutine
        if self.counts:
            self.shortage.enter()
        try:
            if thrown is None:
                coroutine.send(None)
            else:
                coroutine.throw(thrown)
            leave()
        except StopIteration as end:
            leave()
            task.done = True
            task.value = end.value
        except Cancelled:
            leave()
            task.done = task.cancelled = True
        except Exception as error:
            leave()
            task.done = True
            task.error = _kept(error)


def _nothing():
    pass


def _kept(error):
    """An exception that may be kept. Without memory MicroPython makes all in one place, so that
    the next overwrites it."""
    return error if isinstance(error, Error) else Exception(error.__class__.__name__)


class _Of:
    """What an End and a Thing of the board take for their bed."""

    def __init__(self, host):
        self.host = host


_ENTRIES = ("received", "process", "output", "output_sent", "lost")


class _Guard:
    """Stands for a Connection of the board before its transport, an End.

    counts   whether its work is short of memory
    """

    def __init__(self, bed, conn):
        self._bed = bed
        self.conn = conn
        self.counts = False
        self._lost = False  # what was read: there was no place to read it to

    def __getattr__(self, name):
        value = getattr(self.conn, name)
        if not self.counts:
            return value
        if name in _ENTRIES:
            return lambda *arguments: self._enter(name, value, arguments)
        return self if name == "receiver" else value

    def _enter(self, name, fn, arguments):
        if self._lost and name != "output":
            return False
        shortage = self._bed.shortage
        error = None
        n = arguments[0] if arguments else None
        shortage.enter()  # from here on nothing of this function takes memory
        try:
            return fn() if n is None else fn(n)
        except Exception as met:
            error = met
        finally:
            shortage.leave()
        self._bed.wrong("%s from %s()" % (error.__class__.__name__, name), error)
        self.counts = False
        if self.conn.error is None:
            self.conn.lost("the library failed")
        return None

    def space(self):
        """Where to read to. A transport that gets no memory for it tells the peer so."""
        shortage = self._bed.shortage
        shortage.enter()
        try:
            return self.conn.receiver.space()
        except MemoryError:
            pass
        finally:
            shortage.leave()
        self._lost = True
        self.conn.abort(Error("no memory to read to", OVERLOADED))
        return bytearray(8)


class _Peer(End):
    """The other end of a link of the board's."""

    def receive(self, data):
        if data:
            End.receive(self, data)
        else:
            self.conn.lost("closed by the board")


class Short(Bed):
    """Vats joined by queues, one of which, the board, is short of memory from begin() on.

    server    the board's main object
    at_a      the object of the vat at the other end of the board's first link
    a         that vat's End, `there` its Client of `server`
    back      the board's Client of `at_a`
    problems  what went wrong, as text
    errors    errors that calls got because memory was short
    """

    def __init__(self, shortage, server=Thing):
        Bed.__init__(self)
        self.shortage = shortage
        self.board = _BoardHost(shortage)
        self.problems = []
        self.errors = []
        self._guards = []
        self._asked = []
        self._programs = []
        self._disconnects = False
        self._held = []
        self.on_board = _Of(self.board)
        self.server = server(self.on_board)
        self.server.far = None  # a Client of the board's, for some servers
        self.at_a = Thing(self)
        self.things = [self.server, self.at_a]  # nobody may refer to them in the end
        self.a = self.join(self.at_a)
        self._witness = self.join()
        self.there = self.hold(self.a.bootstrap())
        self.back = self.hold(self.a.peer.bootstrap())
        self._other = self.hold(self._witness.bootstrap())
        self.settle()
        self.get(self._other.echo(0))

    def wrong(self, what, error=None):
        """Notes what must not be."""
        self.problems.append(what)

    def join(self, main=None):
        """A new link of the board's: the End of the vat at its other end, whose object is `main`."""
        end = _Peer(self, main, {})
        other = End(self.on_board, self.server, {})
        other.conn = _Guard(self, other.conn)
        self._guards.append(other.conn)
        end.peer, other.peer = other, end
        self.ends += [end, other]
        return end

    def begin(self):
        """From here on the board is short of memory, but for what it does for the witness."""
        for guard in self._guards:
            guard.counts = guard is not self._witness.peer.conn
        self.board.counts = True

    def far(self):
        """A third vat, reached by a's and by the board: (a's Client, the board's) of its object."""
        self.at_c = Thing(self)
        self.things.append(self.at_c)
        end, other = Bed.link(self, None, self.at_c)
        self.c = self.join(self.at_c)
        return self.hold(end.bootstrap()), self.hold(self.c.peer.bootstrap())

    def disconnects(self):
        """From here on calls may fail because they are disconnected."""
        self._disconnects = True

    def hold(self, thing):
        """Releases a Client, or a call's results, in the end. Returns it."""
        self._held.append(thing)
        return thing

    def ask(self, call, want=None, fails=None):
        """Waits for a call of a peer's program, and judges it in the end. Returns it.

        want    what y must be in its results
        fails   the type of the Error that it must get instead
        """
        self._asked.append((self.spawn(call), want, fails))
        return self.hold(call)

    def get_or_not(self, call):
        """Runs everything: the results of a peer's call, or None."""
        self.ask(call)
        self.settle()
        task = self._asked[-1][0]
        self._held.pop()
        return task.value

    def run(self, program):
        """Starts program(bed, kept) on the board, which deals with what the library tells it: Errors
        and MemoryError. What it has put into the list `kept` is released in the end, whatever it
        met: a program must be able to clean up without memory."""
        kept = [None] * 8
        self._programs.append(Host.start(self.board, self._run(program(self, kept), kept)))

    async def _run(self, program, kept):
        met = None
        try:
            await program
        except Exception as error:
            met = error if isinstance(error, Error) else error.__class__
        for thing in kept:
            if thing is not None:
                try:
                    release(thing)
                except MemoryError:
                    self.wrong("MemoryError from release()")
        return met

    # The loop.

    def tasks(self):
        busy = True
        while busy:
            busy = self.host.step()
            busy = self.board.step() or busy
            self.flush()

    def flush(self):
        Bed.flush(self)
        flushes = self.board.flushes
        self.board.flushes = []
        for end in self.ends:
            if isinstance(end.conn, _Guard) and end.conn.conn in flushes:
                end.flush()

    def settle(self):
        Bed.settle(self)
        while self._close():
            Bed.settle(self)

    def _close(self):
        """Closes links one of whose ends has ended. Returns whether there was one."""
        closed = False
        for end in self.ends:
            peer = end.peer
            if end.conn.error is not None and peer.conn.error is None:
                closed = True
                if isinstance(end.conn, _Guard):
                    peer.inbox.append(b"")
                else:
                    peer.inbox.clear()
                    peer.conn.lost("closed by the peer")
                    peer.flush()
        return closed

    # The end.

    def go_on(self):
        """What waits in a handler of the test's goes on."""
        for thing in self.things:
            waiting = thing.waiting
            thing.waiting = []
            for promise in waiting:
                promise.resolve(None)
        self.settle()

    def aborted(self):
        """Whether a connection of the board's has ended."""
        for guard in self._guards:
            if guard.error is not None:
                return True
        return False

    def finish(self):
        """Checks that the board has answered everything, still serves, and keeps nothing."""
        self.settle()
        for _ in range(3):
            self.go_on()
        for guard in self._guards:
            guard.counts = False
        self.board.counts = False
        self.server.far = None
        for task in self._programs:
            if not task.done:
                self.wrong("a program waits for ever")
            elif task.value is not None and not (
                task.value is MemoryError and self.shortage.failed
            ):
                what = self._refused(task.value)
                if what:
                    self.wrong("a program has met %s" % what)
        for at, (task, want, fails) in enumerate(self._asked):
            what = self._judge(task, want, fails)
            if what:
                self.wrong("call %d: %s" % (at, what))
        self._serves("an old connection", self._witness, self._other)
        new = self.join(Thing(self))
        self._serves("a new connection", new, self.hold(new.bootstrap()))
        if self.a.conn.error is None:
            self._serves("the same connection", self.a, self.there)
        for thing in self._held:
            release(thing)
        for thing in self.things:
            if thing.kept is not None:
                release(thing.kept)
        self.settle()
        for task in self.board.failed:
            self.wrong("a task of the board's ended with %s" % task.error)
        if self.board.alive:
            self.wrong("%d tasks of the board's are left" % self.board.alive)
        try:
            self.check_empty(*self.things)
        except Exception as error:
            self.wrong("left: %s" % error)
        for thing in self.things:
            if not thing.released:
                self.wrong("an object was not told that it is released")

    def _judge(self, task, want, fails):
        """What is wrong with how a call ended, or None."""
        if not task.done:
            return "it waits for ever"
        error = task.error
        if error is None:
            if fails is not None:
                return "an Error was expected"
            if want is not None and task.value.y != want:
                return "%r is wrong" % task.value.y
            return None
        self.host.failed.remove(task)
        if isinstance(error, Error) and error.type == fails:
            return None
        return self._refused(error)

    def _refused(self, error):
        """What is wrong with the error that a call or a program has met, or None."""
        if isinstance(error, Error):
            if error.type == OVERLOADED and (self.shortage.failed or self._disconnects):
                self.errors.append(error)
                return None
            if error.type == DISCONNECTED and self._disconnects:
                return None
            if self.shortage.failed and "pipelined on a call" in error.reason:
                return None  # which was refused, and nothing was kept of it
        return str(error)

    def _serves(self, what, end, client):
        """Notes it if `client`, over the link of `end`, does not work as ever."""
        mine = Thing(self)
        calls = [client.echo(7), client.later(8), client.callMe(mine, 9)]
        calls.append(self.hold(client.self()).thing.echo(10))
        tasks = [self.spawn(call) for call in calls]
        self.settle()
        for k, task in enumerate(tasks):
            if not task.done:
                self.wrong("%s: a call waits for ever" % what)
            elif task.error is not None:
                self.host.failed.remove(task)
                self.wrong("%s: %s" % (what, task.error))
            elif task.value.y != 7 + k:
                self.wrong("%s: %r is wrong" % (what, task.value.y))


def needs_emu():
    """Skips the test where chosen allocations cannot be made to fail."""
    if emu is None:
        skip("needs an interpreter with the module emu")


def needs(mode):
    """Skips the test where memory cannot be made short in this way."""
    if mode is not Locked:
        needs_emu()
    elif heap_lock is None:
        skip("needs micropython.heap_lock")
    load_all()  # an import that fails is tried again when it is next needed: not the matter here


def once(scenario, shortage):
    """Runs a scenario with one shortage. Returns its Short bed."""
    beds = []

    def short(server=Thing):
        beds.append(Short(shortage, server))
        return beds[0]

    try:
        scenario(short)
        beds[0].finish()
    except Exception as error:  # out of another vat, or out of the test's own calls
        beds[0].wrong("%s: %s" % (error.__class__.__name__, error))
    return beds[0]


def _part():
    """Which of all places to try: (the first, how far apart). A test that takes long can be shared
    out between interpreters: SHORTAGE=2/6 has one try the 2nd, 8th, 14th ..."""
    try:
        from os import getenv
    except ImportError:
        return 1, 1
    first, _, step = (getenv("SHORTAGE") or "1/1").partition("/")
    return int(first), int(step)


def exhaust(mode, scenarios, step=1):
    """Runs scenarios with memory short at every step-th of all places, in turn."""
    needs(mode)
    first, apart = _part()
    for scenario in scenarios:
        name = scenario.__name__
        bed = once(scenario, mode(0))
        assert not bed.problems, (name, bed.problems)
        n = first
        while bed.shortage.failed or n == first:
            bed = once(scenario, mode(n))
            assert not bed.problems, (name, n, bed.problems)
            n += step * apart
