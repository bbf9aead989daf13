# SPDX-License-Identifier: MIT
"""Membranes: what goes through them, and who is whom on which side. Their end: test_revoke."""

from bed import THING, Thing
from vatkit import Wall, alone, error_of, everywhere

from capnrpc_micro.objects.client import release, retain
from capnrpc_micro.objects.membrane import revocable, subset
from capnrpc_micro.objects.operations import (
    broken,
    client,
    equal,
    problem,
    promise,
    settled,
    when_broken,
)
from capnrpc_micro.objects.promise import (
    FAILED,
    OVERLOADED,
    UNIMPLEMENTED,
    Error,
)
from capnrpc_micro.schema import Capability

# What goes through.


@everywhere
def test_calls_go_through(vats):
    wall = Wall(vats)
    bed, outer = vats.bed, wall.outer
    assert outer._interface is THING
    calls = [outer.echo(1), outer.later(2), outer.echo(3)]
    assert [bed.get(call).y for call in calls] == [1, 2, 3] and wall.thing.calls == [1, 2, 3]
    assert bytes(bed.get(outer.blob(b"abc")).blob) == b"abc"
    assert error_of(vats, outer.fail(OVERLOADED)) == (OVERLOADED, "as you like")
    assert error_of(vats, outer.bare())[0] == UNIMPLEMENTED
    assert problem(outer) is None and equal(outer, wall.there) is not True
    assert bed.get(settled(outer)) is None
    assert bed.get(outer.same(None)).thing is None
    wall.done()


@everywhere
def test_pipelined_calls_go_through(vats):
    wall = Wall(vats)
    bed = vats.bed
    call = wall.outer.self()
    onward = call.thing.self()
    calls = [call.thing.echo(1), wall.outer.echo(2), onward.thing.echo(3)]
    assert [bed.get(one).y for one in calls] == [1, 2, 3]
    pair = wall.outer.pair()
    assert bed.get(pair.box.thing.echo(4)).y == 4
    assert error_of(vats, wall.outer.same(None).thing.echo(5))[0] == FAILED
    for one in (call, onward, pair):
        release(one)
    wall.done()


@alone
def test_what_a_membrane_is_made_of(vats):
    thing = Thing(vats.bed)
    outer, _ = revocable(thing)
    assert outer._interface is THING and vats.bed.get(outer.echo(1)).y == 1
    release(outer)
    vats.done(thing)
    outer, _ = revocable(thing, Capability)
    assert outer._interface is Capability
    release(outer)
    dead = broken("gone", THING)
    outer, revoke = revocable(dead)
    revoke()
    assert problem(outer) is problem(dead)
    release(outer)
    release(dead)


# Who is whom.


@everywhere
def test_what_comes_out_is_always_the_same(vats):
    wall = Wall(vats)
    bed, outer = vats.bed, wall.outer
    results = [bed.get(outer.self()), bed.get(outer.pair())]
    assert equal(results[0].thing, outer) is True
    assert equal(results[1].thing, outer) is True and equal(results[1].box.thing, outer) is True
    assert equal(results[0].thing, wall.there) is False
    for one in results:
        release(one)
    wall.done()


@everywhere
def test_what_goes_in_comes_out_as_itself(vats):
    wall = Wall(vats)
    bed, outer = vats.bed, wall.outer
    mine = Thing(bed)
    own = client(mine)
    results = bed.get(outer.same(own))
    assert equal(results.thing, own) is True
    bed.get(outer.keep(own))
    kept = wall.thing.kept
    # Only within one vat can the other side compare directly: elsewhere it has another reference.
    assert equal(kept, own) is False and bed.get(kept.echo(7)).y == 7 and mine.calls == [7]
    back = bed.get(outer.same(outer))
    assert equal(back.thing, outer) is True
    for one in (results, kept, back, own):
        release(one)
    wall.done(mine)


@everywhere
def test_what_comes_out_goes_in_as_itself(vats):
    """The object inside gives out a reference to itself, and gets it back."""
    wall = Wall(vats)
    bed, outer = vats.bed, wall.outer
    mine = Thing(bed)
    own = client(mine)
    bed.get(outer.keep(own))
    inside = wall.thing.kept
    self = client(wall.thing)
    results = bed.get(inside.same(self))
    assert equal(results.thing, self) is True
    bed.get(outer.keep(outer))
    assert equal(wall.thing.kept, self) is True
    bed.get(inside.keep(self))
    assert equal(mine.kept, outer) is True and bed.get(mine.kept.echo(1)).y == 1
    for one in (wall.thing.kept, mine.kept, results, inside, self, own):
        release(one)
    wall.done(mine)


@everywhere
def test_a_call_back(vats):
    """The object inside calls ours while our call runs."""
    wall = Wall(vats)
    mine = Thing(vats.bed)
    assert vats.bed.get(wall.outer.callMe(mine, 5)).y == 5 and mine.calls == [5]
    assert mine.released == 1
    wall.done(mine)


@everywhere
def test_wrappers_last_as_long_as_somebody_has_them(vats):
    wall = Wall(vats)
    bed, outer = vats.bed, wall.outer
    wrappers = wall.membrane.wrappers
    mine = Thing(bed)
    results = bed.get(outer.same(mine))
    assert wrappers[False] == {} and mine.released == 0
    release(results)
    assert mine.released == 1
    many = bed.get(outer.many(3))
    one = retain(many.things[1])
    assert len(wrappers[True]) == 4
    release(many)
    assert len(wrappers[True]) == 2 and bed.get(one.echo(1)).y == 1
    release(one)
    assert len(wrappers[True]) == 1
    wall.done(mine)


@everywhere
def test_a_reference_that_was_released(vats):
    """Calls on it fail, before the end of the membrane and after."""
    wall = Wall(vats)
    results = vats.bed.get(wall.outer.many(1))
    thing = results.things[0]
    release(results)
    for _ in range(2):
        assert "released" in error_of(vats, thing.echo(1))[1]
        wall.revoke("over")
    wall.done()


# Promises.


@everywhere
def test_a_promise_behind_a_membrane(vats):
    bed = vats.bed
    thing = Thing(bed)
    there = vats.client(thing)
    ours, resolver = promise(THING)
    outer, revoke = revocable(ours)
    membrane = outer._hook.membrane
    waiting = bed.spawn(settled(outer))
    calls = [outer.echo(0), outer.later(1)]
    bed.settle()
    assert not waiting.done and thing.calls == [] and equal(outer, there) is None
    resolver.resolve(there)
    calls += [outer.echo(2), outer.later(3)]
    assert [bed.get(call).y for call in calls] == [0, 1, 2, 3] == thing.calls
    assert waiting.done and waiting.error is None
    results = bed.get(outer.self())
    assert equal(results.thing, outer) is True
    release(results)
    for one in (ours, outer, there):
        release(one)
    vats.done(thing)
    assert membrane.wrappers == ({}, {}) and membrane.calls == []


@everywhere
def test_a_promise_behind_a_membrane_is_broken(vats):
    bed = vats.bed
    theirs, resolver = promise(THING)
    here = vats.given(theirs)
    outer, revoke = revocable(here)
    seen = []
    when_broken(outer, seen.append)
    call = outer.echo(0)
    bed.settle()
    resolver.reject(Error("no", OVERLOADED))
    assert error_of(vats, call) == (OVERLOADED, "no") == error_of(vats, outer.echo(1))
    assert problem(outer).reason == "no" and seen == [problem(outer)]
    revoke("over")
    assert problem(outer).reason == "no" and len(seen) == 1
    for one in (outer, here, theirs):
        release(one)
    vats.done()


@everywhere
def test_a_promise_that_turns_out_to_have_come_from_outside(vats):
    """Then it is ours itself, without the membrane."""
    wall = Wall(vats)
    bed = vats.bed
    mine = Thing(bed)
    own = client(mine)
    call = wall.outer.hold(own)
    later = call.thing.echo(1)
    bed.settle()
    wall.thing.waiting[0].resolve(None)
    assert bed.get(later).y == 1
    assert equal(bed.get(call).thing, own) is True
    release(call)
    release(own)
    wall.done(mine)


@everywhere
def test_promises_go_through_in_both_directions(vats):
    wall = Wall(vats)
    bed, outer = vats.bed, wall.outer
    mine = Thing(bed)
    ours, resolver = promise(THING)
    bed.get(outer.keep(ours))
    inside = wall.thing.kept
    calls = [inside.echo(0), inside.later(1)]
    results = bed.get(outer.same(ours))
    assert equal(results.thing, ours) is not False
    bed.settle()
    resolver.resolve(mine)
    calls.append(inside.echo(2))
    assert [bed.get(call).y for call in calls] == [0, 1, 2] == mine.calls
    assert equal(results.thing, ours) is True
    for one in (results, inside, ours):
        release(one)
    wall.done(mine)


@alone
def test_a_promise_that_turns_out_to_be_behind_itself(vats):
    """No circle, but an error: of a membrane, of a subset, of several in a row."""
    for depth in (1, 2, 3):
        for make in (lambda one: revocable(one)[0], lambda one: subset(one, THING, "echo")):
            ours, resolver = promise(THING)
            fronts = [ours]
            for _ in range(depth):
                fronts.append(make(fronts[-1]))
            calls = [one.echo(1) for one in fronts]
            resolver.resolve(fronts[-1])
            calls += [one.echo(2) for one in fronts]
            for call in calls:
                assert "itself" in vats.bed.error(call).reason
            for one in fronts:
                release(one)
            vats.done()


@everywhere
def test_who_has_let_go_is_not_told(vats):
    """The last reference to what is behind a membrane goes: nobody is told that it has broken."""
    wall = Wall(vats)
    call = wall.outer.many(1)  # another object comes through the membrane
    held = retain(vats.bed.get(call).things[0])
    release(call)
    told = []
    when_broken(held, told.append)
    release(held)
    vats.bed.settle()
    assert not told
    wall.done()
