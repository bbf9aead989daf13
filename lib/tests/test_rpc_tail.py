# SPDX-License-Identifier: MIT
"""Calls that the peer makes to us on behalf of our own: sendResultsTo.yourself.

When a call of ours leads, through the peer, back to an object of ours, the peer lets the results stay
here: it calls with sendResultsTo.yourself, and its Return to our question only names that call. The C++
implementation, and so pycapnp, does it for every call that it passes on.
"""

from bed import ECHO, FAIL, HOLD, LATER, SELF, WAIT, Bed, Thing
from byhand import at, promised

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.promise import FAILED, OVERLOADED, UNIMPLEMENTED

YOURSELF = {"sendTo": 1}


def _bed(**limits):
    """A vat with an object that the peer knows, and a call of ours under way."""
    bed = Bed()
    thing = Thing(bed)
    end, peer = bed.peer(thing, **limits)
    export = peer.bootstrap()
    client = peer.client({"senderHosted": 0})
    return bed, thing, end, peer, export, client


def _take(peer, question, call):
    peer.send("return", {"answerId": question, "takeFromOtherQuestion": call})


def _elsewhere(peer, call):
    body = peer.read("return")
    assert body.answerId == call and body.which_() == "resultsSentElsewhere"
    assert not body.noFinishNeeded and not body.releaseParamCaps


def _done(bed, thing, peer, export, client):
    release(client)
    bed.tasks()
    assert peer.read("release").id == 0
    peer.release(export)
    bed.check_empty(thing)


def test_results_of_a_call_that_is_done():
    for method in (ECHO, LATER):
        bed, thing, end, peer, export, client = _bed()
        promise = client.echo(5)
        assert peer.read("call").questionId == 0
        peer.call(7, export, method, 5, **YOURSELF)
        _elsewhere(peer, 7)
        _take(peer, 0, 7)
        assert peer.read("finish").questionId == 0
        assert bed.get(promise).y == 5
        peer.finish(7)
        _done(bed, thing, peer, export, client)


def test_results_of_a_call_under_way():
    bed, thing, end, peer, export, client = _bed()
    promise = client.wait()
    peer.read("call")
    peer.call(7, export, WAIT, **YOURSELF)
    bed.tasks()
    _take(peer, 0, 7)
    peer.nothing()
    thing.waiting[0].resolve(6)
    bed.tasks()
    _elsewhere(peer, 7)
    assert peer.read("finish").questionId == 0
    assert bed.get(promise).y == 6
    peer.finish(7)
    _done(bed, thing, peer, export, client)


def test_finish_comes_before_the_results():
    """The peer needs no results, but our own call does: it is not cancelled."""
    bed, thing, end, peer, export, client = _bed()
    promise = client.wait()
    peer.read("call")
    peer.call(7, export, WAIT, **YOURSELF)
    bed.tasks()
    _take(peer, 0, 7)
    peer.finish(7)
    peer.nothing()
    thing.waiting[0].resolve(6)
    bed.tasks()
    assert peer.read("return").answerId == 7
    peer.read("finish")
    assert bed.get(promise).y == 6
    _done(bed, thing, peer, export, client)


def test_finish_without_a_taker_cancels():
    bed, thing, end, peer, export, client = _bed()
    peer.call(7, export, WAIT, **YOURSELF)
    bed.tasks()
    peer.finish(7)
    assert peer.read("return").which_() == "canceled" and thing.calls == ["cancelled"]
    _done(bed, thing, peer, export, client)


def test_errors():
    bed, thing, end, peer, export, client = _bed()
    for method, type in ((FAIL, OVERLOADED), (12, UNIMPLEMENTED)):
        promise = client.echo(1)
        peer.read("call")
        peer.call(7, export, method, type, **YOURSELF)
        _elsewhere(peer, 7)
        _take(peer, 0, 7)
        peer.read("finish")
        assert bed.error(promise).type == type
        peer.finish(7)
    _done(bed, thing, peer, export, client)


def test_capabilities_in_results():
    """They are the very same objects; the results are ours however early the peer's Finish is."""
    for early in (True, False):
        bed, thing, end, peer, export, client = _bed()
        promise = client.self()
        peer.read("call")
        peer.call(7, export, SELF, **YOURSELF)
        _elsewhere(peer, 7)
        if early:
            _take(peer, 0, 7)
            peer.finish(7)
        else:
            _take(peer, 0, 7)
        peer.read("finish")
        results = bed.get(promise)
        if not early:
            peer.finish(7)
        assert results.thing._hook.resolved().server is thing
        assert bed.get(results.thing.echo(3)).y == 3
        release(results)
        _done(bed, thing, peer, export, client)


def test_pipelined_calls_keep_their_order():
    """They go through the peer until the results are here; then a Disembargo follows them."""
    bed, thing, end, peer, export, client = _bed()
    promise = client.hold(None)
    early = promise.thing.echo(1)
    assert peer.read("call").questionId == 0
    assert peer.read("call").questionId == 1
    peer.call(7, export, HOLD, **YOURSELF)
    peer.call(8, (7, [0]), ECHO, 1, **YOURSELF)
    bed.tasks()
    _take(peer, 0, 7)
    _take(peer, 1, 8)
    later = promise.thing.echo(2)
    body = peer.read("call")
    assert body.target.promisedAnswer.questionId == 0
    thing.waiting[0].resolve(thing)
    bed.tasks()
    _elsewhere(peer, 7)
    _elsewhere(peer, 8)
    body = peer.read("disembargo")
    assert body.target.promisedAnswer.questionId == 0
    assert peer.read("finish").questionId == 0
    assert peer.read("finish").questionId == 1
    last = promise.thing.echo(3)
    bed.tasks()
    assert thing.calls == [1]
    peer.call(9, (7, [0]), ECHO, 2, **YOURSELF)
    _elsewhere(peer, 9)
    _take(peer, 2, 9)
    assert peer.read("finish").questionId == 2
    peer.send("disembargo", {"target": at((7, [0])), "receiverLoopback": body.senderLoopback})
    assert [bed.get(call).y for call in (early, later, last)] == [1, 2, 3]
    assert thing.calls == [1, 2, 3]
    for question in (7, 8, 9):
        peer.finish(question)
    release(promise)
    _done(bed, thing, peer, export, client)


def test_cancel_after_the_results_were_assigned():
    for finished in (True, False):
        bed, thing, end, peer, export, client = _bed()
        promise = client.wait()
        peer.read("call")
        peer.call(7, export, WAIT, **YOURSELF)
        bed.tasks()
        _take(peer, 0, 7)
        if finished:
            peer.finish(7)
        promise.cancel_()
        assert bed.error(promise).type == FAILED
        assert peer.read("finish").questionId == 0
        if not finished:
            peer.nothing()
            peer.finish(7)
        assert peer.read("return").which_() == "canceled"
        assert thing.calls == ["cancelled"]
        _done(bed, thing, peer, export, client)


def test_cancel_before_the_results_are_assigned():
    bed, thing, end, peer, export, client = _bed()
    promise = client.wait()
    peer.read("call")
    peer.call(7, export, WAIT, **YOURSELF)
    bed.tasks()
    promise.cancel_()
    peer.read("finish")
    _take(peer, 0, 7)
    peer.finish(7)
    assert peer.read("return").which_() == "canceled" and thing.calls == ["cancelled"]
    _done(bed, thing, peer, export, client)


def test_results_of_the_wrong_call():
    """Of an unknown call, of one whose results go to the peer, of one that another has taken."""
    bed, thing, end, peer, export, client = _bed()
    promises = [client.wait() for _ in range(4)]
    for _ in promises:
        peer.read("call")
    peer.call(7, export, WAIT)
    peer.call(8, export, WAIT, **YOURSELF)
    bed.tasks()
    for question, call in enumerate((66, 7, 8, 8)):
        _take(peer, question, call)
    for question in (0, 1, 3):
        assert peer.read("finish").questionId == question
        assert bed.error(promises[question]).type == UNIMPLEMENTED
    thing.waiting[1].resolve(4)
    bed.tasks()
    assert bed.get(promises[2]).y == 4
    _elsewhere(peer, 8)
    bed.cut()
    release(client)
    bed.check_empty(thing)


def test_a_second_return():
    bed, thing, end, peer, export, client = _bed()
    promise = client.wait()
    peer.read("call")
    peer.call(7, export, WAIT, **YOURSELF)
    _take(peer, 0, 7)
    peer.results(0, 1)
    assert "not asked" in peer.aborted()[1]
    assert bed.error(promise).type == FAILED
    bed.check_empty(thing)


def test_disconnect_in_between():
    for taken in (True, False):
        bed, thing, end, peer, export, client = _bed()
        promise = client.self()
        peer.call(7, export, WAIT, **YOURSELF)
        peer.call(8, export, SELF, **YOURSELF)
        bed.tasks()
        if taken:
            _take(peer, 0, 7)
        bed.cut()
        assert "cut" in bed.error(promise).reason or taken
        release(client)
        bed.check_empty(thing)


def test_limits():
    """An error stays here like results: the peer must not get it from such a Return."""
    bed, thing, end, peer, export, client = _bed(answers=2)
    promise = client.echo(1)
    peer.read("call")
    peer.call(7, export, WAIT)
    peer.call(8, export, WAIT)
    peer.call(9, export, ECHO, 1, [{"senderHosted": 4}], **YOURSELF)
    _elsewhere(peer, 9)
    assert peer.read("release").id == 4
    _take(peer, 0, 9)
    peer.read("finish")
    assert bed.error(promise).type == OVERLOADED
    peer.call(10, export, ECHO, 1, **YOURSELF)
    _elsewhere(peer, 10)
    peer.call(11, export, ECHO, 1, **YOURSELF)
    assert "limit reached" in peer.aborted()[1]
    release(client)
    bed.check_empty(thing)


def test_limit_of_bytes():
    bed, thing, end, peer, export, client = _bed(call_bytes=250)
    peer.call(7, export, SELF, **YOURSELF)
    _elsewhere(peer, 7)
    peer.call(8, export, SELF, **YOURSELF)
    _elsewhere(peer, 8)
    assert end.counts()[5] <= 250
    peer.call(9, export, ECHO, 1, [{"receiverAnswer": promised(8, [0])}] * 10, **YOURSELF)
    _elsewhere(peer, 9)
    for question in (7, 8, 9):
        peer.finish(question)
    _done(bed, thing, peer, export, client)
