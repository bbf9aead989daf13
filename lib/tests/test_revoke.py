# SPDX-License-Identifier: MIT
"""The end of a membrane: by revoke(), by a lost connection, and what is behind another one."""

from bed import THING, Bed, Thing
from vatkit import Wall, connected, error_of, everywhere

from capnrpc_micro.objects.client import release, retain
from capnrpc_micro.objects.membrane import revocable, subset
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
    FAILED,
    OVERLOADED,
    Error,
    Promise,
)

# The end.


@everywhere
def test_revoke(vats):
    wall = Wall(vats)
    bed, outer = vats.bed, wall.outer
    mine = Thing(bed)
    results = bed.get(outer.pair())
    made = bed.get(outer.many(1))
    other = retain(made.things[0])
    release(made)
    bed.get(outer.keep(mine))
    inside = wall.thing.kept
    seen = []
    when_broken(outer, seen.append)
    when_broken(other, seen.append)
    wall.revoke("time is up")
    assert [error.reason for error in seen] == ["time is up"] * 2
    for one in (outer, results.thing, results.box.thing, other):
        assert error_of(vats, one.echo(1)) == (FAILED, "time is up")
        assert problem(one).reason == "time is up"
    assert bed.error(settled(outer)).reason == "time is up"
    assert error_of(vats, inside.echo(2)) == (FAILED, "time is up")
    assert wall.thing.calls == [] and mine.calls == []
    assert bed.get(wall.there.echo(3)).y == 3, "who has the object itself keeps it"
    assert mine.released == 1, "nothing leads to it any more"
    wall.revoke("again")
    assert problem(outer).reason == "time is up"
    wall.check()
    for one in (results, other, inside):
        release(one)
    wall.done(mine)


@everywhere
def test_revoke_with_an_error(vats):
    wall = Wall(vats)
    error = Error("closed for today", OVERLOADED)
    wall.revoke(error)
    assert problem(wall.outer) is error
    wall.done()


@everywhere
def test_revoke_calls_under_way(vats):
    """Their callers get the error, their callees are cancelled, their parameters released."""
    wall = Wall(vats)
    bed, outer = vats.bed, wall.outer
    mine = Thing(bed)
    call = outer.hold(mine)
    calls = [call, outer.wait(), call.thing.echo(1), call.thing.self().thing.echo(2)]
    bed.settle()
    assert len(wall.thing.waiting) == 2
    wall.revoke("time is up")
    for one in calls:
        assert error_of(vats, one) == (FAILED, "time is up")
    assert wall.thing.calls == ["cancelled"] * 2 and mine.calls == []
    assert mine.released == 1
    wall.check()
    wall.done(mine)


@everywhere
def test_revoke_calls_from_inside(vats):
    wall = Wall(vats)
    bed = vats.bed
    mine = Thing(bed)
    bed.get(wall.outer.keep(mine))
    inside = wall.thing.kept
    call = inside.wait()
    bed.settle()
    wall.revoke()
    assert error_of(vats, call) == (FAILED, "revoked")
    assert mine.calls == ["cancelled"]
    release(inside)
    wall.done(mine)


@everywhere
def test_revoke_before_a_call_has_begun(vats):
    wall = Wall(vats)
    bed = vats.bed
    bed.settle()
    mine = Thing(bed)
    calls = [wall.outer.later(1), wall.outer.same(mine)]
    wall.revoke()
    for call in calls:
        assert error_of(vats, call) == (FAILED, "revoked")
    assert [x for x in wall.thing.calls if x != 1] == []
    wall.done(mine)


@everywhere
def test_revoke_a_promise_with_calls_that_wait(vats):
    bed = vats.bed
    thing = Thing(bed)
    ours, resolver = promise(THING)
    outer, revoke = revocable(ours)
    call = outer.echo(1)
    bed.settle()
    revoke()
    assert error_of(vats, call) == (FAILED, "revoked") == error_of(vats, outer.echo(2))
    resolver.resolve(thing)
    bed.settle()
    assert thing.calls == []
    release(outer)
    release(ours)
    vats.done(thing)


class _Suicidal(Thing):
    """Ends the membrane in front of it when it is called."""

    def echo(self, x):
        self.revoke("from inside")
        return x

    async def later(self, x):
        self.revoke("from inside")
        return x

    def self(self):
        self.revoke("from inside")
        return self


@everywhere
def test_revoke_within_a_call(vats):
    for name in ("echo", "later", "self"):
        wall = Wall(vats, _Suicidal)
        wall.thing.revoke = wall.revoke
        call = wall.outer.wait()
        vats.bed.settle()
        arguments = () if name == "self" else (1,)
        assert error_of(vats, getattr(wall.outer, name)(*arguments)) == (FAILED, "from inside")
        assert error_of(vats, call) == (FAILED, "from inside")
        wall.done()


@everywhere
def test_revoke_from_and_into_callbacks(vats):
    """What is told of the end may release, cancel and revoke."""
    wall = Wall(vats)
    bed, outer = vats.bed, wall.outer
    results = [bed.get(outer.many(3)) for _ in range(3)]
    calls = [outer.wait() for _ in range(3)]
    bed.settle()

    def release_all(_):
        wall.revoke("once more")
        while results:
            release(results.pop())

    def cancel_all(_):
        for call in calls:
            call.cancel_()

    for one in list(results):
        for thing in one.things:
            when_broken(thing, release_all)
    for call in calls:
        call.then_(cancel_all)
    wall.revoke("over")
    assert not results and problem(outer).reason == "over"
    for call in calls:
        assert error_of(vats, call) == (FAILED, "over")
    wall.check()
    wall.done()


class _Stubborn(Thing):
    uncancelled_ = ("hold",)


@everywhere
def test_revoke_a_call_that_is_not_cancelled(vats):
    """It runs to its end inside; what it returns does not come out, what it got is dead."""
    wall = Wall(vats, _Stubborn)
    bed = vats.bed
    mine = Thing(bed)
    call = wall.outer.hold(mine)
    bed.settle()
    wall.revoke()
    assert error_of(vats, call) == (FAILED, "revoked")
    assert wall.thing.calls == [] and mine.released == 1
    wall.thing.waiting[0].resolve(None)
    bed.settle()
    wall.check()
    wall.done(mine)


# Cancelling, and lost connections.


@everywhere
def test_a_call_through_a_membrane_is_cancelled(vats):
    wall = Wall(vats)
    bed = vats.bed
    mine = Thing(bed)
    call = wall.outer.hold(mine)
    task = bed.spawn(call)
    bed.settle()
    bed.host.cancel(task)
    bed.settle()
    assert wall.thing.calls == ["cancelled"] and mine.released == 1
    assert wall.membrane.calls == []
    wall.done(mine)


@everywhere
def test_release_while_a_call_is_under_way(vats):
    wall = Wall(vats)
    bed = vats.bed
    call = wall.outer.wait()
    bed.settle()
    release(wall.outer)
    wall.thing.waiting[0].resolve(4)
    assert bed.get(call).y == 4
    wall.outer = wall.there
    retain(wall.there)
    wall.done()


@connected
def test_the_connection_behind_a_membrane_is_lost(vats):
    wall = Wall(vats)
    bed, outer = vats.bed, wall.outer
    mine = Thing(bed)
    call = outer.hold(mine)
    results = bed.get(outer.self())
    seen = []
    when_broken(outer, seen.append)
    bed.settle()
    vats.cut()
    assert error_of(vats, call)[0] == DISCONNECTED == error_of(vats, outer.echo(1))[0]
    assert [error.type for error in seen] == [DISCONNECTED]
    assert problem(outer).type == DISCONNECTED == problem(results.thing).type
    assert mine.released == 1
    wall.check()
    wall.revoke()
    release(results)
    wall.done(mine)


@everywhere
def test_a_wrapped_reference_in_another_vat(vats):
    """We give the other vat our object behind a membrane; it calls, passes it back, and we revoke."""
    bed = vats.bed
    mine, thing = Thing(bed), Thing(bed)
    there = vats.client(thing)
    outer, revoke = revocable(mine)
    bed.get(there.keep(outer))
    kept = thing.kept
    assert bed.get(kept.echo(1)).y == 1
    results = bed.get(there.same(outer))
    assert equal(results.thing, outer) is True
    inner = bed.get(kept.self())
    assert equal(inner.thing, kept) is True
    own = kept.self()
    call, onward = kept.wait(), own.thing.wait()
    bed.settle()
    assert len(mine.waiting) == 2
    revoke("enough")
    for one in (call, onward, kept.echo(2), inner.thing.echo(2), results.thing.echo(3)):
        assert error_of(vats, one) == (FAILED, "enough")
    assert mine.calls == [1, "cancelled", "cancelled"] and mine.released == 1
    membrane = outer._hook.membrane
    for one in (results, inner, own, kept, outer, there):
        release(one)
    vats.done(mine, thing)
    assert membrane.wrappers == ({}, {}) and membrane.calls == []


@connected
def test_the_vat_that_had_a_wrapped_reference_is_lost(vats):
    bed = vats.bed
    mine = Thing(bed)
    outer, revoke = revocable(mine)
    kept = vats.passed(outer)
    call = kept.wait()
    bed.settle()
    vats.cut()
    assert mine.calls == ["cancelled"] and error_of(vats, call)[0] == DISCONNECTED
    membrane = outer._hook.membrane
    assert len(membrane.wrappers[1]) == 1 and membrane.calls == []
    release(outer)
    vats.done(mine)
    assert membrane.wrappers == ({}, {})


# Several.


@everywhere
def test_a_membrane_in_a_membrane(vats):
    wall = Wall(vats)
    bed = vats.bed
    mine = Thing(bed)
    own = client(mine)
    second, revoke = revocable(wall.outer)
    assert bed.get(second.echo(1)).y == 1
    results = bed.get(second.same(own))
    assert equal(results.thing, own) is True
    self = bed.get(second.self())
    assert equal(self.thing, second) is True
    call = second.wait()
    bed.settle()
    seen = []
    when_broken(second, seen.append)
    wall.revoke("the inner")
    assert error_of(vats, call) == (FAILED, "the inner") == error_of(vats, second.echo(1))
    assert [error.reason for error in seen] == ["the inner"]
    revoke("the outer")
    assert problem(second).reason == "the inner"
    for one in (results, self, second, own):
        release(one)
    wall.done(mine)


@everywhere
def test_the_outer_one_of_two_membranes_ends(vats):
    wall = Wall(vats)
    bed = vats.bed
    second, revoke = revocable(wall.outer)
    call, direct = second.wait(), wall.outer.wait()
    bed.settle()
    revoke("the outer")
    assert error_of(vats, call) == (FAILED, "the outer") == error_of(vats, second.echo(1))
    wall.thing.waiting[1].resolve(3)
    assert bed.get(direct).y == 3 and problem(wall.outer) is None
    release(second)
    wall.done()


@everywhere
def test_two_membranes_around_one_object(vats):
    """Each has its own references; what one gave out the other takes as foreign."""
    wall = Wall(vats)
    bed = vats.bed
    second, revoke = revocable(wall.there)
    assert equal(second, wall.outer) is not True
    results = bed.get(second.same(wall.outer))
    assert equal(results.thing, wall.outer) is True
    release(results)
    bed.get(second.keep(wall.outer))
    kept = wall.thing.kept
    assert bed.get(kept.echo(1)).y == 1
    revoke()
    assert error_of(vats, kept.echo(2)) == (FAILED, "revoked")
    assert bed.get(wall.outer.echo(3)).y == 3
    release(kept)
    release(second)
    wall.done()


# A peer that resolves a promise of its own to what stands in front of it.


def test_a_peer_closes_a_circle():
    """With and without calls that went to the promise before, at once and by way of another promise:
    errors, no endless loop."""
    for case in range(8):
        bed = Bed()
        before = Promise.host
        Promise.host = bed.host
        end, peer = bed.peer(Thing(bed))
        given = peer.client({"senderPromise": 7})
        if case & 4:
            front = subset(given, THING, "echo", "keep")
        else:
            front = revocable(given)[0]
        main = peer.client({"senderHosted": 8})
        main.keep(front)
        cap = peer.read("call").params.capTable[0]
        assert cap.which_() == "senderPromise"
        if case & 1:
            early = front.echo(1)
            assert peer.read("call").target.importedCap == 7
        promise = 7
        if case & 2:
            promise = 9
            peer.send("resolve", {"promiseId": 7, "cap": {"senderPromise": 9}})
            assert peer.read("release").id == 7
            body = peer.read("resolve")
            assert body.promiseId == cap.senderPromise
            cap = body.cap
        peer.send("resolve", {"promiseId": promise, "cap": {"receiverHosted": cap.senderPromise}})
        late = front.echo(2)
        bed.tasks()
        assert "itself" in late._call.error.reason, late._call.error
        assert end.conn.error is None
        if case & 1:
            assert not early._call.settled
        bed.cut()
        Promise.host = before
