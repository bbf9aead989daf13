# SPDX-License-Identifier: MIT
"""Layer `rpc`: calls that the peer makes. The answers table.

A call that a plain method answers at once, without capabilities in its results, never enters the
table: its Return says that no Finish is needed.
"""

from ..layout import blob, follow, new_struct, on_demand
from ..message import Message, MessageError
from ..objects.capability import (
    LocalCap,
    Request,
    hook_of,
    is_awaitable,
)
from ..objects.client import release_caps, release_hooks
from ..objects.dispatch import find_handler, put_results
from ..objects.promise import OVERLOADED, UNIMPLEMENTED, Error, error_from
from ..words import new_views
from .captable import (
    drop_export,
    import_caps,
    message_target,
    put_captable,
    release_exports,
)
from .tables import ProtocolError, key, put_key
from .wire import (
    BODY,
    CALL_DATA,
    CALL_INTERFACE,
    CALL_METHOD,
    CALL_POINTERS,
    CALL_SEND_TO,
    CANCELED,
    DISEMBARGO,
    EXCEPTION,
    KEEP_PARAM_CAPS,
    KEEP_RESULT_CAPS,
    NO_FINISH_NEEDED,
    RECEIVER_LOOPBACK,
    RESULTS_SENT_ELSEWHERE,
    RETURN,
    RETURN_CAPS,
    RETURN_CONTENT,
    RETURN_DATA,
    RETURN_FLAGS,
    RETURN_FRAME,
    RETURN_TAG,
    YOURSELF,
    begin,
    body,
    put_exception,
)


class Answer(Request):
    """A call of the peer's that is not finished.

    key       its question id, a table key
    exports   ids of what its results sent, to be released when Finish says so
    taker     None; False for a call whose results the peer wants to stay here (sendResultsTo
              .yourself); the Question of ours that they are for, once the peer has named it
    """

    def __init__(self, conn, key, id, method):
        Request.__init__(self, conn.host, id, method)
        self.conn = conn
        self.key = key
        self.exports = ()
        self.taker = None
        self._finished = False
        self._bytes = 0
        if conn.error is None:  # else its handler has ended its own connection
            conn.answers[key] = self

    def keep(self, m, root, caps):
        """Keeps a copy of the call's message, whose capabilities' references it takes over."""
        message = self.message = m.copy()
        message.root = root - m.lo
        message.caps = caps
        self._bytes = len(message.b)
        self.conn.call_bytes += self._bytes

    def charge(self, path, size):
        """Charges for a pipeline if it is a new one. Returns whether the limit allows it."""
        if self.promise.settled or self.pipelines is not None and path in self.pipelines:
            return True
        conn = self.conn
        if conn.call_bytes + size > conn.limits.call_bytes:
            return False
        self._bytes += size
        conn.call_bytes += size
        return True

    def _end(self):
        if self.message is not None:
            Request._end(self)
            self.conn.call_bytes -= self._bytes
            self.message = None

    def returned(self, results, value):
        if self.promise.settled:
            return
        if self._finished or self.taker is not None:
            return Request.returned(self, results, value)
        try:
            kept = send_results(self.conn, self.key, results, value)
        except Exception as error:
            self.fail(error_from(error))
        else:
            self.settle(kept)
            self._end()

    def respond(self, message):
        if self.promise.settled:
            release_caps(message)
            return
        conn = self.conn
        if self._finished:  # only for those who need its results here
            _forget(conn, self.key)
            send_canceled(conn, self.key)
            self.promise.resolve(message)
            self._end()
            self.promise.then(_release_results)
            return
        if self.taker is not None:
            if conn.call_bytes + len(message.b) > conn.limits.call_bytes:
                release_caps(message)
                self.fail(_full())
                return
            send_elsewhere(conn, self.key)
            self._end()
            conn.call_bytes += len(message.b)
            self.promise.resolve(message)
            return
        try:
            kept = send_results(self.conn, self.key, None, message)
        except Exception as error:
            self.fail(error_from(error))
        else:
            self.settle(kept)
            self._end()
        release_caps(message)

    def settle(self, kept):
        """Its Return was sent; `kept` is what send_results says is kept of it."""
        if kept is None:
            _forget(self.conn, self.key)
            self.promise.resolve(_NOTHING)
        else:
            message, self.exports = kept
            self.conn.call_bytes += len(message.b)
            self.promise.resolve(message)

    def fail(self, error):
        """Answers with an Error, which is kept for pipelined calls that are on their way."""
        if self.promise.settled:
            return
        conn = self.conn
        if conn.error is None:
            if self._finished:
                _forget(conn, self.key)
                send_canceled(conn, self.key)
            elif self.taker is not None:
                send_elsewhere(conn, self.key)
            else:
                send_exception(conn, self.key, error, KEEP_PARAM_CAPS)
        self.promise.reject(error)
        self._end()

    def finish(self, flags):
        """The peer does not want the results any more."""
        if self.promise.settled:
            _forget(self.conn, self.key)
            if not flags & KEEP_RESULT_CAPS:
                release_exports(self.conn, self.exports)
            self.drop()
        else:
            self._finished = True
            self.unwanted()

    def unwanted(self):
        """Cancels it if it is finished and nothing here needs its results."""
        if self._finished and not self.taker:
            for hook in (self.pipelines or {}).values():
                if hook.refs > 1 or hook.waits():
                    return
            self.cancel()

    def drop(self):
        """Drops the results that were kept for calls on their capabilities."""
        message = self.promise.value
        if message is not None:
            self.conn.call_bytes -= len(message.b)
            release_caps(message)


def _release_results(promise):
    release_caps(promise.value)


def _forget(conn, key):
    """Takes an answer out of the table."""
    if conn.answers.pop(key, None) is not None and not conn.answers:
        conn.answers = {}  # dicts never shrink


def send_results(conn, key, results, value):
    """Sends a Return with what a handler returned, or with a forwarded Message when `results` is
    None. When it raises nothing was sent.

    Returns None if no Finish is needed; else what is kept until then: the message with its
    capabilities, for pipelined calls, and the ids of the exports it sent.
    """
    m = conn.out
    at = m.begin_with(RETURN_FRAME)
    put_key(m.h, 2 * (at + BODY), key)
    try:
        if results is None:
            on_demand.copy_pointer(m, at + RETURN_CONTENT, value, value.root)
        else:
            put_results(m, at + RETURN_CONTENT, results, value)
            for k in range(len(m.caps)):
                m.caps[k] = hook_of(m.caps[k], conn.host)
        conn.check_size(m)
        kept = _keep_results(conn, m, at) if m.caps else None
    except Exception:
        m.rollback()
        m.caps = []
        raise
    conn.sent()
    return kept


def _keep_results(conn, m, at):
    """Builds the capability table of the Return at `at`. Returns what is kept of it, see above."""
    if conn.error is not None:
        raise conn.error  # the handler has ended its own connection
    if conn.call_bytes + 4 * (m.hi - m.lo) > conn.limits.call_bytes:
        raise _full()
    m.h[2 * (at + BODY) + RETURN_FLAGS] = KEEP_PARAM_CAPS
    message = m.copy()
    exports = put_captable(conn, m, at + RETURN_CAPS)
    message.root = at + RETURN_CONTENT - m.lo
    message.left = 1 << 28
    for hook in message.caps:
        if hook is not None:
            hook.retain()
    return message, exports


# Results that nobody can pipeline on.
_NOTHING = Message(new_views(8), 0, 2, None, 1 << 28)
_NOTHING.root = 0


def send_exception(conn, key, error, flags=KEEP_PARAM_CAPS | NO_FINISH_NEEDED):
    """Sends a Return with an Error."""
    _send_plain(conn, key, EXCEPTION, flags, error)


def send_canceled(conn, key):
    """Sends the Return of a call that was finished before it had returned."""
    _send_plain(conn, key, CANCELED, KEEP_PARAM_CAPS | NO_FINISH_NEEDED)


def send_elsewhere(conn, key):
    """Sends the Return of a call whose results, or whose error, stay here until its Finish."""
    _send_plain(conn, key, RESULTS_SENT_ELSEWHERE, KEEP_PARAM_CAPS)


def _send_plain(conn, key, which, flags, error=None):
    """Sends a Return without results."""
    m = conn.out
    try:
        t = begin(m, RETURN, RETURN_DATA, 1)
        put_key(m.h, 2 * t, key)
        m.h[2 * t + RETURN_FLAGS] = flags
        m.h[2 * t + RETURN_TAG] = which
        if error is not None:
            put_exception(m, t + 4, error)
    except (MessageError, MemoryError) as failure:
        conn.fail_output(failure)
    else:
        conn.sent()


def _full():
    return Error("calls that are not finished fill the memory", OVERLOADED)


def receive_call(conn, m, p):
    """Handles a Call whose pointer is at p. Returns False if it must be echoed as unimplemented."""
    t, q = body(m, p, CALL_DATA, CALL_POINTERS)
    h = m.h
    k = 2 * t
    question = key(h, k)
    if question in conn.answers:
        raise ProtocolError("Call with a question id that is in use")
    elsewhere = h[k + CALL_SEND_TO]
    if elsewhere > YOURSELF:
        return False
    hook = message_target(conn, m, q).resolved()
    tag, c = follow(m, q + 2)  # the Payload: content, capTable
    n = h[2 * tag + 3]
    root = c + 2 * h[2 * tag + 2] if n else q + 2
    caps = None
    if n > 1 and (h[2 * root + 4] or h[2 * root + 5]):
        try:
            caps = import_caps(conn, m, root + 2)
        except Error as error:
            _refuse(conn, question, elsewhere, error)
            return True
    if len(conn.answers) >= conn.limits.answers:
        _refuse(conn, question, elsewhere, Error("too many calls are under way", OVERLOADED))
        release_hooks(caps)
        return True
    if elsewhere:
        answer = _keep(conn, m, k, root, caps, question)
        if answer is not None:
            answer.taker = False
            hook.send(answer)
        return True
    if hook.__class__ is LocalCap and not hook.starting:
        handler, why = find_handler(hook.handlers, h, k + CALL_INTERFACE, h[k + CALL_METHOD])
        if handler is None:
            send_exception(conn, question, Error(why, UNIMPLEMENTED))
        elif handler.plain:
            _answer_at_once(conn, hook, handler, m, root, caps, question)
            return True
        else:
            answer = _keep(conn, m, k, root, caps, question)
            if answer is not None:
                hook.start(handler, answer)
            return True
    else:
        answer = _keep(conn, m, k, root, caps, question)
        if answer is not None:
            hook.send(answer)
        return True
    release_hooks(caps)
    return True


def _refuse(conn, question, elsewhere, error):
    """Answers a call with an Error without keeping it. Where the results are to stay here, the
    error has to; peers make such calls only for calls of ours."""
    if not elsewhere:
        send_exception(conn, question, error)
    elif len(conn.answers) < 2 * conn.limits.answers:
        answer = Answer(conn, question, None, 0)
        answer.taker = False
        answer.fail(error)
    else:
        raise ProtocolError(error.reason)


def _keep(conn, m, k, root, caps, question):
    """The Answer of a call that is not answered at once; None if it was refused as overloaded."""
    end = m.segments[-1] if m.segments else m.hi
    if conn.call_bytes + 4 * (end - m.lo) > conn.limits.call_bytes:
        _refuse(conn, question, m.h[k + CALL_SEND_TO], _full())
        release_hooks(caps)
        return None
    h = m.h
    k += CALL_INTERFACE
    answer = Answer(conn, question, (h[k], h[k + 1], h[k + 2], h[k + 3]), h[k - 2])
    answer.keep(m, root, caps)
    return answer


def _answer_at_once(conn, hook, handler, m, root, caps, question):
    """Runs a plain method in place and sends its Return."""
    if handler.lends:
        lo = m.lo
        m = m.copy()
        root -= lo
    m.caps = caps
    kept = None
    try:
        value = handler.fn(hook.server, *handler.arguments(m, root))
        if is_awaitable(value):
            answer_later(conn, hook, handler, value, question, caps)
            caps = None
            return
        if conn.error is not None:
            return  # the method has ended its own connection
        kept = send_results(conn, question, handler.results, value)
    except Exception as error:
        Answer(conn, question, None, 0).fail(error_from(error))
    finally:
        m.caps = None
        release_hooks(caps)
    if kept is not None:
        Answer(conn, question, None, 0).settle(kept)


def answer_later(conn, hook, handler, value, question, caps):
    """A plain method returned a promise of its results."""
    answer = Answer(conn, question, None, 0)
    answer.message = _Caps(caps)
    hook.finish_later(value, handler, answer)


class _Caps:
    """What is left of a message whose contents nobody needs any more."""

    def __init__(self, caps):
        self.caps = caps


def receive_bootstrap(conn, m, p):
    """Handles a Bootstrap whose pointer is at p."""
    t, q = body(m, p, 1, 1)
    question = key(m.h, 2 * t)
    if question in conn.answers:
        raise ProtocolError("Bootstrap with a question id that is in use")
    if len(conn.answers) >= conn.limits.answers:
        send_exception(conn, question, Error("too many calls are under way", OVERLOADED))
        return
    try:
        # A service id as OCaml's capnp-rpc sends it: Text whose bytes need not be UTF-8.
        id = blob(m, q, False)
        if id and not id[len(id) - 1]:
            id = id[: len(id) - 1]
        value = conn.restore(bytes(id or b""))
        if value is None:
            raise Error("there is no such object")
        results = Message(new_views(8), 0, 2, None, 2)  # the capability in place of a struct
        results.h[0] = 3
        results.root = 0
        results.caps = [hook_of(value, conn.host)]
        kept = send_results(conn, question, None, results)
    except Exception as error:
        Answer(conn, question, None, 0).fail(error_from(error))
    else:
        Answer(conn, question, None, 0).settle(kept)


def receive_finish(conn, m, p):
    """Handles a Finish whose pointer is at p. One for an unknown question is ignored: it crossed a
    Return that needed none."""
    t, _ = body(m, p, 1, 0)
    answer = conn.answers.get(key(m.h, 2 * t))
    if answer is not None:
        answer.finish(m.h[2 * t + 2])


def receive_loopback(conn, m, t, q):
    """Handles a Disembargo (senderLoopback) at t, target pointer at q: sends it back the way that
    calls to its target now take, behind all calls that came before it."""
    hook = message_target(conn, m, q).resolved()
    if hook.conn is not conn:
        raise ProtocolError("Disembargo for an object that does not lead back to its sender")
    id = key(m.h, 2 * t)
    out = conn.out
    d = begin(out, DISEMBARGO, 1, 1)
    put_key(out.h, 2 * d, id)
    out.h[2 * d + 2] = RECEIVER_LOOPBACK
    new = new_struct(out, d + 2, 1, 1)
    hook.put_target(out, new)
    conn.sent()


def lost(conn, error):
    """The connection is gone: nobody waits for our answers any more."""
    answers = conn.answers
    conn.answers = {}
    for question in answers:
        answers[question].cancel()
        answers[question].drop()
    exports = conn.exports.values()
    conn.exports = conn.exports.__class__()
    conn.export_ids = {}
    for export in exports:
        drop_export(conn, export)
