# SPDX-License-Identifier: MIT
"""Promises over a connection: Resolve, Disembargo, and every kind of capability descriptor.

E-order: calls on one reference arrive in the order in which they were made, even while the path to
the object gets shorter.
"""

from bed import (
    CALL_ME,
    ECHO,
    HOLD,
    KEEP,
    SAME,
    WAIT,
    Bed,
    Thing,
)
from byhand import at, promised

from capnrpc_micro.objects.capability import BrokenCap
from capnrpc_micro.objects.client import release, retain
from capnrpc_micro.objects.promise import FAILED, UNIMPLEMENTED


def _bed(**limits):
    bed = Bed()
    theirs = Thing(bed)
    bed.link(None, theirs, left_limits=limits, right_limits=limits)
    return bed, Thing(bed), theirs, bed.a.bootstrap()


# Embargoes between two of ours.


def test_embargo_keeps_the_order():
    """Calls that were pipelined to a promise come before those made once it is known."""
    bed, mine, theirs, client = _bed()
    promise = client.hold(mine)
    thing = promise.thing
    early = [thing.echo(k) for k in range(3)]
    bed.settle()
    theirs.waiting[0].resolve(None)
    bed.tasks()
    bed.a.deliver()  # the Return: it is our own object
    late = [thing.echo(3), promise.thing.echo(4)]
    bed.tasks()
    assert mine.calls == [], "they must not overtake those that travel"
    assert bed.a.counts()[4] == 1 and bed.a.sent[-2:] == ["disembargo", "finish"]
    assert [bed.get(call).y for call in early + late] == [0, 1, 2, 3, 4]
    assert mine.calls == [0, 1, 2, 3, 4]
    assert bed.b.sent.count("disembargo") == 1
    sent = len(bed.a.sent)
    assert bed.get(thing.echo(5)).y == 5 and len(bed.a.sent) == sent
    release(promise)
    release(client)
    bed.check_empty(mine, theirs)


def test_embargo_holds_for_the_results_too():
    bed, mine, theirs, client = _bed()
    promise = client.hold(mine)
    call = promise.thing.echo(0)
    bed.settle()
    theirs.waiting[0].resolve(None)
    task = bed.spawn(promise)
    bed.tasks()
    bed.a.deliver()
    bed.host.step()
    assert task.done
    late = task.value.thing.later(1)
    bed.get(late)
    assert mine.calls == [0, 1] and bed.get(call).y == 0
    assert task.value.thing._hook.resolved().server is mine
    release(task.value)
    release(client)
    bed.check_empty(mine, theirs)


def test_no_embargo_without_pipelined_calls():
    bed, mine, theirs, client = _bed()
    promise = client.same(mine)
    thing = promise.thing
    results = bed.get(promise)
    assert bed.get(thing.echo(1)).y == 1 and bed.get(results.thing.echo(2)).y == 2
    assert "disembargo" not in bed.a.sent
    release(results)
    release(client)
    bed.check_empty(mine, theirs)


def test_no_embargo_for_an_error():
    bed, mine, theirs, client = _bed()
    promise = client.hold(mine)
    call = promise.thing.echo(1)
    bed.settle()
    theirs.waiting[0].reject(ValueError("no"))
    assert "no" in bed.error(call).reason and "no" in bed.error(promise.thing.echo(2)).reason
    assert "disembargo" not in bed.a.sent
    release(client)
    bed.check_empty(mine, theirs)


def test_order_when_the_promise_turns_out_to_be_theirs():
    bed, mine, theirs, client = _bed()
    promise = client.hold(client)
    thing = promise.thing
    calls = [thing.echo(k) for k in range(3)]
    bed.settle()
    theirs.waiting[0].resolve(None)
    bed.tasks()
    bed.a.deliver()
    calls.append(thing.echo(3))
    assert [bed.get(call).y for call in calls] == [0, 1, 2, 3]
    assert theirs.calls == [0, 1, 2, 3] and "disembargo" not in bed.a.sent
    release(promise)
    release(client)
    bed.check_empty(mine, theirs)


def test_several_embargoes_at_once():
    bed, mine, theirs, client = _bed()
    promises = [client.hold(mine) for _ in range(3)]
    for k in range(9):
        promises[k % 3].thing.echo(k)
    bed.settle()
    for waiting in theirs.waiting:
        waiting.resolve(None)
    bed.tasks()
    while bed.a.deliver():
        for k, promise in enumerate(promises):
            promise.thing.echo(9 + k)
    bed.settle()
    for k in range(3):
        seen = [x for x in mine.calls if x % 3 == k]
        assert seen == sorted(seen), mine.calls
    for promise in promises:
        release(promise)
    release(client)
    bed.check_empty(mine, theirs)


def test_an_embargo_on_the_way_of_another():
    """Both ends resolve promises of each other at the same time; nobody's calls overtake."""
    bed = Bed()
    left, right = Thing(bed), Thing(bed)
    a, b = bed.link(left, right)
    there, back = a.bootstrap(), b.bootstrap()
    bed.settle()
    # Each holds the other's promise of its own object, and calls through it.
    forth, fro = there.hold(left), back.hold(right)
    for k in range(3):
        forth.thing.echo(k)
        fro.thing.echo(k)
    bed.settle()
    right.waiting[0].resolve(None)
    left.waiting[0].resolve(None)
    for k in range(3, 9):
        bed.tasks()
        forth.thing.echo(k)
        fro.thing.echo(k)
        a.deliver()
        b.deliver()
    bed.settle()
    assert left.calls == list(range(9)) and right.calls == list(range(9))
    release(forth)
    release(fro)
    release(there)
    release(back)
    bed.check_empty(left, right)


def test_a_promise_that_is_resolved_to_itself():
    """A handler that returns what was pipelined on its own results: an error, not a loop."""
    bed, mine, theirs, client = _bed()
    promise = client.hold(None)
    bed.get(client.keep(promise.thing))
    assert len(theirs.waiting) == 1
    theirs.waiting[0].resolve(theirs.kept)
    call = promise.thing.echo(1)
    assert bed.error(call).type == FAILED
    release(promise)
    release(theirs.kept)
    release(client)
    bed.check_empty(mine, theirs)


# Promises of the peer's, by hand.


def _peer(cap):
    bed = Bed()
    mine = Thing(bed)
    end, peer = bed.peer(mine)
    return bed, end, peer, mine, peer.client(cap)


def test_resolve_to_a_hosted_capability():
    bed, end, peer, mine, client = _peer({"senderPromise": 7})
    client.echo(1)
    assert peer.read("call").target.importedCap == 7
    peer.send("resolve", {"promiseId": 7, "cap": {"senderHosted": 8}})
    assert peer.read("release").id == 7, "nothing is sent to it any more"
    promise = client.echo(2)
    assert peer.read("call").target.importedCap == 8
    for question in (0, 1):
        peer.results(question, 5)
        peer.read("finish")
    assert bed.get(promise).y == 5
    release(client)
    assert peer.read("release").id == 8
    bed.check_empty(mine)


def test_resolve_to_an_exception():
    bed, end, peer, mine, client = _peer({"senderPromise": 7})
    peer.send("resolve", {"promiseId": 7, "exception": {"reason": "it broke", "type": 1}})
    error = bed.error(client.echo(1))
    assert (error.type, error.reason) == (1, "it broke")
    release(client)
    assert peer.read("release").id == 7
    peer.nothing()
    bed.check_empty(mine)


def test_resolve_to_nothing():
    bed, end, peer, mine, client = _peer({"senderPromise": 7})
    peer.send("resolve", {"promiseId": 7, "cap": {"none": None}})
    assert bed.error(client.echo(1)).type == FAILED
    release(client)
    assert peer.read("release").id == 7
    bed.check_empty(mine)


def test_resolve_to_our_own_object():
    """With calls on their way: later calls wait for the Disembargo. Without: they do not."""
    for used in (True, False):
        bed, end, peer, mine, client = _peer({"senderPromise": 7})
        export = peer.bootstrap()
        calls = []
        if used:
            calls.append(client.echo(1))
            peer.read("call")
        peer.send("resolve", {"promiseId": 7, "cap": {"receiverHosted": export}})
        calls.append(client.echo(2))
        bed.tasks()
        if used:
            body = peer.read("disembargo")
            assert body.which_() == "senderLoopback" and body.target.importedCap == 7
            embargo = body.senderLoopback
            assert peer.read("release").id == 7
            assert mine.calls == []
            peer.call(5, export, ECHO, 1)  # the first call comes back
            assert peer.read("return").answerId == 5
            peer.send("disembargo", {"target": at(export), "receiverLoopback": embargo})
            peer.results(0, 1)
            peer.read("finish")
        bed.tasks()
        assert mine.calls == ([1, 2] if used else [2])
        for call in calls:
            bed.get(call)
        release(client)
        if not used:
            assert peer.read("release").id == 7
        peer.release(export)
        bed.check_empty(mine)


def test_resolve_of_what_was_released_already():
    """It crossed our Release; what it brings is given back."""
    bed, end, peer, mine, client = _peer({"senderPromise": 7})
    release(client)
    assert peer.read("release").id == 7
    peer.send("resolve", {"promiseId": 7, "cap": {"senderHosted": 8}})
    body = peer.read("release")
    assert (body.id, body.referenceCount) == (8, 1)
    bed.check_empty(mine)


def test_resolve_of_no_promise():
    bed, end, peer, mine, client = _peer({"senderHosted": 7})
    export = peer.bootstrap()
    peer.send("resolve", {"promiseId": 7, "cap": {"receiverHosted": export}})
    assert "not a promise" in peer.aborted()[1]
    bed.check_empty(mine)


def test_resolve_to_itself_or_in_a_circle():
    bed, end, peer, mine, client = _peer({"senderPromise": 7})
    peer.send("resolve", {"promiseId": 7, "cap": {"senderPromise": 7}})
    assert "itself" in bed.error(client.echo(1)).reason
    release(client)
    body = peer.read("release")
    assert (body.id, body.referenceCount) == (7, 2)
    bed.check_empty(mine)

    # 7 was given back when it had turned out to be 8: what 8 is then is a new reference.
    bed, end, peer, mine, client = _peer({"senderPromise": 7})
    peer.send("resolve", {"promiseId": 7, "cap": {"senderPromise": 8}})
    peer.send("resolve", {"promiseId": 8, "cap": {"senderPromise": 7}})
    client.echo(1)
    assert [peer.read("release").id, peer.read("release").id] == [7, 8]
    assert peer.read("call").target.importedCap == 7
    release(client)
    bed.cut()
    bed.check_empty(mine)


def test_a_chain_of_promises():
    bed, end, peer, mine, client = _peer({"senderPromise": 100})
    for k in range(100, 116):
        peer.send("resolve", {"promiseId": k, "cap": {"senderPromise": k + 1}})
        assert peer.read("release").id == k
    promise = client.echo(1)
    assert peer.read("call").target.importedCap == 116
    peer.results(0, 2)
    assert bed.get(promise).y == 2
    peer.read("finish")
    release(client)
    assert peer.read("release").id == 116
    bed.check_empty(mine)


# Our promises, resolved towards the peer.


def _export_promise(cap=None):
    """A vat that was asked by hand to pass on the promise of a capability in its own results."""
    bed = Bed()
    thing = Thing(bed)
    end, peer = bed.peer(thing)
    export = peer.bootstrap()
    peer.call(1, export, HOLD, 0, [cap] if cap else [])
    bed.tasks()
    peer.call(2, export, SAME, 0, [{"receiverAnswer": promised(1, [0])}])
    promise = peer.read("return").results.capTable[0].senderPromise
    peer.finish(2, False)
    return bed, thing, end, peer, export, promise


def test_an_exported_promise_becomes_our_object():
    bed, thing, end, peer, export, promise = _export_promise()
    peer.call(3, promise, ECHO, 1)
    assert thing.calls == []
    thing.waiting[0].resolve(thing)
    bed.tasks()
    assert peer.read("return").answerId == 1
    body = peer.read("return")
    assert body.answerId == 3 and body.results.content.x == 1
    body = peer.read("resolve")
    assert (body.promiseId, body.cap.senderHosted) == (promise, export)
    peer.release(promise)
    peer.release(export, 2)
    peer.finish(1)
    bed.check_empty(thing)


def test_an_exported_promise_becomes_the_peers_own():
    """The peer then sends a Disembargo down the old path; it comes back behind the calls."""
    bed, thing, end, peer, export, promise = _export_promise({"senderHosted": 9})
    peer.call(3, promise, ECHO, 1)
    thing.waiting[0].resolve(None)
    bed.tasks()
    assert peer.read("return").results.capTable[0].receiverHosted == 9
    body = peer.read("call")
    assert body.target.importedCap == 9 and body.params.content.x == 1
    question = body.questionId
    body = peer.read("resolve")
    assert (body.promiseId, body.cap.receiverHosted) == (promise, 9)
    peer.call(4, promise, ECHO, 2)  # was on its way
    peer.send("disembargo", {"target": at(promise), "senderLoopback": 77})
    peer.send("disembargo", {"target": at((1, [0])), "senderLoopback": 78})
    body = peer.read("call")
    assert body.target.importedCap == 9 and body.params.content.x == 2
    for id in (77, 78):
        lifted = peer.read("disembargo")
        assert lifted.which_() == "receiverLoopback" and lifted.receiverLoopback == id
        assert lifted.target.importedCap == 9
    for call, answer in ((question, 3), (body.questionId, 4)):
        peer.results(call, 5)
        peer.read("finish")
        assert peer.read("return").answerId == answer
    peer.finish(1)
    peer.release(promise)
    peer.release(export)
    assert peer.read("release").id == 9
    bed.check_empty(thing)


def test_an_exported_promise_breaks():
    bed, thing, end, peer, export, promise = _export_promise()
    peer.call(3, promise, ECHO, 1)
    thing.waiting[0].reject(ValueError("no more"))
    bed.tasks()
    assert "no more" in peer.exception(1, False)[1]
    assert "no more" in peer.exception(3, False)[1]
    body = peer.read("resolve")
    assert body.promiseId == promise and "no more" in body.exception.reason
    peer.release(promise)
    peer.release(export)
    peer.finish(1)
    peer.finish(3)
    bed.check_empty(thing)


def test_no_resolve_for_what_was_released():
    """And a promise that is exported and released over and over leaves nothing behind."""
    bed, thing, end, peer, export, promise = _export_promise()
    hook = end.conn.exports.get(promise)
    peer.release(promise)
    for _ in range(5):
        peer.call(2, export, SAME, 0, [{"receiverAnswer": promised(1, [0])}])
        assert peer.read("return").results.capTable[0].senderPromise == promise
        peer.finish(2, False)
        peer.release(promise)
    assert not hook._watchers and not end.conn.resolvers
    thing.waiting[0].resolve(thing)
    bed.tasks()
    assert peer.read("return").answerId == 1
    peer.nothing()
    peer.finish(1)
    peer.release(export)
    bed.check_empty(thing)


def test_a_peer_that_does_not_know_resolve():
    """Unimplemented(Resolve) gives back the capability that the Resolve brought."""
    bed, thing, end, peer, export, promise = _export_promise()
    thing.waiting[0].resolve(Thing(bed))
    bed.tasks()
    peer.read("return")
    hosted = peer.read("resolve").cap.senderHosted
    assert hosted != export and end.conn.export_counts[hosted] == 2
    peer.send(
        "unimplemented", {"resolve": {"promiseId": promise, "cap": {"senderHosted": hosted}}}
    )
    assert end.conn.export_counts[hosted] == 1
    peer.send("unimplemented", {"resolve": {"promiseId": promise, "exception": {"reason": "x"}}})
    peer.finish(1)
    peer.release(promise)
    peer.release(export)
    bed.check_empty(thing)


# Descriptors.


def test_receiver_hosted_names_an_unknown_export():
    """An error for who uses it, not for the connection."""
    bed = Bed()
    thing = Thing(bed)
    end, peer = bed.peer(thing)
    export = peer.bootstrap()
    peer.call(1, export, CALL_ME, 1, [{"receiverHosted": 55}])
    bed.tasks()
    assert "does not exist" in peer.exception(1, False)[1]
    peer.finish(1)
    peer.release(export)
    bed.check_empty(thing)


def test_receiver_answer():
    """Of a call that has returned, of one under way, of an unknown one, down a wrong path."""
    bed = Bed()
    thing = Thing(bed)
    end, peer = bed.peer(thing)
    export = peer.bootstrap()
    peer.call(1, export, 2)  # self
    peer.read("return")
    peer.call(2, export, CALL_ME, 11, [{"receiverAnswer": promised(1, [0])}])
    assert peer.read("return").results.content.x == 11
    for answer, path in ((66, [0]), (1, [1]), (1, [0, 0]), (1, [])):
        peer.call(3, export, CALL_ME, 12, [{"receiverAnswer": promised(answer, path)}])
        assert peer.exception(3, False)[0] == FAILED
        peer.finish(3)
    peer.call(4, export, HOLD)
    peer.call(5, export, CALL_ME, 13, [{"receiverAnswer": promised(4, [0])}])
    bed.tasks()
    thing.waiting[0].resolve(thing)
    bed.tasks()
    assert peer.read("return").answerId == 4
    assert peer.read("return").results.content.x == 13
    peer.finish(1)
    peer.finish(4)
    peer.release(export)
    bed.check_empty(thing)


def test_third_party_hosted_is_reached_through_the_vine():
    bed = Bed()
    thing = Thing(bed)
    end, peer = bed.peer(thing)
    export = peer.bootstrap()
    peer.call(1, export, CALL_ME, 3, [{"thirdPartyHosted": {"vineId": 21}}])
    body = peer.read("call")
    assert body.target.importedCap == 21 and body.params.content.x == 3
    peer.results(body.questionId, 4)
    bed.tasks()
    peer.read("finish")
    assert peer.read("return").results.content.x == 4
    assert peer.read("release").id == 21
    peer.release(export)
    bed.check_empty(thing)


def test_descriptors_of_unknown_kinds():
    """An error of the call that uses it, and only then."""
    bed = Bed()
    thing = Thing(bed)
    end, peer = bed.peer(thing)
    export = peer.bootstrap()
    peer.call(1, export, CALL_ME, 3, [{"sixth": 21}])
    type, reason = peer.exception(1, False)
    assert type == UNIMPLEMENTED and "unknown kind" in reason
    peer.finish(1)
    peer.call(2, export, KEEP, 0, [{"sixth": 21}])
    assert peer.read("return").which_() == "results"
    assert isinstance(thing.kept._hook, BrokenCap)
    release(thing.kept)
    client = peer.client({"sixth": 3})
    assert bed.error(client.echo(1)).type == UNIMPLEMENTED
    release(client)
    peer.release(export)
    bed.check_empty(thing)


def test_a_promise_as_a_parameter():
    """A pipelined capability as a parameter: receiverAnswer to the same peer; to another one a
    promise of ours, which is resolved later."""
    bed, mine, theirs, client = _bed()
    other = Thing(bed)
    third, _ = bed.link(None, other)
    elsewhere = third.bootstrap()
    promise = client.hold(client)
    bed.get(elsewhere.keep(promise.thing))
    call = other.kept.echo(31)
    bed.settle()
    assert not call._call.settled
    theirs.waiting[0].resolve(None)
    assert bed.get(call).y == 31 and theirs.calls == [31]
    release(other.kept)
    bed.settle()
    release(promise)
    release(elsewhere)
    release(client)
    bed.check_empty(mine, theirs, other)


def test_a_promise_as_the_main_object():
    """A vat may offer what it does not have yet."""
    bed = Bed()
    far = Thing(bed)
    middle, _ = bed.link(None, far)
    end, peer = bed.peer(middle.bootstrap())
    peer.send("bootstrap", {"questionId": 0})
    promise = peer.read("return").results.capTable[0].senderPromise
    bed.settle()
    body = peer.read("resolve")
    assert body.promiseId == promise
    peer.call(1, body.cap.senderHosted, WAIT)
    bed.settle()
    far.waiting[0].resolve(6)
    bed.settle()
    assert peer.read("return").results.content.x == 6
    bed.cut()
    bed.check_empty(far)


def test_a_capability_kept_while_it_is_a_promise():
    """retain() before it is known what it is, release() after."""
    bed, mine, theirs, client = _bed()
    promise = client.hold(mine)
    thing = retain(promise.thing)
    bed.settle()
    theirs.waiting[0].resolve(None)
    bed.settle()
    release(promise)
    assert bed.get(thing.echo(1)).y == 1 and mine.released == 0
    release(thing)
    release(client)
    bed.check_empty(mine, theirs)
    assert mine.released == 1
