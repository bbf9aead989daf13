# SPDX-License-Identifier: MIT
"""Layer `rpc`: calls of the peer's whose results stay here.

Because they are for another question: the peer passes on a call that we have made (sendResultsTo
.yourself), and tells us with takeFromOtherQuestion which of our questions the results belong to. Or
because the peer wants to do no more than pipeline on them (onlyPromisePipeline).
"""

from ..objects.capability import Request
from ..objects.client import release_caps
from ..words import const
from .answers import Answer, send_return
from .captable import own
from .wire import ProtocolError

# Return.
_KEEP_PARAM_CAPS = const(1)
_RESULTS_SENT_ELSEWHERE = const(3)

_FINISH_FLAGS = const(1 | 2)  # keeps the results' capabilities, needs no workaround


class Kept(Answer):
    """A call whose results, or whose error, stay here until its Finish.

    taker    the Question of ours that they are for, once the peer has named it; False before
    silent   whether no Return is sent at all
    """

    taker = silent = False

    def returned(self, results, value):
        Request.returned(self, results, value)

    def resolve(self, message):
        if self.settled or self.finished:
            Answer.resolve(self, message)
            return
        self.let_go()
        size = len(message.b)
        if self.conn.call_bytes + size > self.conn.limits.call_bytes:
            release_caps(message)
            self.reject(self.conn.full("call_bytes"))
            return
        self.tell(None)
        self.hold(size)
        Request.resolve(self, message)

    def tell(self, error):
        if not self.silent:
            send_return(self.conn, self.key, _RESULTS_SENT_ELSEWHERE, _KEEP_PARAM_CAPS)

    def abandoned(self, question):
        """The question that its results are for was cancelled."""
        _done(question)
        self.taker = False
        self.unwanted()


def refuse(conn, question, send_to, error):
    """Refuses such a call: the error has to stay here. Peers make them only for calls of ours."""
    if len(conn.answers) >= 2 * conn.limits.answers:
        raise ProtocolError(error.reason)
    answer = Kept(conn, question, None, 0)
    answer.silent = not send_to
    answer.reject(error)


def take(question, answer):
    """A Return says that the results of our question are those of a call that the peer has made to us
    on its behalf. Returns whether there is such a call."""
    if answer is None or answer.taker is not False:
        return False
    question.source = answer
    answer.taker = question
    answer.then(_settled)
    return True


def _settled(answer):
    question = answer.taker
    if not question or question.conn.error is not None:
        return
    message = answer.value
    if message is not None:
        message = message.copy()
        message.root = answer.value.root - answer.value.lo
        # Calls that were pipelined on them have come through the peer.
        message.caps = [hook and own(question.conn, hook, True) for hook in message.caps or ()]
        for hook in message.caps:
            if hook is not None:
                hook.retain()
    question.returned(message, answer.error)
    question.source = None
    # Only now: calls pipelined on it have gone the way through the peer until here.
    question.finish(_FINISH_FLAGS)
    _done(question)


def _done(question):
    question.source = None
    if question.conn.error is None:
        question.conn.questions.remove(question.id)
