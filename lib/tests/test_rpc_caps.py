# SPDX-License-Identifier: MIT
"""Capabilities over a connection: both directions, identity, counting, and what is given back."""

from bed import CALL_ME, KEEP, SAME, SELF, THING, WAIT, Bed, Thing

from capnrpc_micro.objects.client import release, retain
from capnrpc_micro.objects.promise import FAILED
from capnrpc_micro.schema import Server


def _bed(**limits):
    bed = Bed()
    theirs = Thing(bed)
    bed.link(None, theirs, left_limits=limits, right_limits=limits)
    return bed, Thing(bed), theirs, bed.a.bootstrap()


def _hook(client):
    return client._hook.resolved()


def test_callback():
    bed, mine, theirs, client = _bed()
    assert bed.get(client.callMe(mine, 5)).y == 5
    assert mine.calls == [5] and mine.released == 1
    release(client)
    bed.check_empty(mine, theirs)


def test_callback_of_a_capability_of_theirs():
    """A capability of the callee's own vat as a parameter: its calls stay at home."""
    bed, mine, theirs, client = _bed()
    bed.get(client.echo(1))
    sent = len(bed.b.sent)
    assert bed.get(client.callMe(client, 6)).y == 6
    assert bed.b.sent[sent:] == ["return"]
    release(client)
    bed.check_empty(mine, theirs)


def test_calls_in_both_directions():
    bed = Bed()
    left, right = Thing(bed), Thing(bed)
    a, b = bed.link(left, right)
    there, back = a.bootstrap(), b.bootstrap()
    assert bed.get(there.echo(1)).y == 1 and bed.get(back.echo(2)).y == 2
    assert right.calls == [1] and left.calls == [2]
    release(there)
    release(back)
    bed.check_empty(left, right)


def test_an_echoed_capability_is_the_very_same_object():
    """It comes home; calls to it never touch the wire."""
    bed, mine, theirs, client = _bed()
    results = bed.get(client.same(mine))
    again = retain(results.thing)
    release(results)
    bed.settle()
    assert _hook(again).server is mine
    sent = len(bed.a.sent), len(bed.b.sent)
    assert bed.get(again.echo(7)).y == 7 and mine.calls == [7]
    assert sent == (len(bed.a.sent), len(bed.b.sent))
    assert mine.released == 0
    release(again)
    assert mine.released == 1
    release(client)
    bed.check_empty(mine, theirs)


def test_their_capability_comes_back_to_them():
    bed, mine, theirs, client = _bed()
    bed.get(client.keep(client))
    assert theirs.kept._hook.server is theirs
    release(theirs.kept)
    release(client)
    bed.check_empty(mine, theirs)


def test_one_object_sent_often_is_one_entry():
    bed, mine, theirs, client = _bed()
    results = [bed.get(client.self()) for _ in range(3)]
    assert bed.a.counts() == (0, 0, 0, 1, 0, 0)
    hook = _hook(results[0].thing)
    assert hook is _hook(client) and hook.received == 4
    assert len(bed.b.conn.exports) == 1 and bed.b.conn.export_counts[0] == 4
    for result in results:
        release(result)
    bed.settle()
    assert "release" not in bed.a.sent, "the client still refers to it"
    release(client)
    bed.settle()
    assert bed.a.sent.count("release") == 1, "one Release gives all references back"
    bed.check_empty(mine, theirs)


def test_one_object_twice_in_a_message():
    bed, mine, theirs, client = _bed()
    pair = bed.get(client.pair())
    assert _hook(pair.box.thing) is _hook(pair.thing) is _hook(client)
    release(pair)
    release(client)
    bed.check_empty(mine, theirs)


def test_sent_again_while_the_release_is_on_its_way():
    """The export lives on with the references that the Release does not give back."""
    bed, mine, theirs, client = _bed()
    bed.settle()
    other = bed.b.conn.host
    promise = client.self()
    bed.a.flush()
    bed.b.deliver()  # the Return, with a reference, waits for us
    release(client)
    bed.a.flush()
    bed.b.deliver()
    assert bed.b.conn.export_counts[0] == 1 and other is bed.host
    again = bed.get(promise).thing
    assert bed.get(again.echo(3)).y == 3
    release(again)
    bed.check_empty(mine, theirs)


def test_lists_of_capabilities():
    bed, mine, theirs, client = _bed()
    results = bed.get(client.many(5))
    things = results.things
    assert len(things) == 5
    assert [bed.get(things[k].echo(k)).y for k in range(5)] == [0, 1, 2, 3, 4]
    kept = retain(things[2])
    release(results)
    bed.settle()
    assert bed.a.counts() == (0, 0, 0, 2, 0, 0)
    assert bed.get(kept.echo(9)).y == 9
    release(kept)
    release(client)
    bed.check_empty(mine, theirs)


def test_parameters_are_released_when_the_call_returns():
    bed, mine, theirs, client = _bed()
    bed.get(client.callMe(mine, 1))
    assert mine.released == 1
    held = client.hold(mine)
    bed.settle()
    assert mine.released == 1 and bed.b.counts()[3] == 1
    theirs.waiting[0].reject(ValueError("no"))
    bed.error(held)
    assert mine.released == 2 and bed.b.counts()[3] == 0
    held = client.hold(mine)
    bed.settle()
    held.cancel_()
    bed.settle()
    assert mine.released == 3
    release(client)
    bed.check_empty(mine, theirs)


def test_parameters_that_are_retained_last():
    bed, mine, theirs, client = _bed()
    bed.get(client.keep(mine))
    assert mine.released == 0 and bed.a.counts()[2] == 1
    assert bed.get(theirs.kept.echo(8)).y == 8 and mine.calls == [8]
    release(theirs.kept)
    bed.settle()
    assert mine.released == 1
    release(client)
    bed.check_empty(mine, theirs)


def test_a_released_capability_is_not_used_any_more():
    """A program's mistake costs it an error, not the connection."""

    class Forgetful(Thing):
        def keep(self, thing):
            self.kept = thing  # without retain()

    bed = Bed()
    mine, theirs = Thing(bed), Forgetful(bed)
    bed.link(None, theirs)
    client = bed.a.bootstrap()
    bed.get(client.keep(mine))
    error = bed.error(theirs.kept.echo(1))
    assert error.type == FAILED and "released" in error.reason
    release(client)
    bed.check_empty(mine, theirs)
    assert bed.a.conn.error is None and bed.b.conn.error is None


def test_a_pipelined_capability_that_is_kept_outlives_its_results():
    """Whether it is retained before the results have come or after."""
    for early in (True, False):
        bed, mine, theirs, client = _bed()
        promise = client.many(2)
        promise.cancel_()
        promise = client.self()
        thing = promise.thing
        if early:
            retain(thing)
            results = bed.get(promise)
        else:
            results = bed.get(promise)
            retain(thing)
        release(results)
        release(client)
        bed.settle()
        assert bed.get(thing.echo(4)).y == 4
        release(thing)
        bed.check_empty(mine, theirs)


def test_release_of_a_call_promise():
    """It drops the results if they have come, and else cancels the call."""
    bed, mine, theirs, client = _bed()
    promise = client.self()
    bed.settle()
    release(promise)
    release(promise)
    waiting = client.wait()
    bed.settle()
    release(waiting)
    bed.settle()
    assert theirs.calls == ["cancelled"]
    early = client.self()
    release(early)
    release(client)
    bed.check_empty(mine, theirs)


def test_a_capability_passed_on_to_a_third_vat():
    """A vat in the middle that passes on what it was given: calls go through it, both ways."""
    bed = Bed()
    far, mine = Thing(bed), Thing(bed)
    middle, _ = bed.link(None, far)
    passed = middle.bootstrap()
    bed.settle()
    end, _ = bed.link(None, passed)
    client = end.bootstrap()
    assert bed.get(client.echo(1)).y == 1
    assert bed.get(client.later(2)).y == 2
    assert bed.get(client.callMe(mine, 3)).y == 3 and mine.calls == [3]
    assert bed.get(client.self().thing.self().thing.echo(4)).y == 4
    results = bed.get(client.same(mine))
    assert _hook(results.thing).server is mine, "it came home through the one in the middle"
    error = bed.error(client.fail(2))
    assert (error.type, error.reason) == (2, "as you like")
    release(results)
    bed.cut()
    release(client)
    release(passed)
    bed.check_empty(far, mine)


def test_release_result_caps():
    """Finish with releaseResultCaps gives back what the Return sent; without it, Release does."""
    for implied in (True, False):
        bed = Bed()
        thing = Thing(bed)
        end, peer = bed.peer(thing)
        export = peer.bootstrap()
        peer.call(1, export, SELF)
        assert peer.read("return").results.capTable[0].senderHosted == export
        peer.finish(1, implied)
        assert end.conn.export_counts[0] == (1 if implied else 2)
        peer.release(export, 1 if implied else 2)
        bed.check_empty(thing)


def test_release_param_caps():
    """A Return with releaseParamCaps (the default, which some peers leave) gives back what the
    Call sent; without it, Release does."""
    for implied in (True, False):
        bed = Bed()
        mine = Thing(bed)
        _, peer = bed.peer()
        client = peer.client({"senderHosted": 9})
        promise = client.callMe(mine, 1)
        export = peer.read("call").params.capTable[0].senderHosted
        peer.send(
            "return",
            {"answerId": 0, "releaseParamCaps": implied, "results": {"content": {"x": 1}}},
        )
        assert bed.get(promise).y == 1
        peer.read("finish")
        assert (mine.cap_ is None) == implied
        if not implied:
            peer.release(export)
        release(client)
        bed.tasks()
        assert peer.read("release").id == 9
        bed.check_empty(mine)


def test_no_finish_needed_for_results_without_capabilities():
    bed = Bed()
    thing = Thing(bed)
    end, peer = bed.peer(thing)
    export = peer.bootstrap()
    peer.call(1, export, SAME)
    body = peer.read("return")
    assert body.noFinishNeeded and not body.releaseParamCaps
    peer.call(2, export, SELF)
    body = peer.read("return")
    assert not body.noFinishNeeded and not body.releaseParamCaps
    assert end.counts()[1] == 1
    peer.call(1, export, SAME)  # the id is free again without a Finish
    peer.read("return")
    peer.finish(1)  # a peer that does not know the flag sends it nevertheless
    peer.finish(2)
    peer.release(export)
    bed.check_empty(thing)


def test_no_finish_is_sent_when_none_is_needed():
    bed = Bed()
    _, peer = bed.peer()
    client = peer.client({"senderHosted": 0})
    promise = client.echo(1)
    peer.read("call")
    peer.send("return", {"answerId": 0, "noFinishNeeded": True, "results": {"content": {"x": 2}}})
    assert bed.get(promise).y == 2
    peer.nothing()
    # Capabilities in such a Return are ours, even if we have sent a Finish before it came.
    for cancelled in (False, True):
        promise = client.self()
        peer.read("call")
        if cancelled:
            promise.cancel_()
            peer.read("finish")
        peer.send(
            "return",
            {
                "answerId": 0,
                "noFinishNeeded": True,
                "results": {"content": {"thing": Server()}, "capTable": [{"senderHosted": 5}]},
            },
        )
        bed.tasks()
        release(promise)
        body = peer.read("release")
        assert (body.id, body.referenceCount) == (5, 1)
    release(client)
    peer.read("release")
    bed.check_empty()


def test_null_capabilities():
    """Null pointers, and pointers to descriptors of none, are no capability: None."""

    class Checks(Thing):
        def keep(self, thing):
            self.calls.append(thing)

    bed = Bed()
    thing = Checks(bed)
    end, peer = bed.peer(thing)
    export = peer.bootstrap()
    peer.call(1, export, KEEP, 0, [{"none": None}])
    peer.read("return")
    peer.call(1, export, KEEP)
    peer.read("return")
    assert thing.calls == [None, None]
    # Passed on as they came.
    peer.call(2, export, SAME, 0, [{"none": None}])
    assert peer.read("return").which_() == "results"
    peer.release(export)
    bed.check_empty(thing)


def test_null_descriptors_are_passed_on():
    bed = Bed()
    _, peer = bed.peer()
    far = peer.client({"senderHosted": 0})
    _, caller = bed.peer(far)
    export = caller.bootstrap()
    caller.call(1, export, CALL_ME, 4, [{"none": None}])
    params = peer.read("call").params
    assert params.content.x == 4
    assert len(params.capTable) == 0 or params.capTable[0].which_() == "none"
    peer.results(0, 5, {"none": None})
    assert caller.read("return").results.content.x == 5
    peer.read("finish")
    caller.finish(1)
    caller.release(export)
    release(far)
    bed.check_empty()


def test_a_call_waits_for_its_own_parameters():
    """A capability of results that are not there yet, as a parameter to the same peer."""
    bed, mine, theirs, client = _bed()
    first = client.hold(mine)
    second = client.callMe(first.thing, 21)
    bed.settle()
    assert len(theirs.waiting) == 1
    theirs.waiting[0].resolve(None)
    assert bed.get(second).y == 21 and mine.calls == [21]
    results = bed.get(first)
    release(results)
    release(client)
    bed.check_empty(mine, theirs)


def test_a_parameter_from_another_call_that_fails():
    bed, mine, theirs, client = _bed()
    first = client.hold(mine)
    second = client.callMe(first.thing, 21)
    bed.settle()
    theirs.waiting[0].reject(ValueError("never"))
    assert "never" in bed.error(second).reason
    assert "never" in bed.error(first).reason
    release(client)
    bed.check_empty(mine, theirs)


def test_method_numbers():
    """The numbers that the tests use are those of the declaration."""
    for name, number in (("self", SELF), ("same", SAME), ("wait", WAIT), ("keep", KEEP)):
        assert THING.find_(name)[1] == number
