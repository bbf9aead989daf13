# SPDX-License-Identifier: MIT
"""Layer `rpc`: calls that we make. The questions table, and pipelines on it."""

from ..layout import follow, put_blob
from ..message import MessageError
from ..objects.capability import BrokenCap, Call, PromiseCap, cap_at, hook_of
from ..objects.client import CallPromise, release_caps, release_results
from ..objects.dispatch import put_params
from ..objects.promise import CANCELLED, UNIMPLEMENTED, Error, again, error_from
from ..words import const
from .captable import import_caps, put_captable, release_exports
from .wire import (
    BODY,
    CALL_CAPS,
    CALL_CONTENT,
    CALL_FRAME,
    CALL_TARGET,
    FINISH_FRAME,
    ProtocolError,
    begin,
    body,
    key,
    on_demand,
    put_key,
    put_promised_answer,
    read_exception,
    send_pair,
)

_BOOTSTRAP = const(8)  # of Message

# Call.
_METHOD = const(2)
_INTERFACE = const(4)

# Return.
_FLAGS = const(2)
_TAG = const(3)
_OTHER = const(4)  # takeFromOtherQuestion
_KEEP_PARAM_CAPS = const(1)  # releaseParamCaps is true by default, so its bit says false
_NO_FINISH_NEEDED = const(2)
_RESULTS = const(0)
_EXCEPTION = const(1)
_CANCELED = const(2)
_RESULTS_SENT_ELSEWHERE = const(3)
_TAKE_FROM_OTHER_QUESTION = const(4)

_RECEIVER_ANSWER = const(4)  # of CapDescriptor

# Finish, whose two flags are true by default, so the bits say false.
_KEEP_RESULT_CAPS = const(1)
_NO_WORKAROUND = const(2)


_REFUSALS = (Error, MessageError, MemoryError)


class Pipeline(PromiseCap):
    """A capability in the results of a call that has not returned: calls go to where it will be."""

    def __init__(self, question, path):
        PromiseCap.__init__(self, question.host)
        self.used = False
        self.conn = question.conn
        self.question = question
        self.path = path

    def call(self, interface, ordinal, args, kwargs):
        return call(self.conn, self, interface, ordinal, args, kwargs)

    def send(self, request):
        on_demand.forward(self.conn, self, request)

    def put_target(self, m, t):
        """Builds a MessageTarget for it at t."""
        m.h[2 * t + 2] = 1
        put_promised_answer(m, t + 2, self.question.id, self.path)

    def describe(self, m, t):
        """Builds a CapDescriptor for it at t, in a message to the host of the call."""
        m.h[2 * t] = _RECEIVER_ANSWER
        put_promised_answer(m, t + 2, self.question.id, self.path)


class Question(Call):
    """A call of ours that has not returned, or that we have finished before its Return.

    exports   ids of what was sent in its parameters
    tail      the Tail that it was sent for, if its results go to the peer itself, see `forward`
    source    what it waits for though its Return has come: a Kept answer or a Tail; or None
    """

    exports = ()
    tail = source = None
    new_pipeline = Pipeline

    def __init__(self, conn):
        self.host = conn.host
        self.conn = conn
        self.begin()
        self.id = conn.questions.add(self)

    def cancel(self):
        if not self.settled:
            if self.conn.error is None:
                self.finish(_NO_WORKAROUND)
            for _ in range(2):
                try:
                    self.returned(None, CANCELLED)
                    break
                except MemoryError:
                    pass  # it goes on where it stopped
            else:
                self._settle(None, CANCELLED)
            if self.source is not None:
                self.source.abandoned(self)

    def finish(self, flags):
        """Sends its Finish."""
        send_pair(self.conn, FINISH_FRAME, self.id, flags)

    def returned(self, message, error):
        """Settles it with results or with an Error, its pipelines before."""
        self.error = error
        pipelines = self.pipelines
        while pipelines:
            for path in pipelines:  # noqa: B007
                break
            hook = cap_at(self, message, path)
            pipeline = pipelines[path]
            if pipeline.used:
                target = hook.resolved()
                if target.conn is self.conn:
                    target.used = True  # calls through the promise are on their way to it
                elif not isinstance(target, BrokenCap):
                    hook = on_demand.embargo(self.conn, pipeline, hook, message)
            pipeline.resolve(hook.retain())
            pipelines.pop(path)
            pipeline.release()
        self.pipelines = None
        if self.settled:  # what a pipeline led to has cancelled it
            if message is not None:
                release_caps(message)
        else:
            self._settle(message, error)


def check_call(conn, target):
    """Raises the Error for which a call cannot be made now."""
    limits = conn.limits
    if conn.error is not None:
        raise again(conn.error)
    if len(conn.questions) >= limits.questions:
        raise conn.full("questions")
    if conn.out.hi << 3 > limits.output_bytes:  # the other half is for answers
        raise conn.full("output_bytes")
    if target.refs <= 0:
        raise Error("the capability has been released")


def begin_call(conn, target, question):
    """Begins the Call of a question. Returns the position of its frame; the id is in."""
    m = conn.out
    at = m.begin_with(CALL_FRAME)
    conn.calm = 0
    put_key(m.h, 2 * (at + BODY), question.id)
    target.put_target(m, at + CALL_TARGET)
    target.used = True
    return at


def end_call(conn, question, at):
    """Ends the Call at `at`. Raises what put_captable raises, and MessageError."""
    m = conn.out
    conn.check_size(m)
    if m.caps:
        question.exports = ()
        question.exports = put_captable(conn, m, at + CALL_CAPS)
    conn.sent()


def call(conn, target, interface, ordinal, args, kwargs):
    """Calls a method from a program's values. Returns a CallPromise.

    Raises what put_params raises, and MessageError for a message above the limit; then nothing
    is sent.
    """
    table = interface.table_
    row = 3 * ordinal
    m = conn.out
    question = None
    try:
        check_call(conn, target)
        question = Question(conn)
        promise = CallPromise(question, table[row + 2])
        at = begin_call(conn, target, question)
        k = 2 * (at + BODY)
        m.h[k + _METHOD] = ordinal
        start = 2 * (k + _INTERFACE)
        m.b[start : start + 8] = interface.id_
        put_params(m, at + CALL_CONTENT, table[row], table[row + 1], args, kwargs)
        for k in range(len(m.caps)):
            m.caps[k] = hook_of(m.caps[k], conn.host)
        end_call(conn, question, at)
    except Error as error:
        undo(conn, question)
        question = Call(conn.host)
        question.reject(error)
        promise = CallPromise(question, table[row + 2])
    except Exception:
        undo(conn, question)
        raise
    return promise


def undo(conn, question):
    """Takes back a message that could not be built, and its question."""
    if question is not None:
        conn.questions.remove(question.id)
    out = conn.out
    if conn.error is None:
        if out.building:
            out.rollback()
        out.caps.clear()


def bootstrap(conn, id=b""):
    """Asks for the peer's object with a service id, the main one by default. Returns its hook, usable
    at once."""
    m = conn.out
    question = None
    try:
        if conn.error is not None:
            raise again(conn.error)
        if len(conn.questions) >= conn.limits.questions:
            raise conn.full("questions")
        question = Question(conn)
        t = begin(m, _BOOTSTRAP, 1, 1)
        put_key(m.h, 2 * t, question.id)
        if id:
            put_blob(m, t + 2, id, 1)
        hook = question.pipeline(())
        question.then(release_results)
        conn.sent()
    except _REFUSALS as error:
        undo(conn, question)
        hook = BrokenCap(conn.host, error_from(error))
    return hook.retain()


def receive_return(conn, m, p):
    """Handles a Return whose pointer is at p."""
    t, q = body(m, p, 2, 1)
    h = m.h
    k = 2 * t
    id = key(h, k)
    question = conn.questions.get(id)
    if question is None or question.source is not None:
        raise ProtocolError("Return for a question that was not asked")
    flags = h[k + _FLAGS]
    which = h[k + _TAG]
    if which == _CANCELED and not question.settled:
        raise ProtocolError("Return claims that a call was cancelled that was not")
    exports = question.exports
    if exports and not flags & _KEEP_PARAM_CAPS:
        question.exports = ()
        release_exports(conn, exports)
    message = error = None
    if which == _RESULTS and (not question.settled or flags & _NO_FINISH_NEEDED):
        # If our Finish comes too late to give back the capabilities we have them.
        try:
            message = _results(conn, m, q)
        except Error as refused:
            error = refused
    if question.settled:
        conn.questions.remove(id)
        return
    if question.tail is not None:
        if which != _RESULTS_SENT_ELSEWHERE:
            raise ProtocolError("Return of a tail call that does not say resultsSentElsewhere")
        question.source = question.tail
        return
    if which == _EXCEPTION:
        error = read_exception(m, q)
    elif which == _TAKE_FROM_OTHER_QUESTION:
        if on_demand.take(question, conn.answers.get(key(h, k + _OTHER))):
            return
    if message is None and error is None:
        error = Error("Return of a kind that is not supported", UNIMPLEMENTED)
    question.returned(message, error)
    m.caps = None
    if not flags & _NO_FINISH_NEEDED:
        question.finish(_KEEP_RESULT_CAPS | _NO_WORKAROUND)
    conn.questions.remove(id)


def _results(conn, m, p):
    """The results below the Payload pointer p as a Message of its own."""
    tag, t = follow(m, p)
    n = m.h[2 * tag + 3]
    q = t + 2 * m.h[2 * tag + 2]
    message = m.copy()
    message.root = (q if n else p) - m.lo
    if n > 1:
        m.caps = message.caps = import_caps(
            conn, m, q + 2, True
        )  # in m, too, until they are taken over
    return message


def lost(conn, error):
    """The connection is gone: everything that waits on the peer breaks."""
    for question in conn.questions.values():
        question.returned(None, error)
