# SPDX-License-Identifier: MIT
"""Layer `rpc`: calls that we make. The questions table, pipelines on it, embargoes.

An embargo keeps the order of calls when a path gets shorter: calls that were pipelined to a promise
are still on their way through the peer when the promise turns out to be an object on our side, so
later calls wait until a Disembargo, sent down the same way, has come back.
"""

from ..layout import blob, follow, on_demand
from ..message import MessageError
from ..objects.capability import BrokenCap, Forwarded, PromiseCap, cap_at, hook_of
from ..objects.client import CallPromise, release_caps
from ..objects.dispatch import put_params
from ..objects.promise import OVERLOADED, UNIMPLEMENTED, Error, Promise, error_from
from .captable import (
    import_cap,
    import_caps,
    put_captable,
    release_export,
    release_exports,
    send_release,
)
from .hooks import Pipeline
from .tables import ProtocolError, key, put_key
from .wire import (
    BODY,
    BOOTSTRAP,
    CALL,
    CALL_CAPS,
    CALL_CONTENT,
    CALL_FRAME,
    CALL_INTERFACE,
    CALL_METHOD,
    CALL_TARGET,
    CANCELED,
    DISEMBARGO,
    EXCEPTION,
    FINISH_FRAME,
    KEEP_PARAM_CAPS,
    KEEP_RESULT_CAPS,
    NO_FINISH_NEEDED,
    NO_WORKAROUND,
    RESOLVE,
    RESULTS,
    RETURN_DATA,
    RETURN_FLAGS,
    RETURN_TAG,
    RETURN_TAKE,
    SENDER_HOSTED,
    SENDER_LOOPBACK,
    SENDER_PROMISE,
    TAKE_FROM_OTHER_QUESTION,
    begin,
    body,
    send_pair,
)


class Question:
    """A call of ours that has not returned, or whose Return we have not finished."""

    def __init__(self, conn):
        self.conn = conn
        self.promise = Promise(conn.host)
        self.id = conn.questions.add(self)
        self.exports = ()  # sent in its parameters
        self.finished = False
        self._pipelines = None
        self.source = None  # the Answer whose results it will have

    def pipeline(self, path):
        """A hook for the capability at a path of pointer indexes in the results."""
        promise = self.promise
        if promise.settled:
            if promise.error is not None:
                return BrokenCap(self.conn.host, promise.error)
            return cap_at(self.conn.host, promise.value, path)
        pipelines = self._pipelines
        if pipelines is None:
            pipelines = self._pipelines = {}
        hook = pipelines.get(path)
        if hook is None:
            hook = pipelines[path] = Pipeline(self.conn, self, path).retain()
        return hook

    def cancel(self):
        """The results are not wanted any more: sends Finish, once."""
        if not self.promise.settled:
            conn = self.conn
            source = self.source
            self.finished = True
            if conn.error is None:
                send_finish(conn, self.id, NO_WORKAROUND)
            self.fail(Error("the call was cancelled"))
            if source is not None:  # its Return has come
                self.source = None
                if conn.error is None:
                    conn.questions.remove(self.id)
                source.taker = False
                source.unwanted()

    def take(self, answer):
        """Its results will be those of a call that the peer has made to us, on its behalf."""
        self.source = answer
        answer.taker = self
        answer.promise.then(self._taken)

    def _taken(self, promise):
        conn = self.conn
        if self.source is None or conn.error is not None:
            return
        self.source = None
        if promise.error is not None:
            self.fail(promise.error)
        else:
            message = promise.value.copy()
            message.root = promise.value.root - promise.value.lo
            for hook in message.caps or ():
                if hook is not None:
                    hook.retain()
            message.caps = message.caps and list(message.caps)
            self.returned(message)
        self.finished = True
        # Only now: calls pipelined on it have gone the way through the peer until here.
        send_finish(conn, self.id, KEEP_RESULT_CAPS | NO_WORKAROUND)
        conn.questions.remove(self.id)

    def fail(self, error):
        """Breaks its promise and all pipelines on it."""
        self.promise.reject(error)
        self._resolve_pipelines(None)

    def returned(self, message):
        """Settles it with results."""
        if self._pipelines is not None:
            self._resolve_pipelines(message)
        if self.promise.settled:  # what a pipeline led to has cancelled it
            release_caps(message)
        self.promise.resolve(message)

    def _resolve_pipelines(self, message):
        pipelines = self._pipelines
        while pipelines:
            path, pipeline = pipelines.popitem()
            if message is None:
                hook = BrokenCap(self.conn.host, self.promise.error)
            else:
                hook = cap_at(self.conn.host, message, path)
                if pipeline.used:
                    if not needs_embargo(self.conn, hook):
                        hook.used = True  # calls through the promise are on their way to it
                    else:
                        hook = embargo(self.conn, pipeline, hook)
                        _replace(message, path, hook)
            pipeline.resolve(hook.retain())
            pipeline.release()
        self._pipelines = None


def _replace(message, path, hook):
    """Puts an embargoed hook in the place of the capability at a path, so that the order holds for
    those who read it from the results, too."""
    p = message.root
    for k in path:
        tag, t = follow(message, p)
        p = t + 2 * (message.h[2 * tag + 2] + k)
    index = message.h[2 * p + 2]
    message.caps[index].release()
    message.caps[index] = hook.retain()


def _check_call(conn, target):
    """Raises the Error for which a call cannot be made now."""
    if conn.error is not None:
        raise conn.error
    if len(conn.questions) >= conn.limits.questions:
        raise Error("too many calls are waiting for their answers", OVERLOADED)
    if conn.out.hi << 3 > conn.limits.output_bytes:  # the other half is for answers
        raise Error("too much output is waiting for the peer to read it", OVERLOADED)
    if target.refs <= 0:
        raise Error("the capability has been released")


def _begin_call(conn, target):
    """Begins a Call of a new question. Returns (question, position of its frame); the id is in."""
    m = conn.out
    at = m.begin_with(CALL_FRAME)
    question = Question(conn)
    put_key(m.h, 2 * (at + BODY), question.id)
    target.put_target(m, at + CALL_TARGET)
    target.used = True
    return question, at


def _end_call(conn, question, at):
    m = conn.out
    conn.check_size(m)
    if m.caps:
        question.exports = put_captable(conn, m, at + CALL_CAPS)
    conn.sent()


def call(conn, target, interface, ordinal, args, kwargs):
    """Calls a method from a program's values. Returns a CallPromise.

    Raises what put_params raises, and MessageError for a message above the limit; then nothing
    is sent.
    """
    table = interface.table_
    m = conn.out
    question = None
    try:
        _check_call(conn, target)
        question, at = _begin_call(conn, target)
        k = 2 * (at + BODY)
        m.h[k + CALL_METHOD] = ordinal
        start = 2 * (k + CALL_INTERFACE)
        m.b[start : start + 8] = interface.id_
        put_params(m, at + CALL_CONTENT, table[3 * ordinal], table[3 * ordinal + 1], args, kwargs)
        for k in range(len(m.caps)):
            m.caps[k] = hook_of(m.caps[k], conn.host)
        _end_call(conn, question, at)
    except Error as error:
        _undo(conn, question)
        question = _Refused(conn.host, error)
    except Exception:
        _undo(conn, question)
        raise
    return CallPromise(question, table[3 * ordinal + 2])


def _undo(conn, question):
    out = conn.out
    if conn.error is None:
        if out.building:
            out.rollback()
        out.caps = []
    if question is not None:
        conn.questions.remove(question.id)


class _Refused:
    """A call that could not be made."""

    def __init__(self, host, error):
        self._host = host
        self.promise = Promise(host)
        self.promise.reject(error)

    def pipeline(self, path):
        return BrokenCap(self._host, self.promise.error)

    def cancel(self):
        pass


def forward(conn, target, request):
    """Sends a Request on to the peer; its answer will be the peer's."""
    m = conn.out
    question = None
    try:
        _check_call(conn, target)
        question, at = _begin_call(conn, target)
        k = 2 * (at + BODY)
        m.h[k + CALL_METHOD] = request.method
        for j in range(4):
            m.h[k + CALL_INTERFACE + j] = request.id[j]
        on_demand.copy_pointer(m, at + CALL_CONTENT, request.message, request.message.root)
        _end_call(conn, question, at)
    except Exception as error:
        _undo(conn, question)
        request.fail(error_from(error))
        return
    request.onward = question
    question.promise.then(Forwarded(request).settled)


def bootstrap(conn):
    """Asks for the peer's bootstrap object. Returns its hook, usable at once."""
    hook = None
    error = conn.error
    if error is None and len(conn.questions) >= conn.limits.questions:
        error = Error("too many calls are waiting for their answers", OVERLOADED)
    if error is None:
        m = conn.out
        question = Question(conn)
        try:
            t = begin(m, BOOTSTRAP, 1, 1)
        except (MessageError, MemoryError) as failure:
            _undo(conn, question)
            return BrokenCap(conn.host, error_from(failure)).retain()
        put_key(m.h, 2 * t, question.id)
        conn.sent()
        hook = question.pipeline(())
        question.promise.then(_drop_results)
    else:
        hook = BrokenCap(conn.host, error)
    return hook.retain()


def _drop_results(promise):
    if promise.value is not None:
        release_caps(promise.value)


def send_finish(conn, id, flags):
    """Sends the Finish of a question."""
    send_pair(conn, FINISH_FRAME, id, flags)


def receive_return(conn, m, p):
    """Handles a Return whose pointer is at p."""
    t, q = body(m, p, RETURN_DATA, 1)
    h = m.h
    k = 2 * t
    id = key(h, k)
    question = conn.questions.get(id)
    if question is None or question.source is not None:
        raise ProtocolError("Return for a question that was not asked")
    flags = h[k + RETURN_FLAGS]
    which = h[k + RETURN_TAG]
    if which == CANCELED and not question.finished:
        raise ProtocolError("Return claims that a call was cancelled that was not")
    exports = question.exports
    if exports and not flags & KEEP_PARAM_CAPS:
        question.exports = ()
        release_exports(conn, exports)
    if which == TAKE_FROM_OTHER_QUESTION and not question.finished:
        answer = conn.answers.get(key(h, k + RETURN_TAKE))
        if answer is not None and answer.taker is False:
            question.take(answer)
            return
    if not question.finished:
        error = None
        if which == RESULTS:
            try:
                message = _results(conn, m, q)
            except Error as refused:
                error = refused
            else:
                question.returned(message)
        elif which == EXCEPTION:
            error = read_exception(m, q)
        else:
            error = Error("Return of a kind that is not supported", UNIMPLEMENTED)
        if error is not None:
            question.fail(error)
        question.finished = True
        if not flags & NO_FINISH_NEEDED:
            send_finish(conn, id, KEEP_RESULT_CAPS | NO_WORKAROUND)
    elif which == RESULTS and flags & NO_FINISH_NEEDED:
        # Our Finish comes too late to give back the capabilities, so we have them.
        try:
            release_caps(_results(conn, m, q))
        except Error:
            pass  # too many: they were given back
    conn.questions.remove(id)


def _results(conn, m, p):
    """The results below the Payload pointer p as a Message of its own."""
    tag, t = follow(m, p)
    n = m.h[2 * tag + 3]
    q = t + 2 * m.h[2 * tag + 2]
    message = m.copy()
    message.root = (q if n else p) - m.lo
    message.caps = import_caps(conn, m, q + 2) if n > 1 else None
    return message


def read_exception(m, p):
    """The Error that the Exception at pointer p describes. Raises MessageError."""
    t, q = body(m, p, 1, 1)
    reason = blob(m, q, True)
    try:
        reason = str(reason or b"", "utf-8")
    except UnicodeError:
        reason = "(a reason that is not valid UTF-8)"
    return Error(reason, m.h[2 * t + 2])


def receive_unimplemented(conn, m, p):
    """Handles an Unimplemented: a message of ours that the peer does not know stands at pointer p."""
    t, q = body(m, p, 1, 1)
    which = m.h[2 * t]
    if which == CALL or which == BOOTSTRAP:
        t, _ = body(m, q, 1, 1)
        id = key(m.h, 2 * t)
        question = conn.questions.get(id)
        if question is not None:
            release_exports(conn, question.exports)
            question.fail(Error("not implemented by the peer", UNIMPLEMENTED))
            conn.questions.remove(id)
            return
    elif which == RESOLVE:
        t, q = body(m, q, 1, 1)
        if m.h[2 * t + 2] == 0:
            t, _ = body(m, q, 1, 0)
            if m.h[2 * t] in (SENDER_HOSTED, SENDER_PROMISE):
                release_export(conn, key(m.h, 2 * t + 2), 1)
        return
    raise ProtocolError("Peer does not implement a message that it must implement")


# Promises that the peer resolves, and the way back.


def needs_embargo(conn, hook):
    """Whether calls to it no longer take the way over this connection."""
    hook = hook.resolved()
    return hook.conn is not conn and not isinstance(hook, BrokenCap)


def embargo(conn, promise, hook):
    """Sends a Disembargo after the calls that went to `promise`. Returns a hook that holds later
    calls back until it has returned, and then is `hook`."""
    if len(conn.embargoes) >= conn.limits.embargoes:
        return BrokenCap(conn.host, Error("too many paths wait for their Disembargo", OVERLOADED))
    gate = PromiseCap(conn.host)
    id = conn.embargoes.add((gate.retain(), hook.retain()))
    m = conn.out
    try:
        t = begin(m, DISEMBARGO, 1, 1)
        put_key(m.h, 2 * t, id)
        m.h[2 * t + 2] = SENDER_LOOPBACK
        at = m.alloc(4)
        m.i[t + 2] = (at - t - 4) << 1
        m.h[2 * t + 6] = m.h[2 * t + 7] = 1
        promise.put_target(m, at)
    except (MessageError, MemoryError) as error:
        conn.fail_output(error)
    else:
        conn.sent()
    return gate


def lift_embargo(conn, id):
    """Our Disembargo `id` has come back."""
    waiting = conn.embargoes.get(id)
    if waiting is None:
        raise ProtocolError("Disembargo with an id that was not sent")
    conn.embargoes.remove(id)
    gate, hook = waiting
    gate.resolve(hook)
    gate.release()


def receive_resolve(conn, m, p):
    """Handles a Resolve whose pointer is at p: what a promise of the peer's turned out to be."""
    t, q = body(m, p, 1, 1)
    h = m.h
    promise = conn.imports.get(key(h, 2 * t))
    if promise is not None and not promise.unsettled:
        raise ProtocolError("Resolve of a capability that is not a promise")
    which = h[2 * t + 2]
    if which == 0:
        tag, c = follow(m, q)
        d = 2 * h[2 * tag + 2]
        hook = import_cap(conn, m, c, d, h[2 * tag + 3])
        if hook is None:
            hook = BrokenCap(conn.host, Error("the promise was resolved to nothing"))
    elif which == 1:
        hook = BrokenCap(conn.host, read_exception(m, q))
    else:
        raise ProtocolError("Resolve of an unknown kind")
    hook.retain()
    if promise is None:
        hook.release()  # released while the Resolve was on its way
        return
    promise.unsettled = False
    if hook.resolved() is promise:
        hook.release()
        hook = BrokenCap(conn.host, Error("the promise was resolved to itself")).retain()
    elif promise.used and needs_embargo(conn, hook):
        gate = embargo(conn, promise, hook).retain()
        hook.release()
        hook = gate
    elif promise.used:
        hook.resolved().used = True
    promise.resolution = hook


def drop_import(conn, hook):
    """Our last reference to an import is gone: sends its Release."""
    if conn.error is None and conn.imports.get(hook.id) is hook:
        del conn.imports[hook.id]
        if not conn.imports:
            conn.imports = {}  # dicts never shrink
        send_release(conn, hook.id, hook.received)


def lost(conn, error):
    """The connection is gone: everything that waits on the peer breaks."""
    questions = conn.questions.values()
    embargoes = conn.embargoes.values()
    conn.questions = conn.questions.__class__()
    conn.embargoes = conn.embargoes.__class__()
    conn.imports = {}
    for question in questions:
        question.fail(error)
    for gate, hook in embargoes:
        gate.resolve(BrokenCap(conn.host, error).retain())
        gate.release()
        hook.release()
