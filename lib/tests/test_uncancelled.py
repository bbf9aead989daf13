# SPDX-License-Identifier: MIT
"""Methods that run to their end, though their results are not wanted any more."""

from bed import THING, Thing
from vatkit import canceled, connected, error_of, everywhere

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import client, equal, promise
from capnrpc_micro.objects.promise import DISCONNECTED, Error


class Stubborn(Thing):
    """`hold` and `wait` run to their end."""

    uncancelled_ = ("hold", "wait", "echo")


@everywhere
def test_a_method_that_runs_to_its_end(vats):
    """It keeps its parameters until then; what it returns is given back."""
    bed = vats.bed
    thing, mine = Stubborn(bed), Thing(bed)
    fresh = Thing(bed)
    there = vats.client(thing)
    call = there.hold(mine)
    canceled(vats, call.cancel_)
    assert thing.calls == [] and mine.released == 0 and bed.host.alive == 1
    thing.waiting[0].resolve(fresh)
    bed.settle()
    assert mine.released == 1 and fresh.cap_ is None and bed.host.alive == 0
    if vats.hops:
        assert error_of(vats, call)[1] == "the call was cancelled"
    release(there)
    vats.done(thing, mine)


@everywhere
def test_a_method_that_runs_to_its_end_calls_back(vats):
    class Caller(Thing):
        uncancelled_ = ("callMe",)

        async def callMe(self, thing, x):
            await self.pause()
            self.calls.append((await thing.later(x)).y)

    bed = vats.bed
    thing, mine = Caller(bed), Thing(bed)
    there = vats.client(thing)
    task = bed.spawn(there.callMe(mine, 5))
    canceled(vats, lambda: bed.host.cancel(task))
    assert task.cancelled and mine.released == 0
    thing.waiting[0].resolve(None)
    bed.settle()
    assert mine.calls == [5] == thing.calls and mine.released == 1
    release(there)
    vats.done(thing, mine)


@everywhere
def test_a_method_that_runs_to_its_end_and_fails(vats):
    bed = vats.bed
    thing = Stubborn(bed)
    there = vats.client(thing)
    call = there.wait()
    canceled(vats, call.cancel_)
    thing.waiting[0].reject(Error("too bad"))
    bed.settle()
    assert bed.host.alive == 0 and bed.get(there.echo(1)).y == 1
    release(there)
    vats.done(thing)


@everywhere
def test_a_method_that_runs_to_its_end_has_not_begun(vats):
    """At an object: it begins all the same. At a promise it is dropped: nobody has it yet."""
    bed = vats.bed
    thing = Stubborn(bed)
    there = vats.client(thing)
    ours, resolver = promise(THING)
    waiting = ours.wait()
    waiting.cancel_()
    resolver.resolve(there)
    bed.settle()
    assert thing.waiting == [] and "cancelled" in bed.error(waiting).reason
    release(ours)
    release(there)
    vats.done(thing)


@connected
def test_a_method_runs_to_its_end_though_the_connection_is_lost(vats):
    bed = vats.bed
    thing, mine = Stubborn(bed), Thing(bed)
    there = vats.client(thing)
    calls = [there.hold(mine), there.wait()]
    bed.settle()
    vats.cut()
    assert thing.calls == [] and bed.host.alive == 2
    for call in calls:
        assert error_of(vats, call)[0] == DISCONNECTED
    fresh = Thing(bed)
    thing.waiting[0].resolve(fresh)
    thing.waiting[1].resolve(2)
    bed.settle()
    assert bed.host.alive == 0 and fresh.cap_ is None and mine.released == 1
    release(there)
    vats.done(thing, mine)
    for end in bed.ends:
        assert end.conn.running == 0


@connected
def test_methods_that_run_to_their_end_count(vats):
    """Until then they have their place among those that run."""
    bed = vats.bed
    thing = Stubborn(bed)
    there = vats.client(thing)
    bed.settle()
    calls = [there.wait() for _ in range(3)]
    bed.settle()
    for call in calls:
        call.cancel_()
    bed.settle()
    assert sum(end.conn.running for end in bed.ends) == 3
    far = [end for end in bed.ends if end.conn.running][0]
    assert len(far.conn.answers) == 3 and far.conn.call_bytes > 0
    far.conn.limits.running = 3
    assert "running" in bed.error(there.wait()).reason
    thing.waiting[0].resolve(0)
    bed.settle()
    assert far.conn.running == 2
    call = there.wait()
    bed.settle()
    assert len(thing.waiting) == 4
    for waiting in thing.waiting:
        waiting.resolve(7)
    assert bed.get(call).y == 7
    release(there)
    vats.done(thing)


@everywhere
def test_a_method_that_runs_to_its_end_and_is_wanted(vats):
    """The opting out changes nothing as long as nobody cancels."""
    bed = vats.bed
    thing, mine = Stubborn(bed), Thing(bed)
    there = vats.client(thing)
    call = there.hold(mine)
    bed.settle()
    assert mine.released == 0
    thing.waiting[0].resolve(None)
    own = client(mine)
    assert equal(bed.get(call).thing, own) is True
    assert bed.get(there.echo(3)).y == 3, "a plain method cannot be cancelled anyway"
    for one in (call, own, there):
        release(one)
    vats.done(thing, mine)
