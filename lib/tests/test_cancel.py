# SPDX-License-Identifier: MIT
"""Calls whose results are not wanted any more: what the callee sees, and what is given back."""

from bed import THING, Bed, Cancelled, Thing
from vatkit import canceled, connected, error_of, everywhere, finishes_of

from capnrpc_micro.objects.client import release, retain
from capnrpc_micro.objects.operations import client, equal, promise
from capnrpc_micro.objects.promise import DISCONNECTED, FAILED, Promise


class _Relay(Thing):
    """Passes calls on."""

    def wait(self):
        return self.onward.wait()

    async def hold(self, thing):
        results = await self.onward.hold(thing)
        return results.thing


# What the callee sees.


@everywhere
def test_a_call_is_cancelled(vats):
    bed = vats.bed
    thing, mine = Thing(bed), Thing(bed)
    there = vats.client(thing)
    call = there.hold(mine)
    seen = []
    call.then_(seen.append)
    canceled(vats, call.cancel_)
    assert thing.calls == ["cancelled"] and mine.released == 1
    assert [promise.error.reason for promise in seen] == ["the call was cancelled"]
    assert error_of(vats, call) == (FAILED, "the call was cancelled")
    finishes = finishes_of(vats)
    call.cancel_()
    release(call)
    bed.settle()
    assert finishes_of(vats) == finishes, "only once"
    release(there)
    vats.done(thing, mine)


@everywhere
def test_the_task_that_awaits_is_cancelled(vats):
    bed = vats.bed
    thing, mine = Thing(bed), Thing(bed)
    there = vats.client(thing)
    task = bed.spawn(there.hold(mine))
    canceled(vats, lambda: bed.host.cancel(task))
    assert task.cancelled and thing.calls == ["cancelled"] and mine.released == 1
    release(there)
    vats.done(thing, mine)


@everywhere
def test_a_call_is_released(vats):
    bed = vats.bed
    thing, mine = Thing(bed), Thing(bed)
    there = vats.client(thing)
    call = there.hold(mine)
    canceled(vats, lambda: release(call))
    assert thing.calls == ["cancelled"] and mine.released == 1
    release(there)
    vats.done(thing, mine)


@everywhere
def test_a_call_is_cancelled_at_once(vats):
    """Its method does not begin."""
    bed = vats.bed
    thing, mine = Thing(bed), Thing(bed)
    there = vats.client(thing)
    bed.settle()
    for call in (there.hold(mine), there.later(1)):
        call.cancel_()
    busy = True
    while busy:  # all messages, before a task has its turn
        bed.flush()
        busy = False
        for end in bed.ends:
            busy = end.deliver() or busy
    bed.settle()
    assert thing.waiting == [] and thing.calls == [] and mine.released == 1
    assert bed.get(there.later(2)).y == 2 and not thing.cap_.starting
    release(there)
    vats.done(thing, mine)


@everywhere
def test_one_of_several_calls_is_cancelled(vats):
    bed = vats.bed
    thing = Thing(bed)
    there = vats.client(thing)
    calls = [there.wait() for _ in range(3)]
    canceled(vats, calls[1].cancel_)
    assert thing.calls == ["cancelled"]
    thing.waiting[0].resolve(1)
    thing.waiting[2].resolve(3)
    assert bed.get(calls[0]).y == 1 and bed.get(calls[2]).y == 3
    release(there)
    vats.done(thing)


@everywhere
def test_a_call_that_has_returned_is_cancelled(vats):
    """Too late: nothing happens."""
    bed = vats.bed
    thing = Thing(bed)
    there = vats.client(thing)
    call = there.self()
    results = bed.get(call)
    finishes = finishes_of(vats)
    call.cancel_()
    bed.settle()
    assert bed.get(results.thing.echo(1)).y == 1 and bed.get(call).thing is not None
    assert finishes_of(vats) == finishes
    release(results)
    release(there)
    vats.done(thing)


@everywhere
def test_a_method_that_cleans_up(vats):
    """It may await when it is cancelled; its parameters are gone then, its results nobody's."""

    class Careful(Thing):
        async def hold(self, thing):
            try:
                await self.pause()
            except Cancelled:
                self.calls.append("cleaning up")
                await self.pause()
                self.calls.append("clean")
                return self.made

    bed = vats.bed
    thing, mine = Careful(bed), Thing(bed)
    made = thing.made = Thing(bed)
    there = vats.client(thing)
    call = there.hold(mine)
    canceled(vats, call.cancel_)
    assert thing.calls == ["cancelled", "cleaning up"] and mine.released == 1
    assert bed.host.alive == 1
    thing.waiting[1].resolve(None)
    bed.settle()
    assert thing.calls[2:] == ["clean"] and bed.host.alive == 0
    assert made.cap_ is None
    release(there)
    vats.done(thing, mine)


@everywhere
def test_a_method_that_fails_when_it_is_cancelled(vats):
    class Broken(Thing):
        async def wait(self):
            try:
                await self.pause()
            finally:
                raise ValueError("while cleaning up")

    thing = Broken(vats.bed)
    there = vats.client(thing)
    call = there.wait()
    canceled(vats, call.cancel_)
    assert error_of(vats, call)[1] == "the call was cancelled"
    assert vats.bed.get(there.echo(1)).y == 1
    release(there)
    vats.done(thing)


@connected
def test_the_connection_of_a_caller_is_lost(vats):
    bed = vats.bed
    thing, mine = Thing(bed), Thing(bed)
    there = vats.client(thing)
    call = there.hold(mine)
    bed.settle()
    vats.cut()
    assert thing.calls == ["cancelled"] and mine.released == 1
    assert error_of(vats, call)[0] == DISCONNECTED
    call.cancel_()
    release(there)
    vats.done(thing, mine)


@everywhere
def test_a_call_that_is_passed_on_is_cancelled(vats):
    bed = vats.bed
    thing, mine = Thing(bed), Thing(bed)
    relay = _Relay(bed)
    relay.onward = client(thing)
    there = vats.client(relay)
    for call in (there.wait(), there.hold(mine)):
        canceled(vats, call.cancel_)
        assert thing.calls.pop() == "cancelled" and not thing.calls
    assert mine.released == 1
    release(relay.onward)
    release(there)
    vats.done(thing, mine, relay)


@everywhere
def test_a_call_to_a_promise_is_cancelled(vats):
    """Before it is resolved, and after."""
    bed = vats.bed
    thing, mine = Thing(bed), Thing(bed)
    theirs, resolver = promise(THING)
    here = vats.given(theirs)
    early, late = here.hold(mine), here.wait()
    canceled(vats, early.cancel_)
    assert mine.released == 1
    resolver.resolve(thing)
    bed.settle()
    assert len(thing.waiting) == 1
    canceled(vats, late.cancel_)
    assert thing.calls == ["cancelled"]
    release(here)
    release(theirs)
    vats.done(thing, mine)


# Late results.


@connected
def test_results_cross_the_cancelling(vats):
    """The Return, with a capability, is on its way when the Finish is sent."""
    bed = vats.bed
    for name in ("later", "hold"):
        thing, mine = Thing(bed), Thing(bed)
        there = vats.client(thing)
        call = there.hold(mine) if name == "hold" else there.later(1)
        fresh = Thing(bed)
        bed.tasks()
        while vats.near.inbox or vats.far.inbox or not (thing.waiting or thing.calls):
            for end in bed.ends:
                end.deliver()
            bed.tasks()
            if thing.waiting and not thing.waiting[0].settled:
                thing.waiting[0].resolve(fresh)
                bed.tasks()
                break
        finishes = vats.near.sent.count("finish")
        call.cancel_()
        bed.settle()
        assert vats.near.sent.count("finish") - finishes <= 1
        if name == "hold":
            assert fresh.cap_ is None and mine.released == 1
        release(there)
        vats.done(thing)


@connected
def test_late_results_at_every_step(vats):
    """Whenever the caller cancels, everything is given back, with at most one Finish a connection."""
    bed = vats.bed
    for steps in range(12):
        thing, fresh, mine = Thing(bed), Thing(bed), Thing(bed)
        there = vats.client(thing)
        bed.settle()
        before = [len(end.sent) for end in bed.ends]
        call = there.hold(mine)
        bed.tasks()
        for _ in range(steps):
            for end in bed.ends:
                if end.deliver():
                    bed.tasks()
                    break
            else:
                if thing.waiting and not thing.waiting[0].settled:
                    thing.waiting[0].resolve(fresh)
                    bed.tasks()
        release(call)
        bed.settle()
        for k, end in enumerate(bed.ends):
            assert end.sent[before[k] :].count("finish") <= 1, (steps, end.sent[before[k] :])
        assert fresh.cap_ is None and mine.cap_ is None and thing.cap_.refs
        assert mine.released == 1
        release(there)
        vats.done(thing)


@everywhere
def test_a_pipelined_call_is_cancelled(vats):
    bed = vats.bed
    thing, mine = Thing(bed), Thing(bed)
    there = vats.client(thing)
    call = there.hold(mine)
    onward = call.thing.wait()
    bed.settle()
    onward.cancel_()
    bed.settle()
    assert thing.calls == [] and "cancelled" in bed.error(onward).reason
    thing.waiting[0].resolve(None)
    own = client(mine)
    assert equal(bed.get(call).thing, own) is True
    assert mine.waiting == []
    for one in (own, call, there):
        release(one)
    vats.done(thing, mine)


@everywhere
def test_a_call_and_what_is_pipelined_on_it_are_cancelled(vats):
    bed = vats.bed
    thing, mine = Thing(bed), Thing(bed)
    there = vats.client(thing)
    for reverse in (False, True):
        call = there.hold(mine)
        calls = [call, call.thing.wait(), call.thing.self()]
        bed.settle()
        for one in reversed(calls) if reverse else calls:
            one.cancel_()
            bed.settle()
        assert thing.calls == ["cancelled"] and mine.waiting == []
        thing.calls.clear()
    assert mine.released == 2 and mine.cap_ is None
    release(there)
    vats.done(thing)


# A time limit.


async def test_wait_for():
    import asyncio

    from capnrpc_micro import wait_for
    from capnrpc_micro.net.host import HOST

    before = Promise.host
    Promise.host = HOST
    ended = []

    class Slow(THING.Server):
        async def wait(self):
            try:
                await asyncio.sleep(60)
            finally:
                ended.append("wait")

        async def later(self, x):
            return x

        def keep(self, thing):
            self.kept = retain(thing)

        def released_(self):
            ended.append("released")

    try:
        mine = Thing(Bed())
        async with client(Slow()) as slow:
            assert (await wait_for(slow.later(3), 10)).y == 3
            call = slow.wait()
            try:
                await wait_for(call, 0.01)
            except asyncio.TimeoutError:
                pass
            else:
                raise AssertionError("it had no time limit")
            assert call._call.settled
            await asyncio.sleep(0)
            assert ended == ["wait"]
        assert ended == ["wait", "released"] and mine.cap_ is None
    finally:
        Promise.host = before
