# SPDX-License-Identifier: MIT
"""Tail calls that we send: what the peer calls here and that leads back to the peer, by hand.

We pass the call on with sendResultsTo.yourself, and tell the peer in a Return which of its answers the
results are: they do not come here. Only to peers that are known to understand it.
"""

from bed import ECHO, HOLD, LATER, SAME, SELF, THING, WAIT, Bed, Thing
from byhand import at, promised

from capnrpc_micro.objects.client import release, retain
from capnrpc_micro.objects.operations import equal, problem, promise, settled
from capnrpc_micro.objects.promise import DISCONNECTED, FAILED, OVERLOADED
from capnrpc_micro.rpc import forward

OBJECT = 5  # the peer's, to which our promise leads


class Case:
    """A vat whose main object is a promise, which turns out to be the peer's."""

    def __init__(self, tails=True, known=True, **limits):
        self.bed = bed = Bed()
        self.thing = Thing(bed)
        self.mine, self.resolver = promise(THING, bed.host)
        self.end, self.peer = bed.peer(lambda id: self.thing if id else self.mine, **limits)
        self.end.conn.tails = tails
        self.peer.send("bootstrap", {"questionId": 0})
        self.export = self.peer.read("return").results.capTable[0].senderPromise
        self.peer.finish(0, False)
        self.theirs = self.peer.client({"senderHosted": OBJECT})
        if known:
            self.known()

    def known(self):
        self.resolver.resolve(self.theirs)
        self.bed.tasks()

    def told(self):
        """Reads the Resolve."""
        body = self.peer.read("resolve")
        assert (body.promiseId, body.cap.receiverHosted) == (self.export, OBJECT)

    def tail(self, call, target=None, x=None):
        """Reads the two messages of a tail call. Its question."""
        body = self.peer.read("call")
        assert body.sendTo == 1
        if target is None:
            assert body.target.importedCap == OBJECT
        else:
            assert body.target.promisedAnswer.questionId == target
        if x is not None:
            assert body.params.content.x == x
        question = body.questionId
        body = self.peer.read("return")
        assert (body.answerId, body.takeFromOtherQuestion) == (call, question)
        assert not body.noFinishNeeded and not body.releaseParamCaps
        return question

    def elsewhere(self, question):
        self.peer.send("return", {"answerId": question, "resultsSentElsewhere": None})

    def finished(self, question):
        """Reads our Finish, which gives back nothing: we have never had the results."""
        body = self.peer.read("finish")
        assert body.questionId == question and not body.releaseResultCaps
        assert not body.requireEarlyCancellationWorkaround

    def done(self):
        release(self.theirs)
        release(self.mine)
        if self.end.conn.error is None:
            self.peer.release(self.export)
            assert self.peer.read("release").id == OBJECT
            self.peer.nothing()
        self.bed.check_empty(self.thing)


def test_results_do_not_come_here():
    for early in (False, True):
        case = Case()
        case.told()
        case.peer.call(7, case.export, ECHO, 3)
        question = case.tail(7, None, 3)
        assert case.end.counts()[:2] == (1, 1)
        if early:  # the peer has what it wanted, or does not want it any more
            case.peer.finish(7)
            assert case.peer.read("finish").questionId == question
            case.peer.nothing()
            assert case.end.counts()[:2] == (1, 0)
            case.elsewhere(question)
        else:
            case.elsewhere(question)
            case.peer.nothing()
            assert case.end.counts()[:2] == (1, 1)
            case.peer.finish(7)
            case.finished(question)
        assert case.end.counts()[:2] == (0, 0) and case.end.counts()[5] == 0
        case.done()


def test_a_cancelled_call_may_return_as_cancelled():
    for which in ("canceled", "resultsSentElsewhere"):
        case = Case()
        case.told()
        case.peer.call(7, case.export, WAIT)
        question = case.tail(7)
        case.peer.finish(7)
        body = case.peer.read("finish")
        assert (body.questionId, body.releaseResultCaps) == (question, True)
        # Its id is free for another call of the peer's, but not yet for one of ours.
        case.peer.call(7, case.export, ECHO, 1)
        other = case.tail(7)
        assert other != question
        case.peer.send("return", {"answerId": question, which: None})
        case.elsewhere(other)
        case.peer.finish(7)
        case.finished(other)
        case.done()


def test_only_to_peers_that_are_known_to_understand():
    case = Case(tails=False)
    case.told()
    for send, tails in (
        ({}, False),
        ({"onlyPromisePipeline": True}, False),
        ({"sendTo": 1}, True),
    ):
        case.peer.call(7, case.export, ECHO, 1)
        body = case.peer.read("call")
        assert body.sendTo == 0
        case.peer.results(body.questionId, 1)
        case.peer.read("finish")
        assert case.peer.read("return").results.content.x == 1
        # A call of this kind that needs no tail call: to an object of ours.
        case.peer.send("bootstrap", {"questionId": 1, "deprecatedObjectId": "x"})
        thing = case.peer.read("return").results.capTable[0].senderHosted
        case.peer.finish(1, False)
        case.peer.call(8, thing, ECHO, 2, **send)
        if not send or tails:
            case.peer.read("return")
        if send:
            case.peer.finish(8)
        case.peer.release(thing)
        assert case.end.conn.tails == tails
    case.peer.call(7, case.export, ECHO, 1)
    question = case.tail(7)
    case.elsewhere(question)
    case.peer.finish(7)
    case.finished(question)
    case.done()


def test_only_for_calls_of_the_same_peer():
    """Not for our own, nor for those of another connection, nor for those that are tail calls already."""
    case = Case()
    case.told()
    bed = case.bed
    other, stranger = bed.peer(case.mine)
    other.conn.tails = True
    export = stranger.bootstrap()
    stranger.call(1, export, ECHO, 1)
    call = case.mine.echo(2)
    case.peer.call(7, case.export, ECHO, 3, sendTo=1)
    calls = [case.peer.read("call") for _ in range(3)]
    assert [(body.sendTo, body.params.content.x) for body in calls] == [(0, 1), (0, 2), (0, 3)]
    for body in calls:
        case.peer.results(body.questionId, body.params.content.x)
        case.peer.read("finish")
    assert case.peer.read("return").which_() == "resultsSentElsewhere"
    assert stranger.read("return").results.content.x == 1
    assert bed.get(call).y == 2
    case.peer.finish(7)
    stranger.release(export)
    case.done()


def test_parameters_go_along():
    """With their capabilities, which the call does not need here any more."""
    case = Case()
    case.told()
    case.peer.call(7, case.export, SAME, 0, [{"senderHosted": 9}])
    body = case.peer.read("call")
    assert body.params.capTable[0].receiverHosted == 9
    case.peer.read("return")
    assert case.peer.read("release").id == 9
    case.peer.call(8, case.export, SAME, 0, [{"receiverHosted": case.export}])
    body = case.peer.read("call")
    assert body.params.capTable[0].receiverHosted == OBJECT
    case.peer.read("return")
    for question, call in ((0, 7), (1, 8)):
        case.elsewhere(question)
        case.peer.finish(call)
        case.finished(question)
    case.done()


def test_pipelined_before_it_is_known():
    """Calls that waited here go on in their order, each as a tail call."""
    case = Case(known=False)
    case.peer.call(7, case.export, SELF)
    case.peer.call(8, (7, [0]), ECHO, 1)
    case.peer.call(9, (7, [0]), ECHO, 2)
    case.peer.nothing()
    case.known()
    first = case.tail(7)
    found = [case.tail(8, first, 1), case.tail(9, first, 2)]
    case.told()
    # And after that.
    case.peer.call(10, (7, [0]), ECHO, 3)
    found.append(case.tail(10, first, 3))
    case.elsewhere(first)
    case.peer.call(11, (7, [0]), ECHO, 4)
    found.append(case.tail(11, first, 4))
    for question in found:
        case.elsewhere(question)
    for k in range(4):
        case.peer.finish(8 + k)
        case.finished(found[k])
    case.peer.finish(7)
    case.finished(first)
    case.done()


def test_a_disembargo_goes_the_same_way():
    case = Case()
    case.told()
    case.peer.call(7, case.export, SELF)
    question = case.tail(7)
    case.peer.call(8, (7, [0]), ECHO, 1)
    other = case.tail(8, question)
    case.elsewhere(question)
    case.peer.send("disembargo", {"target": at((7, [0])), "senderLoopback": 66})
    body = case.peer.read("disembargo")
    assert body.receiverLoopback == 66 and body.target.promisedAnswer.questionId == question
    case.peer.finish(7)
    case.finished(question)
    case.elsewhere(other)
    case.peer.finish(8)
    case.finished(other)
    case.done()


def test_what_was_pipelined_is_kept():
    """A capability in results that went by, which we hold: the question stays until we let it go."""
    for early in (False, True):
        case = Case()
        case.told()
        bed = case.bed
        case.peer.send("bootstrap", {"questionId": 1, "deprecatedObjectId": "x"})
        thing = case.peer.read("return").results.capTable[0].senderHosted
        case.peer.finish(1, False)
        case.peer.call(7, case.export, SELF)
        question = case.tail(7)
        # KEEP, a parameter of a call to an object of ours.
        case.peer.call(8, thing, 7, 0, [{"receiverAnswer": promised(7, [0])}])
        case.peer.read("return")
        kept = case.thing.kept
        if not early:
            case.elsewhere(question)
        case.peer.finish(7)
        if early:
            case.elsewhere(question)
        case.peer.nothing()
        assert bed.get(settled(kept)) is None and problem(kept) is None
        assert equal(kept, case.theirs) is False
        call = kept.echo(4)
        body = case.peer.read("call")
        assert body.target.promisedAnswer.questionId == question and body.sendTo == 0
        other = body.questionId
        assert other != question
        case.peer.results(other, 4)
        case.peer.read("finish")
        assert bed.get(call).y == 4
        retain(kept)
        release(kept)
        case.peer.nothing()
        release(kept)
        case.finished(question)
        case.peer.release(thing)
        case.done()


def test_limits():
    """One question more is needed for it: without it the peer is told, as for any call."""
    case = Case(questions=1)
    case.told()
    case.peer.call(7, case.export, WAIT)
    question = case.tail(7)
    case.peer.call(8, case.export, ECHO)
    assert case.peer.exception(8, False)[0] == OVERLOADED
    case.peer.finish(8)
    case.elsewhere(question)
    case.peer.finish(7)
    case.finished(question)
    case.done()

    case = Case(answers=2)
    case.told()
    questions = []
    for call in (7, 8):
        case.peer.call(call, case.export, LATER)
        questions.append(case.tail(call))
    case.peer.call(9, case.export, ECHO)
    assert case.peer.exception(9)[0] == OVERLOADED
    for k in range(2):
        case.elsewhere(questions[k])
        case.peer.finish(7 + k)
        case.finished(questions[k])
    case.done()


def test_bytes_of_pipelines_are_limited():
    case = Case(call_bytes=900)
    case.told()
    case.peer.call(7, case.export, SELF)
    question = case.tail(7)
    for k in (0, 0, 1, 0, 1):
        case.peer.call(8, (7, [k]), ECHO, 1)
        other = case.tail(8, question)
        case.elsewhere(other)
        case.peer.finish(8)
        case.finished(other)
    held = case.end.counts()[5]
    assert 2 * 256 < held < 900
    case.peer.call(8, (7, [2, 2, 2, 2]), ECHO, 1)
    assert case.peer.exception(8, False)[0] == OVERLOADED
    assert case.end.counts()[5] == held
    case.peer.finish(8)
    case.elsewhere(question)
    case.peer.finish(7)
    case.finished(question)
    case.done()


def test_no_memory_for_its_return():
    """The connection ends then, and all that waits on the call breaks with it."""

    def no_memory(*arguments):
        raise MemoryError

    for pipelined in (False, True):
        case = Case(known=False)
        case.peer.call(7, case.export, SAME, 0, [{"senderHosted": 9}])
        if pipelined:
            case.peer.call(8, (7, [0]), ECHO, 1)
        begin = forward.begin
        forward.begin = no_memory
        try:
            case.resolver.resolve(case.theirs)
        finally:
            forward.begin = begin
        case.bed.tasks()
        assert case.end.conn.error.type == OVERLOADED
        case.done()


def test_a_return_that_says_anything_else():
    for value in ({"results": {}}, {"exception": {"reason": "x"}}, {"takeFromOtherQuestion": 7}):
        case = Case()
        case.told()
        case.peer.call(7, case.export, ECHO)
        value["answerId"] = case.tail(7)
        case.peer.send("return", value)
        assert "resultsSentElsewhere" in case.peer.aborted()[1]
        case.done()
    case = Case()
    case.told()
    case.peer.call(7, case.export, ECHO)
    question = case.tail(7)
    case.peer.send("unimplemented", {"call": {"questionId": question}})
    assert "must implement" in case.peer.aborted()[1]
    case.done()
    case = Case()
    case.told()
    case.peer.call(7, case.export, ECHO)
    question = case.tail(7)
    case.elsewhere(question)
    case.elsewhere(question)
    assert "not asked" in case.peer.aborted()[1]
    case.done()


def test_the_connection_is_lost():
    """At each step: what waited breaks, what was held breaks, nothing is left."""
    for step in range(6):
        case = Case(known=False)
        bed = case.bed
        case.peer.call(7, case.export, HOLD, 0, [{"senderHosted": 9}])
        case.peer.call(8, (7, [0]), ECHO, 1)
        if step > 0:
            case.known()
            question = case.tail(7)
            other = case.tail(8, question)
            assert case.peer.read("release").id == 9
            case.told()
        if step > 1:
            case.elsewhere(question)
        if step > 2:
            case.peer.call(9, case.export, SELF)
        if step > 3:
            case.peer.finish(7)
        if step > 4:
            case.elsewhere(other)
        call = case.mine.echo(1)
        bed.cut()
        assert step == 0 or bed.error(call).type == DISCONNECTED
        if step == 0:
            case.resolver.reject("no")
            assert bed.error(call).type == FAILED
        case.done()
