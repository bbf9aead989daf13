# SPDX-License-Identifier: MIT
"""Layer `rpc`: a connection: the message loop, its output, its end.

The transport gives it bytes with receiver.space() and received(n), and takes bytes with output() and
output_sent(). The host object given at construction is all it knows of the event loop:

    start(coroutine)    starts a task; returns it
    cancel(task)        cancels it
    suspend(promise)    a generator to `yield from` until the promise is settled
    flush_soon(conn)    conn.output() has something, though no bytes were received
"""

from ..layout import new_struct, on_demand
from ..message import Builder, MessageError, Receiver
from ..objects.client import Client
from ..objects.promise import (
    DISCONNECTED,
    FAILED,
    OVERLOADED,
    TURNS,
    Error,
    hold_turns,
    resume_turns,
    run_turns,
)
from . import answers, questions
from .captable import release_export
from .quick import answer as answer_quickly
from .tables import Slots, key
from .wire import (
    ABORT,
    BOOTSTRAP,
    CALL,
    DISEMBARGO,
    FINISH,
    RECEIVER_LOOPBACK,
    RELEASE,
    RESOLVE,
    RETURN,
    SENDER_LOOPBACK,
    UNIMPLEMENTED,
    body,
    put_exception,
)

# Capabilities of a message that is sent back as it came: only the pointers to them are copied.
_ANY_CAPS = range(0xFFFF)


class Connection:
    """One connection to another vat.

    host       see above
    limits     a Limits
    restore    fn(id: bytes) -> a capability for the peer's Bootstrap; b"" asks for the main one.
               It raises an Error when there is none
    error      the Error that ended the connection, or None while it lives
    aborted    whether our last message is an Abort
    on_end     fn(connection), called once when it ends; the host sets it
    """

    def __init__(self, host, limits, restore):
        self.host = host
        self.limits = limits
        self.restore = restore
        self.error = None
        self.aborted = False
        self.on_end = None
        self.receiver = Receiver(limits)
        self.out = self._new_output()
        self._flight = self._new_output()
        self._flying = False
        self._processing = False
        self._failure = None
        self._room = limits.output_bytes - min(limits.output_bytes >> 2, 1 << 16)
        self.questions = Slots()
        self.answers = {}
        self.exports = Slots()
        self.export_ids = {}
        self.imports = {}
        self.embargoes = Slots()
        self.call_bytes = 0

    def _new_output(self):
        return Builder(self.limits.send_bytes, self.limits.output_bytes)

    # What a program uses.

    def bootstrap(self, interface):
        """A Client of the peer's main object, usable at once."""
        return Client(questions.bootstrap(self), interface)

    def call(self, target, interface, ordinal, args, kwargs):
        """Calls a hook of this connection from a program's values. Returns a CallPromise."""
        return questions.call(self, target, interface, ordinal, args, kwargs)

    def forward(self, target, request):
        """Sends a Request to a hook of this connection."""
        questions.forward(self, target, request)

    def drop_import(self, hook):
        """Nobody here refers to an import any more."""
        questions.drop_import(self, hook)

    # Input.

    def received(self, n):
        """n bytes have been read into receiver.space(). Follow with process()."""
        self.receiver.filled(n)

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
                if not receiver.next():
                    return False
                if not answer_quickly(self, m):
                    self._handle(m)
                if TURNS:
                    run_turns()
        except MessageError as error:
            self.abort(Error(str(error), FAILED))
        except MemoryError:
            self.abort(Error("out of memory", OVERLOADED))
        except Exception as error:
            self.abort(Error("internal error: " + error.__class__.__name__, FAILED))
            raise
        finally:
            self._processing = False
            resume_turns(before)
        return False

    def _handle(self, m):
        t, q = body(m, m.lo, 1, 1)
        which = m.h[2 * t]
        if which == CALL:
            if answers.receive_call(self, m, q):
                return
        elif which == RETURN:
            return questions.receive_return(self, m, q)
        elif which == FINISH:
            return answers.receive_finish(self, m, q)
        elif which == RELEASE:
            t, q = body(m, q, 1, 0)
            return release_export(self, key(m.h, 2 * t), key(m.h, 2 * t + 2))
        elif which == RESOLVE:
            return questions.receive_resolve(self, m, q)
        elif which == BOOTSTRAP:
            return answers.receive_bootstrap(self, m, q)
        elif which == DISEMBARGO:
            t, q = body(m, q, 1, 1)
            context = m.h[2 * t + 2]
            if context == SENDER_LOOPBACK:
                return answers.receive_loopback(self, m, t, q)
            if context == RECEIVER_LOOPBACK:
                return questions.lift_embargo(self, key(m.h, 2 * t))
        elif which == ABORT:
            error = questions.read_exception(m, q)
            return self.end(Error("the peer aborted: " + error.reason, error.type))
        elif which == UNIMPLEMENTED:
            return questions.receive_unimplemented(self, m, q)
        self._echo(m)

    def _echo(self, m):
        """Tells the peer that we do not know a message."""
        out = self.out
        out.begin()
        t = new_struct(out, out.lo, 1, 1)
        out.h[2 * t] = UNIMPLEMENTED
        m.caps = _ANY_CAPS
        try:
            on_demand.copy_pointer(out, t + 2, m, m.lo)
        except MessageError:
            out.rollback()
            raise
        finally:
            m.caps = None
            out.caps = []
        self.sent()

    # Output.

    def check_size(self, m):
        """Raises MessageError if the message being built is above the limit, with its table, and
        Error if the output is so full that the rest is for messages that must be sent."""
        if m.hi << 2 > self._room:
            raise Error("too much output is waiting for the peer to read it", OVERLOADED)
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
        self._failure = Error(str(error) or "out of memory", OVERLOADED)
        if not self._processing:
            self.host.flush_soon(self)

    def output(self):
        """The bytes to be written now, a memoryview that stays valid until output_sent(); None if
        there are none, or if the last are still being written."""
        if self._failure is not None:
            self.abort(self._failure)
            self._failure = None
        if self.out is None or self._flying or not self.out.hi or self.out.building:
            return None
        self._flying = True
        self.out, self._flight = self._flight, self.out
        return self._flight.b[: 4 * self._flight.hi]

    def output_sent(self):
        """What output() returned has been written."""
        flight = self._flight
        if len(flight.b) > self.limits.send_bytes:
            self._flight = self._new_output()
        else:
            flight.reset()
        self._flying = False

    # The end.

    def abort(self, error):
        """Ends the connection and tells the peer why."""
        if self.error is None:
            m = self.out
            if m.building:
                m.rollback()
            m.caps = []
            try:
                _put_abort(m, error)
            except (MessageError, MemoryError):
                m.reset()  # there is no room behind what waits: it goes
                _put_abort(m, error)
            self.aborted = True
            self.end(error)

    def end(self, error):
        """The connection is gone or to be closed: whatever waits on it breaks with `error`, all
        tables are emptied. Output that is left, an Abort perhaps, should still be written."""
        if self.error is not None:
            return
        self.error = error
        before = hold_turns()
        try:
            answers.lost(self, error)
            questions.lost(self, error)
        finally:
            resume_turns(before)
        if self.on_end is not None:
            self.on_end(self)

    def lost(self, reason):
        """The transport has ended."""
        self.end(Error(reason, DISCONNECTED))

    def closed(self):
        """The transport is closed: the buffers go, however long somebody refers to the connection."""
        self.receiver = self.out = self._flight = None


def _put_abort(m, error):
    m.begin()
    t = new_struct(m, m.lo, 1, 1)
    m.h[2 * t] = ABORT
    put_exception(m, t + 2, error)
    m.end()


def abort_frame(error):
    """The bytes of an Abort message, for a peer with which there is no connection."""
    m = Builder(256, 1024)
    _put_abort(m, error)
    return bytes(m.b[: 4 * m.hi])
