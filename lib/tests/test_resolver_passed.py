# SPDX-License-Identifier: MIT
"""Promises that a program resolves, kept in its own vat and passed on to others before."""

from bed import THING, Bed, Thing
from vatkit import connected, error_of, everywhere, raised

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import (
    client,
    equal,
    problem,
    promise,
    settled,
    when_broken,
)
from capnrpc_micro.objects.promise import (
    DISCONNECTED,
    OVERLOADED,
    Error,
)


def _ys(vats, calls):
    return [vats.bed.get(call).y for call in calls]


# Promises.


def _passed_promise(vats, target_of):
    """Passes a promise to the other vat, calls through it there, and resolves it here."""
    bed = vats.bed
    thing = Thing(bed)
    there = vats.client(thing)
    ours, resolver = promise(THING)
    kept = vats.passed(ours)
    assert equal(kept, kept) is True
    calls = [kept.echo(0), kept.later(1)]
    bed.settle()
    assert thing.calls == []
    target = target_of(there)
    calls.append(ours.echo(10))
    resolver.resolve(target)
    calls.append(kept.echo(2))
    bed.tasks()
    calls += [kept.later(3), ours.echo(11)]
    bed.settle()
    calls.append(kept.echo(4))
    assert _ys(vats, calls) == [0, 1, 10, 2, 3, 11, 4]
    return thing, there, ours, kept


def _in_order(thing):
    assert [x for x in thing.calls if x < 10] == [0, 1, 2, 3, 4], thing.calls
    assert [x for x in thing.calls if x >= 10] == [10, 11], thing.calls


@everywhere
def test_a_passed_promise_turns_out_to_be_ours(vats):
    mine = Thing(vats.bed)
    thing, there, ours, kept = _passed_promise(vats, lambda there: mine)
    _in_order(mine)
    again = vats.passed(ours)
    assert equal(again, kept) is True and problem(kept) is None
    fresh = client(mine)
    direct = vats.passed(fresh)
    assert equal(direct, kept) is True
    for one in (again, kept, ours, fresh, direct, there):
        release(one)
    vats.done(mine, thing)


@everywhere
def test_a_passed_promise_turns_out_to_be_theirs(vats):
    """Their calls need not leave their vat any more, and overtake nothing."""
    thing, there, ours, kept = _passed_promise(vats, lambda there: there)
    _in_order(thing)
    direct = client(thing)
    assert equal(kept, direct) is True and equal(ours, there) is True
    if vats.hops == 1:
        sent = len(vats.far.sent)
        assert _ys(vats, [kept.echo(5)]) == [5] and len(vats.far.sent) == sent
    for one in (kept, direct, ours, there):
        release(one)
    vats.done(thing)


@connected
def test_a_passed_promise_turns_out_to_be_a_third_vats(vats):
    bed = vats.bed
    third = Thing(bed)
    ours_third, _ = bed.link(None, third)
    far = ours_third.conn.bootstrap(THING)
    thing, there, ours, kept = _passed_promise(vats, lambda there: far)
    _in_order(third)
    again = vats.passed(far)
    assert equal(again, kept) is True
    for one in (again, there, kept, far, ours):
        release(one)
    vats.done(third)


@everywhere
def test_a_passed_promise_is_broken(vats):
    bed = vats.bed
    ours, resolver = promise(THING)
    kept = vats.passed(ours)
    seen = []
    when_broken(kept, seen.append)
    call = kept.echo(1)
    waiting = bed.spawn(settled(kept))
    bed.settle()
    assert not seen and not waiting.done
    resolver.reject(Error("not today", OVERLOADED))
    assert error_of(vats, call) == (OVERLOADED, "not today")
    assert [(error.type, error.reason) for error in seen] == [(OVERLOADED, "not today")]
    assert waiting.error.reason == problem(kept).reason == "not today"
    bed.host.failed.remove(waiting)
    release(kept)
    release(ours)
    vats.done()


@everywhere
def test_a_given_promise_turns_out_to_be_ours(vats):
    """As results: the other vat's promise turns out to be an object of this vat."""
    bed = vats.bed
    mine = Thing(bed)
    theirs, resolver = promise(THING)
    here = vats.given(theirs)
    own = client(mine)
    there = vats.passed(own)
    calls = [here.echo(0), here.later(1)]
    bed.settle()
    resolver.resolve(there)
    calls.append(here.echo(2))
    bed.tasks()
    calls.append(here.later(3))
    assert _ys(vats, calls) == [0, 1, 2, 3] and mine.calls == [0, 1, 2, 3]
    assert equal(here, own) is True and equal(theirs, there) is True
    for one in (there, own, here, theirs):
        release(one)
    vats.done(mine)


@everywhere
def test_a_passed_promise_is_released_before_it_is_resolved(vats):
    """By the other vat, or by us, or by both: nothing is left."""
    for order in ("there resolve here", "here resolve there", "here there resolve"):
        bed = vats.bed
        mine = Thing(bed)
        ours, resolver = promise(THING)
        kept = vats.passed(ours)
        for step in order.split():
            if step == "there":
                release(kept)
            elif step == "here":
                release(ours)
            else:
                resolver.resolve(mine)
            bed.tasks()
        vats.done(mine)


@connected
def test_release_and_resolve_cross(vats):
    """The other vat releases the promise while the Resolve is on its way."""
    bed = vats.bed
    mine, theirs = Thing(bed), Thing(bed)
    there = vats.client(theirs)
    for target in (mine, there):
        ours, resolver = promise(THING)
        kept = vats.passed(ours)
        resolver.resolve(target)
        bed.tasks()
        release(kept)
        bed.settle()
        release(ours)
    release(there)
    vats.done(mine, theirs)


@everywhere
def test_a_promise_that_comes_back_unresolved_is_itself(vats):
    bed = vats.bed
    thing, mine = Thing(bed), Thing(bed)
    there = vats.client(thing)
    ours, resolver = promise(THING)
    results = bed.get(there.same(ours))
    calls = [results.thing.echo(0), ours.echo(1)]
    resolver.resolve(mine)
    calls += [results.thing.echo(2), ours.echo(3)]
    assert sorted(_ys(vats, calls)) == [0, 1, 2, 3]
    assert [x for x in mine.calls if not x % 2] == [0, 2]
    assert equal(results.thing, ours) is True
    release(results)
    release(ours)
    release(there)
    vats.done(mine, thing)


@everywhere
def test_a_promise_in_a_call_to_itself(vats):
    bed = vats.bed
    thing = Thing(bed)
    there = vats.client(thing)
    ours, resolver = promise(THING)
    call = ours.same(ours)
    onward = call.thing.echo(1)
    resolver.resolve(there)
    assert _ys(vats, [onward]) == [1]
    assert equal(bed.get(call).thing, there) is True
    release(call)
    release(ours)
    release(there)
    vats.done(thing)


@connected
def test_a_promise_is_resolved_after_its_connection_was_lost(vats):
    mine = Thing(vats.bed)
    ours, resolver = promise(THING)
    kept = vats.passed(ours)
    vats.cut()
    assert not ours._hook._watchers
    resolver.resolve(mine)
    assert problem(kept).type == DISCONNECTED and _ys(vats, [ours.echo(1)]) == [1]
    release(ours)
    vats.done(mine)


@connected
def test_a_promise_turns_out_to_be_what_has_no_place_in_the_table(vats):
    """It is broken there, and nowhere else."""
    bed = vats.bed
    mine = Thing(bed)
    ours, resolver = promise(THING)
    kept = vats.passed(ours)
    vats.near.conn.limits.exports = len(vats.near.conn.exports)
    resolver.resolve(mine)
    bed.settle()
    assert problem(kept).type == OVERLOADED and "exports" in problem(kept).reason
    assert _ys(vats, [ours.echo(1)]) == [1]
    release(kept)
    release(ours)
    vats.done(mine)


@connected
def test_a_promise_cannot_be_resolved_to_what_was_released(vats):
    thing, mine = Thing(vats.bed), Thing(vats.bed)
    there = vats.client(thing)
    vats.bed.settle()
    release(there)
    ours, resolver = promise(THING)
    assert "released" in raised(resolver.resolve, there).reason
    resolver.resolve(mine)
    assert _ys(vats, [ours.echo(1)]) == [1]
    release(ours)
    vats.done(thing, mine)


@connected
def test_a_promise_as_the_main_object(vats):
    bed = vats.bed
    thing = Thing(bed)
    theirs, resolver = promise(THING)
    end, other = bed.link(None, theirs)
    here = end.bootstrap()
    calls = [here.echo(0)]
    bed.settle()
    assert equal(here, theirs) is None
    calls.append(here.echo(1))
    resolver.resolve(thing)
    calls.append(here.echo(2))
    assert _ys(vats, calls) == [0, 1, 2] and thing.calls == [0, 1, 2]
    release(here)
    release(theirs)
    vats.done(thing)


def test_a_peer_resolves_its_promise_to_what_leads_there():
    """It names a promise of ours that has become its own, gets that back, and closes the circle."""
    for called in (False, True):
        bed = Bed()
        end, peer = bed.peer(Thing(bed))
        theirs = peer.client({"senderPromise": 7})
        main = peer.client({"senderHosted": 8})
        ours, resolver = promise(THING, bed.host)
        call = main.same(ours)
        body = peer.read("call")
        export = body.params.capTable[0].senderPromise
        resolver.resolve(theirs)
        peer.read("resolve")
        if called:
            theirs.echo(1)
            assert peer.read("call").target.importedCap == 7
        peer.results(body.questionId, 0, {"receiverHosted": export})
        detour = bed.get(call).thing
        peer.read("finish")
        main.keep(detour)
        export = peer.read("call").params.capTable[0].senderHosted
        peer.send("resolve", {"promiseId": 7, "cap": {"receiverHosted": export}})
        for one in (theirs, ours, detour):
            late = one.echo(2)
            bed.tasks()
            assert "itself" in late._call.error.reason
        assert end.conn.error is None
        bed.cut()
