# SPDX-License-Identifier: MIT
"""Operations on references: promises that a program resolves, broken ones, waiting, identity."""

from bed import OTHER, THING, Thing
from vatkit import alone, connected, error_of, everywhere, raised

from capnrpc_micro.objects.client import release
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
    DISCONNECTED,
    FAILED,
    OVERLOADED,
    UNIMPLEMENTED,
    Error,
    hold_turns,
    resume_turns,
)
from capnrpc_micro.schema import Capability


def _ys(vats, calls):
    return [vats.bed.get(call).y for call in calls]


# References to objects of this vat.


@alone
def test_a_client_of_an_object(vats):
    thing = Thing(vats.bed)
    one = client(thing)
    two = client(thing)
    assert equal(one, two) is True and problem(one) is None
    assert vats.bed.get(one.echo(5)).y == 5
    release(one)
    assert thing.released == 0
    release(two)
    vats.done(thing)


@everywhere
def test_a_client_is_released_at_the_end_of_its_block(vats):
    thing = Thing(vats.bed)

    async def block():
        async with vats.client(thing) as inside:
            return (await inside.later(3)).y

    assert vats.bed.get(block()) == 3
    vats.done(thing)


@everywhere
def test_a_client_is_released_when_its_block_fails(vats):
    thing = Thing(vats.bed)

    async def block():
        async with vats.client(thing) as inside:
            await inside.fail(OVERLOADED)

    assert error_of(vats, block()) == (OVERLOADED, "as you like")
    vats.done(thing)


@everywhere
def test_a_client_is_released_when_its_block_is_cancelled(vats):
    bed = vats.bed
    thing = Thing(bed)

    async def block():
        async with vats.client(thing) as inside:
            await inside.wait()

    task = bed.spawn(block())
    bed.settle()
    assert len(thing.waiting) == 1
    bed.host.cancel(task)
    bed.settle()
    assert task.cancelled and thing.calls == ["cancelled"]
    vats.done(thing)


# Broken references.


@alone
def test_a_broken_reference(vats):
    dead = broken("gone", THING)
    assert error_of(vats, dead.echo(1)) == (FAILED, "gone")
    call = dead.self()
    assert error_of(vats, call.thing.echo(1)) == (FAILED, "gone")
    assert error_of(vats, call) == (FAILED, "gone")
    assert problem(dead).reason == "gone" and problem(dead).type == FAILED
    seen = []
    when_broken(dead, seen.append)
    assert seen == [problem(dead)]
    assert error_of(vats, settled(dead)) == (FAILED, "gone")
    assert equal(dead, dead) is True
    release(dead)
    vats.done()


@alone
def test_a_broken_reference_keeps_its_error(vats):
    error = Error("later", OVERLOADED)
    dead = broken(error)
    assert problem(dead) is error and error_of(vats, dead.cast_as(THING).echo(1))[0] == OVERLOADED
    assert "method" in str(raised(getattr, dead, "echo", kind=AttributeError))
    other = broken(ValueError("x"))
    assert problem(other).reason == "x" and equal(dead, other) is False
    release(dead)
    release(other)
    vats.done()


@everywhere
def test_a_broken_reference_in_a_call(vats):
    """Who gets it gets the error with the first call."""
    dead = broken(Error("busy", OVERLOADED), THING)
    there = vats.passed(dead)
    assert error_of(vats, there.echo(1)) == (OVERLOADED, "busy")
    release(there)
    here = vats.given(dead)
    assert error_of(vats, here.later(1)) == (OVERLOADED, "busy")
    release(here)
    release(dead)
    vats.done()


# when_broken.


@everywhere
def test_when_broken_of_what_is_not(vats):
    bed = vats.bed
    thing = Thing(bed)
    there = vats.client(thing)
    seen = []
    when_broken(there, seen.append)
    assert _ys(vats, [there.echo(1)]) == [1]
    assert seen == [] and problem(there) is None
    if vats.hops:
        vats.cut()
        assert [error.type for error in seen] == [DISCONNECTED] and problem(there) is seen[0]
        assert error_of(vats, there.echo(1))[0] == DISCONNECTED
        vats.cut()
        assert len(seen) == 1
    release(there)
    vats.done(thing)


@everywhere
def test_when_broken_of_a_promise_that_becomes_ours(vats):
    """Once it is an object of this vat, no connection matters."""
    bed = vats.bed
    mine = Thing(bed)
    theirs, resolver = promise(THING)
    here = vats.given(theirs)
    own = client(mine)
    seen = []
    when_broken(here, seen.append)
    resolver.resolve(vats.passed(own))
    bed.settle()
    vats.cut()
    assert seen == [] and _ys(vats, [here.echo(1)]) == [1]
    assert equal(here, own) is True


@everywhere
def test_when_broken_of_a_promise_that_never_resolves(vats):
    bed = vats.bed
    theirs, resolver = promise(THING)
    here = vats.given(theirs)
    seen = []
    when_broken(here, seen.append)
    when_broken(here, seen.append)
    waiting = bed.spawn(settled(here))
    bed.settle()
    assert seen == [] and not waiting.done
    if vats.hops:
        vats.cut()
        assert waiting.error.type == DISCONNECTED
    else:
        resolver.reject(Error("gone", DISCONNECTED))
        bed.settle()
    assert [error.type for error in seen] == [DISCONNECTED] * 2
    bed.host.failed.remove(waiting)
    release(here)
    release(theirs)
    vats.done()


@everywhere
def test_when_broken_runs_in_a_turn(vats):
    ours, resolver = promise(THING)
    seen = []
    when_broken(ours, seen.append)
    before = hold_turns()
    resolver.reject("no")
    assert seen == []
    resume_turns(before)
    assert len(seen) == 1
    release(ours)
    vats.done()


@connected
def test_when_broken_goes_on_through_a_chain(vats):
    """Promise, promise of the other vat, its object: then the connection is lost."""
    bed = vats.bed
    thing = Thing(bed)
    theirs, end_theirs = promise(THING)
    here = vats.given(theirs)
    ours, end_ours = promise(THING)
    seen = []
    when_broken(ours, seen.append)
    bed.settle()
    end_ours.resolve(here)
    bed.settle()
    end_theirs.resolve(thing)
    bed.settle()
    assert seen == [] and _ys(vats, [ours.echo(1)]) == [1]
    vats.cut()
    assert [error.type for error in seen] == [DISCONNECTED]
    for one in (ours, here, theirs):
        release(one)
    vats.done(thing)


# settled.


@everywhere
def test_settled(vats):
    bed = vats.bed
    thing = Thing(bed)
    there = vats.client(thing)
    assert bed.get(settled(there)) is None
    ours, resolver = promise(THING)
    waiting = [bed.spawn(settled(ours)) for _ in range(2)]
    bed.settle()
    assert not waiting[0].done
    resolver.resolve(there)
    bed.settle()
    assert waiting[0].done and waiting[1].done
    assert bed.get(settled(ours)) is None
    release(ours)
    release(there)
    vats.done(thing)


@everywhere
def test_settled_waits_for_what_the_promise_becomes(vats):
    bed = vats.bed
    thing = Thing(bed)
    theirs, end_theirs = promise(THING)
    here = vats.given(theirs)
    ours, end_ours = promise(THING)
    waiting = bed.spawn(settled(ours))
    bed.settle()
    end_ours.resolve(here)
    bed.settle()
    assert not waiting.done, "it is still a promise"
    end_theirs.resolve(thing)
    bed.settle()
    assert waiting.done and waiting.error is None
    for one in (here, theirs, ours):
        release(one)
    vats.done(thing)


@everywhere
def test_settled_is_cancelled(vats):
    """Whoever does not wait any more leaves nothing behind; the others go on waiting."""
    bed = vats.bed
    theirs, resolver = promise(THING)
    here = vats.given(theirs)
    hook = here._hook.resolved()
    before = len(hook._watchers or ())
    first, second = bed.spawn(settled(here)), bed.spawn(settled(here))
    bed.settle()
    bed.host.cancel(first)
    bed.settle()
    assert first.cancelled and not second.done and len(hook._watchers) == before + 1
    mine = Thing(bed)
    resolver.resolve(mine)
    bed.settle()
    assert second.done and second.error is None
    release(here)
    release(theirs)
    vats.done(mine)


@everywhere
def test_settled_of_results_that_are_not_there_yet(vats):
    bed = vats.bed
    thing = Thing(bed)
    there = vats.client(thing)
    call = there.hold(thing)
    waiting = bed.spawn(settled(call.thing))
    bed.settle()
    assert not waiting.done
    thing.waiting[0].resolve(None)
    bed.settle()
    assert waiting.done and waiting.error is None
    release(call)
    call = there.hold(None)
    waiting = bed.spawn(settled(call.thing))
    bed.settle()
    call.cancel_()
    bed.settle()
    assert "cancelled" in waiting.error.reason
    bed.host.failed.remove(waiting)
    release(there)
    vats.done(thing)


@everywhere
def test_settled_as_a_client_comes_by_its_first_reference(vats):
    bed = vats.bed
    thing = Thing(bed)
    there = vats.client(thing)
    assert bed.get(settled(there)) is None
    same = vats.client(thing)
    bed.get(settled(same))
    assert equal(there, same) is True
    release(there)
    release(same)
    vats.done(thing)


# equal.


@everywhere
def test_equal(vats):
    bed = vats.bed
    thing, other = Thing(bed), Thing(bed)
    there, another = vats.client(thing), vats.client(other)
    results = bed.get(there.self())
    for one in (there, another):
        bed.get(settled(one))
    assert equal(there, results.thing) is True and equal(results.thing, there) is True
    assert equal(there, there.cast_as(OTHER)) is True
    assert equal(there, another) is False
    ours, resolver = promise(THING)
    assert equal(ours, ours) is True
    assert equal(ours, there) is None and equal(there, ours) is None
    second, end_second = promise(THING)
    assert equal(ours, second) is None
    resolver.resolve(there)
    end_second.resolve(another)
    assert equal(ours, there) is True and equal(ours, another) is False
    assert equal(ours, second) is False
    dead = broken("x")
    assert equal(dead, there) is False
    for one in (ours, second, results, there, another, dead):
        release(one)
    vats.done(thing, other)


@everywhere
def test_equal_of_what_was_there_and_back(vats):
    bed = vats.bed
    thing, mine = Thing(bed), Thing(bed)
    there = vats.client(thing)
    own = client(mine)
    results = bed.get(there.same(own))
    assert equal(results.thing, own) is True
    back = bed.get(there.same(there))
    assert equal(back.thing, there) is True
    for one in (results, back, own, there):
        release(one)
    vats.done(thing, mine)


@alone
def test_what_a_promise_may_be_of(vats):
    """Any interface; calls tell."""
    ours, resolver = promise()
    assert ours._interface is Capability
    thing = Thing(vats.bed)
    resolver.resolve(thing)
    assert error_of(vats, ours.cast_as(OTHER).other())[0] == UNIMPLEMENTED
    release(ours)
    vats.done(thing)
