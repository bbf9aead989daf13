# SPDX-License-Identifier: MIT
"""Layer `rpc`: calls that are passed on, from another connection, a promise or a membrane, and their
results on the way back.

A call that the peer has made and that goes back to the peer is passed on as a tail call, if the peer
is known to understand them (`conn.tails`): its results do not come here at all.
"""

from ..layout import on_demand as parts
from ..objects.client import release_caps
from ..objects.promise import error_from
from ..words import const
from .answers import Answer
from .questions import Pipeline, Question, begin_call, check_call, end_call, undo
from .wire import BODY, CALL_CONTENT, NO_ROOM, begin, put_key

# Call.
_METHOD = const(2)
_SEND_TO = const(3)
_INTERFACE = const(4)
_YOURSELF = const(1)

# Return.
_RETURN = const(3)
_FLAGS = const(2)
_TAG = const(3)
_OTHER = const(4)
_KEEP_PARAM_CAPS = const(1)
_TAKE_FROM_OTHER_QUESTION = const(4)

_FINISH_FLAGS = const(1 | 2)


def forward(conn, target, request):
    """Sends a Request on to a hook of this connection; its answer will be the peer's."""
    m = conn.out
    question = None
    tail = conn.tails and request.__class__ is Answer and request.conn is conn
    tail = tail and not request.finished
    try:
        check_call(conn, target)
        question = Question(conn)
        at = begin_call(conn, target, question)
        k = 2 * (at + BODY)
        m.h[k + _METHOD] = request.method
        for j in range(4):
            m.h[k + _INTERFACE + j] = request.id[j]
        if tail:
            m.h[k + _SEND_TO] = _YOURSELF
        parts.copy_pointer(m, at + CALL_CONTENT, request.message, request.message.root)
        if tail:
            tail = Tail(request, question)
        else:
            request.onward = question
            question.then(request.follow)
        end_call(conn, question, at)
    except Exception as error:
        undo(conn, question)
        request.reject(error_from(error))
        return
    if tail:
        tail.replace(request)


def respond(answer, message):
    """Answers a call with the results of another one, whose capabilities' references it takes over."""
    answer.respond(_put_copy, None, message)
    release_caps(message)


def _put_copy(m, p, _, message):
    parts.copy_pointer(m, p, message, message.root)


class _Elsewhere(Pipeline):
    """A capability in results that go to the peer itself: we are never told which it is."""

    promise = False

    def release(self):
        Pipeline.release(self)
        self.question.tail.unwanted()


class Tail(Answer):
    """The entry of a call that was passed on to where it came from, in the place of its Answer:
    calls may be pipelined on it until its Finish, and on what was pipelined until nobody refers to it.
    """

    def __init__(self, answer, question):
        self.conn = answer.conn
        self.host = answer.host
        self.key = answer.key
        self.finished = False
        self.held = 0
        self.begin()
        self.question = question
        question.tail = self
        question.new_pipeline = _Elsewhere
        for path in answer.pipelines or ():
            question.pipeline(path)

    def replace(self, answer):
        """The call was sent: tells the peer so, in place of the Answer. Takes no memory but for output."""
        conn = self.conn
        question = self.question
        self.held = answer.held
        answer.held = 0
        conn.answers[self.key] = self
        m = conn.out
        try:
            t = begin(m, _RETURN, 2, 1)
        except NO_ROOM as error:
            conn.fail_output(error)
        else:
            h = m.h
            put_key(h, 2 * t, self.key)
            h[2 * t + _FLAGS] = _KEEP_PARAM_CAPS
            h[2 * t + _TAG] = _TAKE_FROM_OTHER_QUESTION
            put_key(h, 2 * t + _OTHER, question.id)
            conn.sent()
        pipelines = answer.pipelines
        while pipelines:
            path, hook = pipelines.popitem()
            hook.resolve(question.pipeline(path).retain())
            hook.release()
        answer._end()

    def pipeline(self, path):
        return self.question.pipeline(path)

    def charge(self, path, size):
        self.pipelines = self.question.pipelines
        return Answer.charge(self, path, size)

    def finish(self, flags):
        self.forget()
        self.finished = True
        self.unwanted()

    def unwanted(self):
        self.pipelines = self.question.pipelines
        Answer.unwanted(self)

    def cancel(self):
        self.let_go()
        self.finished = False
        question = self.question
        if self.conn.error is not None:
            return  # it breaks with all others
        if question.source is None:
            question.cancel()
        else:
            question.finish(_FINISH_FLAGS)
            self.conn.questions.remove(question.id)
