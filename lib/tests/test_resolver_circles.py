# SPDX-License-Identifier: MIT
"""Promises that a program resolves, kept in its own vat and passed on to others before."""

from bed import THING, Thing
from vatkit import alone, everywhere

from capnrpc_micro.objects.client import release, retain
from capnrpc_micro.objects.operations import (
    equal,
    problem,
    promise,
)


def _ys(vats, calls):
    return [vats.bed.get(call).y for call in calls]


# Promises.


@everywhere
def test_a_promise_is_retained_and_released(vats):
    """It may be released and taken up again while somebody else has it."""
    thing = Thing(vats.bed)
    there = vats.client(thing)
    ours, resolver = promise(THING)
    retain(ours)
    release(ours)
    resolver.resolve(there)
    retain(ours)
    release(there)
    release(ours)
    vats.bed.settle()
    assert thing.released == 0 and _ys(vats, [ours.echo(2)]) == [2]
    release(ours)
    vats.done(thing)


@everywhere
def test_a_call_that_waits_at_a_promise_is_cancelled(vats):
    bed = vats.bed
    thing, mine = Thing(bed), Thing(bed)
    there = vats.client(thing)
    ours, resolver = promise(THING)
    first, second, third = ours.same(mine), ours.echo(2), ours.echo(3)
    first.cancel_()
    second.cancel_()
    assert mine.released == 1
    resolver.resolve(there)
    assert _ys(vats, [third]) == [3] and thing.calls == [3]
    assert "cancelled" in bed.error(first).reason
    release(ours)
    release(there)
    vats.done(thing, mine)


@everywhere
def test_a_promise_of_a_promise(vats):
    bed = vats.bed
    thing = Thing(bed)
    there = vats.client(thing)
    (a, end_a), (b, end_b), (c, end_c) = [promise(THING) for _ in range(3)]
    calls = [a.echo(0), b.echo(10), c.echo(20)]
    end_b.resolve(c)
    calls += [a.echo(1), b.echo(11), c.echo(21)]
    assert equal(b, c) is True and equal(a, b) is None
    end_a.resolve(b)
    calls += [a.echo(2), b.echo(12), c.echo(22)]
    end_c.resolve(there)
    calls += [a.echo(3), b.echo(13), c.echo(23)]
    assert _ys(vats, calls) == [0, 10, 20, 1, 11, 21, 2, 12, 22, 3, 13, 23]
    for start in (0, 10, 20):
        assert [x for x in thing.calls if x // 10 * 10 == start] == list(range(start, start + 4))
    assert equal(a, there) and equal(b, there) and equal(c, there)
    for one in (b, a, there, c):
        release(one)
    vats.done(thing)


@alone
def test_promises_in_a_circle_are_broken(vats):
    for n in (1, 2, 3, 7):
        ours = [promise(THING) for _ in range(n)]
        calls = [one.echo(k) for k, (one, _) in enumerate(ours)]
        for k in range(n):
            ours[k][1].resolve(ours[(k + 1) % n][0])
        for call in calls:
            assert "itself" in vats.bed.error(call).reason
        for one, _ in ours:
            assert "itself" in problem(one).reason
            release(one)
        vats.done()


# Promises that were passed on before they are resolved.
