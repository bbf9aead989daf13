# SPDX-License-Identifier: MIT
"""Layer `rpc`: calls that the peer makes. The answers table.

A call that a plain method answers at once, without capabilities in its results, never enters the
table: its Return says that no Finish is needed.
"""

from ..layout import blob, follow
from ..message import Message
from ..objects.capability import LocalCap, Request, dispatch, hook_of
from ..objects.client import CallPromise, is_awaitable, release, release_caps, release_results
from ..objects.dispatch import find_handler, put_results
from ..objects.promise import OUT_OF_MEMORY, UNIMPLEMENTED, UNKNOWN_ID, Error, again, error_from
from ..words import const, new_views
from .captable import import_caps, message_target, put_captable, release_exports, smaller
from .wire import (
    BODY,
    NO_ROOM,
    RETURN_CAPS,
    RETURN_CONTENT,
    RETURN_FRAME,
    ProtocolError,
    begin,
    body,
    key,
    on_demand,
    put_exception,
    put_key,
)

_RETURN = const(3)  # of Message

# Call.
_METHOD = const(2)
_SEND_TO = const(3)
_INTERFACE = const(4)
_CALL_FLAGS = const(8)
_YOURSELF = const(1)
_ONLY_PROMISE_PIPELINE = const(4)

# Return.
_FLAGS = const(2)
_TAG = const(3)
_KEEP_PARAM_CAPS = const(1)  # releaseParamCaps is true by default, so its bit says false
_NO_FINISH_NEEDED = const(2)
_EXCEPTION = const(1)
_CANCELED = const(2)

# Finish, whose two flags are true by default, so the bits say false.
_KEEP_RESULT_CAPS = const(1)
_NO_WORKAROUND = const(2)
_SPARE = const(16)  # see captable


class Answer(Request):
    """A call of the peer's that is not finished.

    key        its question id, a table key
    exports    ids of what its results sent, to be released when Finish says so
    finished   whether Finish has come before its Return
    taker      see `keep`
    """

    taker = None
    runs = False

    def __init__(self, conn, key, id, method):
        self.conn = conn
        self.key = key
        self.exports = ()
        self.finished = False
        self.held = 0  # bytes that it is charged
        Request.__init__(self, conn.host, id, method)
        if conn.error is None:  # else its handler has ended its own connection
            conn.answers[key] = self
            conn.most_answers = max(conn.most_answers, len(conn.answers))
            conn.answer_room = max(conn.answer_room, len(conn.answers))

    def hold(self, size):
        """Charges bytes of memory, for as long as it is in the table or its results are needed."""
        self.held += size
        self.conn.call_bytes += size

    def let_go(self):
        """Gives back all that it was charged."""
        self.conn.call_bytes -= self.held
        self.held = 0

    def charge(self, path, size):
        """Charges for a pipeline if it is a new one. Returns whether the limit allows it."""
        if not self.settled and path not in (self.pipelines or ()):
            if self.conn.call_bytes + size > self.conn.limits.call_bytes:
                return False
            self.hold(size)
        return True

    def admitted(self):
        conn = self.conn
        if conn.running >= conn.limits.running:
            self.reject(conn.full("running"))
            return False
        conn.running += 1
        self.runs = True
        return True

    def _end(self):
        Request._end(self)
        if self.message is not None:
            self.message = None
        if self.runs:
            self.runs = False
            self.conn.running -= 1

    def returned(self, results, value):
        if self.settled:
            return
        if self.finished:
            return Request.returned(self, results, value)
        self.respond(put_results, results, value)

    def respond(self, put, results, value):
        """Sends its Return; see send_results."""
        try:
            send_results(self.conn, self.key, put, results, value, self)
        except Exception as error:
            self.reject(error_from(error))

    def resolve(self, message):
        if self.settled:
            release_caps(message)
        elif self.finished:  # only for those who need its results here
            self.then(release_results)
            self._canceled()
            Request.resolve(self, message)
        else:
            on_demand.respond(self, message)

    def settle(self, kept, exports):
        """Its Return was sent, with these exports. `kept` is a copy of the message with its capabilities,
        for calls pipelined on them; None if no Finish is needed."""
        self.let_go()
        if kept is None:
            self.forget()
            kept = _NOTHING
        else:
            self.exports = exports
            self.hold(len(kept.b))
        Request.resolve(self, kept)

    def reject(self, error):
        """Answers with an Error, which is kept for pipelined calls that are on their way."""
        if not self.settled:
            if self.finished:
                self._canceled()
            else:
                self.tell(error)
            self.let_go()
            Request.reject(self, error)

    def tell(self, error):
        """Sends the Return with an Error."""
        send_exception(self.conn, self.key, error, _KEEP_PARAM_CAPS)

    def _canceled(self):
        self.let_go()
        self.forget()
        send_return(self.conn, self.key, _CANCELED, _KEEP_PARAM_CAPS | _NO_FINISH_NEEDED)

    def finish(self, flags):
        """The peer does not want the results any more."""
        if self.settled:
            self.forget()
            self.drop()  # first: the peer may have given back already what comes next
            if not flags & _KEEP_RESULT_CAPS:
                release_exports(self.conn, self.exports)
            return
        self.finished = True
        if flags & _NO_WORKAROUND or self.waiting.__class__ is not LocalCap:
            self.unwanted()
        else:  # requireEarlyCancellationWorkaround: its method is to begin first
            self.host.start(_unwanted(self))

    def unwanted(self):
        """Cancels it if it is finished and nothing here needs its results."""
        if self.finished and not self.taker:
            for path in self.pipelines or ():
                hook = self.pipelines[path]
                if hook.refs > 1 or hook.waits():
                    return
            self.cancel()

    def forget(self):
        """Takes it out of the table."""
        conn = self.conn
        conn.answers.pop(self.key, None)
        if len(conn.answers) + _SPARE << 2 < conn.answer_room:
            conn.answers = smaller(conn.answers)
            conn.answer_room = len(conn.answers)

    def drop(self):
        """Drops the results that were kept for calls on their capabilities."""
        if self.value is not None:
            self.let_go()
            release_caps(self.value)


async def _unwanted(answer):
    answer.unwanted()


def send_results(conn, key, put, results, value, answer=None):
    """Sends a Return whose results put(message, position, results, value) builds, and settles the call's
    Answer; where there is none yet one is made if results with capabilities are to be kept until its
    Finish. When it raises nothing was sent.
    """
    m = conn.out
    if conn.error is not None:
        raise again(conn.error)  # the handler has ended its own connection
    at = m.begin_with(RETURN_FRAME)
    put_key(m.h, 2 * (at + BODY), key)
    kept = new = None
    exports = ()
    try:
        put(m, at + RETURN_CONTENT, results, value)
        conn.check_size(m)
        if m.caps:
            for k in range(len(m.caps)):
                m.caps[k] = hook_of(m.caps[k], conn.host)
            if conn.call_bytes + 4 * (m.hi - m.lo) > conn.limits.call_bytes:
                raise conn.full("call_bytes")
            m.h[2 * (at + BODY) + _FLAGS] = _KEEP_PARAM_CAPS
            kept = m.copy()
            kept.root = at + RETURN_CONTENT - m.lo
            kept.left = 1 << 28
            if answer is None:
                answer = new = Answer(conn, key, None, 0)
            exports = put_captable(conn, m, at + RETURN_CAPS, True)
    except Exception:
        if conn.error is None:
            m.rollback()
            m.caps.clear()
        if new is not None:
            new.forget()
        raise
    # From here on nothing takes memory.
    conn.sent()
    if kept is not None:
        for hook in kept.caps:
            if hook is not None:
                hook.retain()
    if answer is not None:
        answer.settle(kept, exports)


# Results that nobody can pipeline on.
_NOTHING = Message(new_views(8), 0, 2, None, 1 << 28)
_NOTHING.root = 0


def send_exception(conn, key, error, flags=_KEEP_PARAM_CAPS | _NO_FINISH_NEEDED):
    """Sends a Return with an Error."""
    send_return(conn, key, _EXCEPTION, flags, error)


def send_return(conn, key, which, flags, error=None):
    """Sends a Return without results."""
    if conn.error is not None:
        return
    m = conn.out
    try:
        t = begin(m, _RETURN, 2, 1)
        put_key(m.h, 2 * t, key)
        m.h[2 * t + _FLAGS] = flags
        m.h[2 * t + _TAG] = which
        if error is not None:
            put_exception(m, t + 4, error)
    except NO_ROOM as failure:
        conn.fail_output(failure)
    else:
        conn.sent()


def receive_call(conn, m, p):
    """Handles a Call whose pointer is at p. Returns whether it must be echoed as unimplemented."""
    t, q = body(m, p, 3, 3)
    h = m.h
    k = 2 * t
    question = key(h, k)
    _check_free(conn, question)
    if h[k + _SEND_TO] > _YOURSELF:
        return True
    hook = message_target(conn, m, q).resolved()
    tag, c = follow(m, q + 2)  # the Payload: content, capTable
    n = h[2 * tag + 3]
    root = c + 2 * h[2 * tag + 2] if n else q + 2
    stays = h[k + _SEND_TO] or h[k + _CALL_FLAGS] & _ONLY_PROMISE_PIPELINE
    try:
        if n > 1 and (h[2 * root + 4] or h[2 * root + 5]):
            m.caps = import_caps(
                conn, m, root + 2
            )  # whoever does not take them leaves them to be released
        if len(conn.answers) >= conn.limits.answers:
            raise conn.full("answers")
        handler = None
        if not stays and hook.__class__ is LocalCap and not hook.starting:
            handler, why = find_handler(hook.handlers, h, k + _INTERFACE, h[k + _METHOD])
            if handler is None:
                raise Error(why, UNIMPLEMENTED)
        if handler is not None and handler.plain:
            _answer_at_once(conn, hook, handler, m, root, question)
            return False
        answer = _keep(conn, m, k, root, stays, question)
    except Error as error:
        if stays:
            on_demand.refuse(conn, question, h[k + _SEND_TO], error)
        else:
            send_exception(conn, question, error)
        return False
    answer.message.caps = m.caps
    m.caps = None
    dispatch(hook, answer)
    return False


def _check_free(conn, question):
    if question in conn.answers:
        raise ProtocolError("a question id that is in use")


def _keep(conn, m, k, root, stays, question):
    """The Answer of a call that is not answered at once. Raises Error."""
    end = m.segments[-1] if m.segments else m.hi
    if conn.call_bytes + 4 * (end - m.lo) > conn.limits.call_bytes:
        raise conn.full("call_bytes")
    h = m.h
    try:
        message = m.copy()
        message.root = root - m.lo
        k += _INTERFACE
        answer = (on_demand.Kept if stays else Answer)(
            conn, question, (h[k], h[k + 1], h[k + 2], h[k + 3]), h[k - 2]
        )
    except MemoryError:
        raise again(OUT_OF_MEMORY)
    answer.message = message
    answer.hold(len(message.b))
    if stays:
        answer.silent = not h[k - 1]
        conn.tails = conn.tails or not answer.silent
    return answer


def _answer_at_once(conn, hook, handler, m, root, question):
    """Runs a plain method in place and sends its Return."""
    received = m
    if handler.lends:
        m = m.copy()
        root -= received.lo
    try:
        value = handler.fn(hook.server, *handler.arguments(m, root))
        if is_awaitable(value):
            answer_later(conn, hook, handler, value, question, received)
        else:
            send_results(conn, question, put_results, handler.results, value)
    except Exception as error:
        error = hook.failed(handler, error)
        if conn.error is None:
            Answer(conn, question, None, 0).reject(error)


def answer_later(conn, hook, handler, value, question, m):
    """A plain method returned a promise of its results: the call takes over what came in m."""
    answer = None
    try:
        answer = Answer(conn, question, None, 0)
        answer.message = _Caps(m.caps)
        m.caps = None
        hook.finish_later(value, handler, answer)
    except MemoryError:
        if isinstance(value, CallPromise):
            release(value)
        if answer is None:
            raise
        answer.reject(OUT_OF_MEMORY)


class _Caps:
    """What is left of a message whose contents nobody needs any more."""

    def __init__(self, caps):
        self.caps = caps


def _restored(conn, id):
    """The object with a service id, sent as Text whose bytes need not be UTF-8, as OCaml's capnp-rpc does,
    or as Data. Nothing tells these apart, but that Text ends in a zero byte."""
    last = len(id) - 1
    if last >= 0 and not id[last]:
        try:
            return conn.restore(id[:last])
        except Error as error:
            if not last or error.reason != UNKNOWN_ID:
                raise
    return conn.restore(id)


def receive_bootstrap(conn, m, p):
    """Handles a Bootstrap whose pointer is at p."""
    t, q = body(m, p, 1, 1)
    question = key(m.h, 2 * t)
    _check_free(conn, question)
    if len(conn.answers) >= conn.limits.answers:
        send_exception(conn, question, conn.full("answers"))
        return
    try:
        value = _restored(conn, bytes(blob(m, q, False) or b""))
        if value is None:
            raise Error("there is no such object")
        send_results(conn, question, _put_cap, None, value)
    except Exception as error:
        Answer(conn, question, None, 0).reject(error_from(error))


def _put_cap(m, p, _, value):
    """Builds a capability in place of a results struct."""
    m.h[2 * p] = 3
    m.caps.append(value)


def receive_finish(conn, m, p):
    """Handles a Finish whose pointer is at p. One for an unknown question is ignored: it crossed a
    Return that needed none."""
    t, _ = body(m, p, 1, 0)
    answer = conn.answers.get(key(m.h, 2 * t))
    if answer is not None:
        answer.finish(m.h[2 * t + 2])


def lost(conn):
    """The connection is gone: nobody waits for our answers any more."""
    while conn.answers:
        for question in conn.answers:  # noqa: B007
            break
        answer = conn.answers[question]
        answer.finished = True
        answer.cancel()
        answer.drop()
        conn.answers.pop(question, None)
