# SPDX-License-Identifier: MIT
"""Layer `rpc`: a connection: the message loop, its output, its end.

The transport gives it bytes with receiver.space() and received(n), and takes bytes with output() and
output_sent(). The host object given at construction is all it knows of the event loop:

    start(coroutine)    starts a task; returns it
    cancel(task)        cancels it
    suspend(promise)    a generator to `yield from` until the promise is settled
    flush_soon(conn)    conn.output() has something, though no bytes were received
"""

from ..layout import new_struct
from ..log import INFO, WARNING, log
from ..message import Builder, MessageError, Receiver
from ..objects.capability import BrokenCap
from ..objects.client import Client, release_caps
from ..objects.promise import (
    DISCONNECTED,
    OUT_OF_MEMORY,
    TURNS,
    Error,
    hold_turns,
    overloaded,
    resume_turns,
    run_turns,
)
from ..words import const
from . import answers
from .captable import Slots, drop_export, release_export
from .quick import answer as answer_quickly
from .wire import NO_ROOM, body, key, on_demand, put_exception, read_exception

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

_RESTING = const(64)  # bytes of an output buffer
_PATIENCE = const(20)  # how often output() is tried without memory
_COUNT = const(0x1FFFFFFF)  # of bytes: one more is a small integer on every board, too


class Connection:
    """One connection to another vat.

    host       see above
    limits     a Limits
    restore    fn(id: bytes) -> a capability for the peer's Bootstrap; b"" asks for the main one.
               It raises an Error when there is none
    error      the Error that ended the connection, or None while it lives
    aborted    whether our last message is an Abort
    tails      whether the peer understands tail calls: set by who knows it, or once it has sent one
    first_ms   how long the peer may still take until its first call, 0: for ever; see tick()
    unused_ms  how long it may go on while neither side refers to anything of the other, 0: for ever
    dump       fn(direction, frames), called with what is received (0) and sent (1), a memoryview of
               whole messages that is valid during the call; or None. See dump.py
    on_end     fn(connection), called once when it ends; the host sets it
    """

    dump = resolvers = None
    first_ms = unused_ms = unused = 0

    def __init__(self, host, limits, restore):
        # All that is set where memory may be short stands here: a new attribute takes some.
        self.error = self.on_end = self._failure = None
        self.aborted = self.tails = self.asked = self._emptied = False
        self._starved = 0
        # Counted for limits and for stats().
        self.call_bytes = self.running = self.refused = self.bytes_in = self.bytes_out = 0
        self.most_answers = self.most_imports = self.most_output = 0
        # How many entries a dict has had since it was made, see captable.smaller().
        self.answer_room = self.export_room = self.import_room = 0
        # For tick(): ms since the last input and since the last call, 0 for some time since the last tick;
        # `asked` is whether the peer was asked whether it is there and nothing has come since.
        self.quiet = self.calm = 0
        self.ping = None  # the last such question
        self.host = host
        self.limits = limits
        self.restore = restore
        self.receiver = Receiver(limits)
        self.out = self._new_output()
        self._flight = self._new_output()
        self._flying = False
        self._processing = False
        self._room = limits.output_bytes - min(limits.output_bytes >> 2, 1 << 16)
        self.questions = Slots()
        self.answers = {}
        self.exports = Slots()
        self.export_counts = []
        self.export_ids = {}
        self.imports = {}
        self.embargoes = Slots()

    def _new_output(self):
        return Builder(self.limits.send_bytes, self.limits.output_bytes)

    # What a program uses.

    def bootstrap(self, interface, id=b""):
        """A Client of the peer's object with a service id, the main one by default; usable at once."""
        return Client(on_demand.bootstrap(self, id), interface)

    def stats(self):
        """What is in the tables, what was transferred (bytes, modulo 2**29), how often a limit has
        refused something, and the most there ever was of some; a dict."""
        return on_demand.stats(self)

    def tick(self, elapsed):
        """Tells it that so many ms have passed since the last call. Returns in how many ms it wants to
        be called again; None when the connection has ended, perhaps just now, see Limits.ping_ms."""
        return on_demand.tick(self, elapsed)

    def full(self, limit):
        """The Error that tells that the limit with this name is reached."""
        self.refused += 1
        text = "limit reached: %d %s" % (getattr(self.limits, limit), limit)
        log(WARNING, text)
        return overloaded(text)

    # Input.

    def received(self, n):
        """n bytes have been read into receiver.space(). Follow with process()."""
        self.receiver.filled(n)
        self.bytes_in = self.bytes_in + n & _COUNT or 1
        self.quiet = 0

    def process(self):
        """Handles the messages that have arrived, until none is complete or output is above its mark.

        Returns whether messages may be left: then output has to be sent before the next call.
        """
        receiver = self.receiver
        m = receiver.message
        mark = self.limits.output_mark >> 2
        before = hold_turns()
        self._processing = True
        try:
            while self.error is None:
                if self.out.hi > mark:
                    return True
                start = receiver.start
                if not receiver.next():
                    return False
                if self.dump is not None:
                    self.dump(0, m.b[start << 2 : receiver.start << 2])
                if answer_quickly(self, m):
                    self.calm = 0
                else:
                    self._handle(m)
                if m.caps is not None:
                    release_caps(m)  # nobody has taken them over
                if TURNS.first is not None:
                    run_turns()
        except MessageError as error:
            self.abort(Error(str(error)))
        except MemoryError:
            self._failure = OUT_OF_MEMORY  # it is aborted when output is asked for
        except Exception as error:
            self.abort(Error("internal error: " + error.__class__.__name__))
            raise
        finally:
            if m.caps is not None:
                release_caps(m)
            self._processing = False
            resume_turns(before)
        return False

    def _handle(self, m):
        t, q = body(m, m.lo, 1, 1)
        which = m.h[2 * t]
        unknown = False
        if which == _CALL:
            self.calm = 0
            unknown = answers.receive_call(self, m, q)
        elif which == _RETURN:
            on_demand.receive_return(self, m, q)
        elif which == _FINISH:
            answers.receive_finish(self, m, q)
        elif which == _RELEASE:
            t, q = body(m, q, 1, 0)
            release_export(self, key(m.h, 2 * t), key(m.h, 2 * t + 2))
        elif which == _RESOLVE:
            on_demand.receive_resolve(self, m, q)
        elif which == _BOOTSTRAP:
            answers.receive_bootstrap(self, m, q)
        elif which == _DISEMBARGO:
            unknown = on_demand.receive_disembargo(self, m, q)
        elif which == _ABORT:
            error = read_exception(m, q)
            self.end(Error("the peer aborted: " + error.reason, error.type))
        elif which == _UNIMPLEMENTED:
            on_demand.receive_unimplemented(self, m, q)
        else:
            unknown = True
        if unknown:
            on_demand.echo(self, m)

    # Output.

    def check_size(self, m):
        """Raises MessageError if the message being built is above the limit, with its table, and
        Error if the output is so full that the rest is for messages that must be sent."""
        if m.hi << 2 > self._room:
            raise self.full("output_bytes")
        words = ((m.hi - m.lo) >> 1) + 2 * len(m.caps) + 1
        if words > self.limits.message_words:
            raise MessageError(
                "message of %d words exceeds the limit of %d words"
                % (words, self.limits.message_words)
            )

    def sent(self):
        """Ends the message being built; it goes out with the next output()."""
        self.out.end()
        if not self._processing:
            self.host.flush_soon(self)

    def fail_output(self, error):
        """A message that must not be left out could not be built: there is no room for it, or no
        memory. The connection is aborted when the transport next asks for output."""
        if self.out.building:
            self.out.rollback()
        self._failure = OUT_OF_MEMORY
        if not isinstance(error, MemoryError):
            self._failure = overloaded(str(error))
        if not self._processing:
            self.host.flush_soon(self)

    def output(self):
        """The bytes to be written now, a memoryview that stays valid until output_sent(); None if
        there are none, or if the last are still being written."""
        try:
            view = self._output()
            self._starved = 0
            return view
        except MemoryError:  # it has changed nothing: perhaps there is some later
            self._starved += 1
            if self._starved > _PATIENCE:
                self.end(OUT_OF_MEMORY)
            else:
                self.host.flush_soon(self)
            return None

    def _output(self):
        if self._failure is not None:
            self.abort(self._failure)
            self._failure = None
        if self.error is not None and not self._emptied:
            self._empty()
        out = self.out
        if out is None or self._flying or not out.hi or out.building:
            return None
        if self._flight is None:  # it was at rest
            self._flight = self._new_output()
        view = out.b[: 4 * out.hi]
        self._flying = True
        self.out = self._flight
        self._flight = out
        size = len(view)
        self.bytes_out = self.bytes_out + size & _COUNT
        if size > self.most_output:
            self.most_output = size
        if self.dump is not None:
            self.dump(1, view)
        return view

    def output_sent(self):
        """What output() returned has been written."""
        flight = self._flight
        try:
            if len(flight.b) > self.limits.send_bytes:
                self._flight = self._new_output()
        except MemoryError:
            pass  # it stays large: that is all
        if self._flight is flight:
            flight.reset()
        self._flying = False

    def rest(self):
        """Gives back the buffers, as far as there is nothing in them: nothing has come for a while. They
        grow again as they are needed."""
        self.receiver.rest()
        if not self._flying and not self.out.hi and not self.out.building:
            self.out = Builder(_RESTING, self.limits.output_bytes)
            self._flight = None

    # The end.

    def abort(self, error):
        """Ends the connection and tells the peer why."""
        if self.error is None:
            m = self.out
            if m.building:
                m.rollback()
            m.caps.clear()
            for _ in range(2):
                try:
                    _put_abort(m, error)
                    self.aborted = True
                    break
                except NO_ROOM:
                    m.reset()  # there is no room behind what waits: it goes
            self.end(error)

    def end(self, error):
        """The connection is gone or to be closed: whatever waits on it breaks with `error`, all
        tables are emptied. Output that is left, an Abort perhaps, should still be written."""
        if self.error is not None:
            return
        self.error = error
        try:
            self._empty()
        except MemoryError:
            try:
                self._empty()
            except MemoryError:
                pass  # it goes on where it stopped when the transport next asks for something
        if self.on_end is not None:
            self.on_end(self)
        log(INFO, error)

    def _empty(self):
        before = hold_turns()
        try:
            self._empty_tables()
            self._emptied = True
        finally:
            resume_turns(before)

    def _empty_tables(self):
        error = self.error
        answers.lost(self)
        exports = self.exports
        while len(exports):
            id = exports.last()
            hook = exports.items[id]
            self.export_ids.pop(hook, None)
            exports.remove(id)
            drop_export(self, id, hook)
        imports = self.imports
        while imports:
            for id in imports:  # noqa: B007
                break
            hook = imports[id]
            hook.promise = False
            hook.became(BrokenCap(self.host, error).retain())
            imports.pop(id)
        embargoes = self.embargoes
        while len(embargoes):
            id = embargoes.last()
            gate, hook = embargoes.items[id]
            broken = BrokenCap(self.host, error).retain()
            embargoes.remove(id)
            gate.resolve(broken)
            gate.release()
            hook.release()
        questions = self.questions
        while len(questions):
            id = questions.last()
            questions.items[id].returned(None, error)
            questions.remove(id)

    def lost(self, reason):
        """The transport has ended."""
        try:
            error = Error(reason, DISCONNECTED)
        except MemoryError:
            error = OUT_OF_MEMORY
        self.end(error)

    def closed(self):
        """The transport is closed: the buffers go, however long somebody refers to the connection."""
        if not self._emptied:
            self._empty()
        self.receiver = self.out = self._flight = None


def _put_abort(m, error):
    m.begin()
    t = new_struct(m, m.lo, 1, 1)
    m.h[2 * t] = _ABORT
    put_exception(m, t + 2, error)
    m.end()


def abort_frame(error):
    """The bytes of an Abort message, for a peer with which there is no connection."""
    m = Builder(256, 1024)
    _put_abort(m, error)
    return bytes(m.b[: 4 * m.hi])
