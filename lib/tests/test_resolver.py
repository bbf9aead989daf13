# SPDX-License-Identifier: MIT
"""Promises that a program resolves, kept in its own vat and passed on to others before."""

from bed import THING, Thing
from vatkit import alone, error_of, everywhere, raised

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import (
    equal,
    problem,
    promise,
)
from capnrpc_micro.objects.promise import (
    FAILED,
    OVERLOADED,
    Error,
)


def _ys(vats, calls):
    return [vats.bed.get(call).y for call in calls]


# Promises.


@everywhere
def test_calls_wait_for_a_promise_in_order(vats):
    bed = vats.bed
    thing = Thing(bed)
    there = vats.client(thing)
    ours, resolver = promise(THING)
    calls = [ours.echo(0), ours.later(1), ours.echo(2)]
    bed.settle()
    assert thing.calls == [] and equal(ours, there) is None
    resolver.resolve(there)
    calls += [ours.echo(3), there.echo(4), ours.later(5)]
    assert _ys(vats, calls) == [0, 1, 2, 3, 4, 5] and thing.calls == [0, 1, 2, 3, 4, 5]
    assert equal(ours, there) is True
    release(there)
    assert _ys(vats, [ours.echo(6)]) == [6]
    release(ours)
    vats.done(thing)


@alone
def test_a_promise_is_resolved_once(vats):
    thing = Thing(vats.bed)
    ours, resolver = promise(THING)
    raised(resolver.resolve, 5, kind=TypeError)
    raised(resolver.resolve, Thing, kind=TypeError)
    resolver.resolve(thing)
    raised(resolver.resolve, thing, kind=RuntimeError)
    raised(resolver.reject, "no", kind=RuntimeError)
    assert _ys(vats, [ours.echo(1)]) == [1]
    release(ours)
    vats.done(thing)


@alone
def test_a_promise_of_nothing_is_broken(vats):
    for end in (None, "no", Error("no", OVERLOADED)):
        ours, resolver = promise()
        call = ours.cast_as(THING).echo(1)
        if end is None:
            resolver.resolve(None)
        else:
            resolver.reject(end)
        type, reason = error_of(vats, call)
        assert type == (OVERLOADED if isinstance(end, Error) else FAILED)
        assert reason == (end.reason if isinstance(end, Error) else end or problem(ours).reason)
        raised(resolver.resolve, None, kind=RuntimeError)
        release(ours)
    vats.done()


@everywhere
def test_a_promise_that_is_released_before_it_is_resolved(vats):
    """What waits at it is still called; then nothing refers to the object."""
    thing = Thing(vats.bed)
    there = vats.client(thing)
    ours, resolver = promise(THING)
    call = ours.echo(1)
    release(ours)
    resolver.resolve(there)
    release(there)
    assert _ys(vats, [call]) == [1]
    vats.done(thing)


@everywhere
def test_a_promise_that_is_released_twice(vats):
    """A program's error, but no reason to keep the object for ever."""
    thing = Thing(vats.bed)
    there = vats.client(thing)
    ours, resolver = promise(THING)
    release(ours)
    release(ours)
    resolver.resolve(there)
    release(there)
    vats.done(thing)


# Promises that were passed on before they are resolved.
