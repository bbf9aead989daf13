# SPDX-License-Identifier: MIT
"""Streaming calls that take a longer way: through promises, other objects, membranes."""

from bed import THING, Thing
from streamkit import SINK, Later, Sink, Slow
from vatkit import connected, error_of, everywhere, raised

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.membrane import revocable, subset
from capnrpc_micro.objects.operations import broken, client, promise, settled
from capnrpc_micro.objects.promise import DISCONNECTED, OVERLOADED, UNIMPLEMENTED, Error
from capnrpc_micro.objects.streams import drained


def _let_all(vats, sink):
    vats.bed.settle()
    while sink.waiting:
        sink.go()
        vats.bed.settle()


# Promises.


@everywhere
def test_streaming_to_a_promise(vats):
    """What was written before it is resolved and what after arrive in order."""
    for kind in (Sink, Slow, Later):
        bed = vats.bed
        sink = kind(bed)
        there = vats.client(sink)
        ours, resolver = promise(SINK)
        for x in range(3):
            ours.write(x)
        waiting = bed.spawn(drained(ours))
        bed.settle()
        assert sink.got == [] and not waiting.done
        resolver.resolve(there)
        for x in range(3, 6):
            ours.write(x)
        bed.tasks()
        ours.write(6)
        read = ours.read()
        _let_all(vats, sink)
        assert waiting.done and sink.got == list(range(7)) + ["r"] and bed.get(read).y == 7
        assert bed.get(drained(ours)) is None
        release(ours)
        release(there)
        vats.done(sink)


@everywhere
def test_streaming_to_a_promise_that_breaks(vats):
    bed = vats.bed
    ours, resolver = promise(SINK)
    ours.write(1)
    task = bed.spawn(drained(ours))
    bed.settle()
    resolver.reject(Error("full", OVERLOADED))
    bed.settle()
    assert task.error.type == OVERLOADED
    bed.host.failed.remove(task)
    assert raised(ours.write, 2).reason == "full"
    release(ours)
    dead = broken("gone", SINK)
    dead.write(1)
    assert bed.error(drained(dead)).reason == "gone" == raised(dead.write, 2).reason
    release(dead)
    vats.done()


@everywhere
def test_streaming_to_results_that_are_not_there_yet(vats):
    """open() has not returned when the first is written."""
    bed = vats.bed
    sink = Slow(bed)
    there = vats.client(sink)
    opened = there.open()
    target = opened.sink
    for x in range(4):
        target.write(x)
    assert bed.spawn(target.write(4)) is not None
    bed.settle()
    inner = sink.opened[0]
    assert len(inner.waiting) == 1
    results = bed.spawn(opened)
    bed.settle()
    target.write(5)
    results.value.sink.write(6)
    _let_all(vats, inner)
    assert inner.got == list(range(7))
    assert bed.get(drained(target)) is None
    release(opened)
    release(there)
    vats.done(sink, inner)


@everywhere
def test_streaming_to_a_passed_promise_that_turns_out_to_be_theirs(vats):
    """Their writes have gone the long way; later ones, which go the short way, come after them."""
    bed = vats.bed
    sink, taker = Slow(bed), Thing(bed)
    there, to = vats.client(sink), vats.client(taker)
    ours, resolver = promise(SINK)
    bed.get(to.keep(ours))
    kept = taker.kept.cast_as(SINK)
    for x in range(3):
        kept.write(x)
    bed.settle()
    resolver.resolve(there)
    kept.write(3)
    bed.tasks()
    kept.write(4)
    _let_all(vats, sink)
    kept.write(5)
    _let_all(vats, sink)
    assert sink.got == list(range(6)) and bed.get(drained(kept)) is None
    for one in (kept, ours, there, to):
        release(one)
    vats.done(sink, taker)


# Objects that pass on what is written.


class _Relay(Sink):
    """Passes writes on: returns the call."""

    onward = None

    def write(self, x):
        return self.onward.write(x)

    def read(self):
        return self.onward.read()


class _Pump(_Relay):
    """Awaits the call, which is room for the next, and the last ones at the end."""

    async def write(self, x):
        await self.onward.write(x)

    async def read(self):
        await drained(self.onward)
        return (await self.onward.read()).y


@everywhere
def test_a_write_that_is_passed_on(vats):
    """Acknowledged when the other object has taken it; one at a time, in order."""
    for kind in (Sink, Slow, Later):
        bed = vats.bed
        sink, relay = kind(bed), _Relay(bed)
        relay.onward = client(sink)
        there = vats.client(relay)
        for x in range(4):
            there.write(x)
        waiting = bed.spawn(drained(there))
        read = there.read()
        for k in range(4):
            bed.settle()
            if kind is not Sink:
                assert not waiting.done and sink.got == list(range(k)), sink.got
                assert len(sink.waiting) == 1
                sink.go()
        bed.settle()
        assert waiting.done and waiting.error is None
        assert sink.got == [0, 1, 2, 3, "r"] and bed.get(read).y == 4
        release(relay.onward)
        release(there)
        vats.done(sink, relay)


@everywhere
def test_a_write_that_is_passed_on_fails(vats):
    bed = vats.bed
    for kind in (Sink, Slow, Later):
        sink, relay = kind(bed), _Relay(bed)
        relay.onward = client(sink)
        there = vats.client(relay)
        for x in (1, -2, 3):
            there.write(x)
        _let_all(vats, sink)
        assert sink.got == [1, -2]
        assert bed.error(drained(there)).reason == "no -2" == bed.error(there.read()).reason
        release(relay.onward)
        release(there)
        vats.done(sink, relay)


@everywhere
def test_a_write_that_is_passed_on_is_cancelled(vats):
    bed = vats.bed
    sink, relay = Slow(bed), _Relay(bed)
    relay.onward = client(sink)
    there = vats.client(relay)
    call = there.write(1)
    bed.settle()
    assert len(sink.waiting) == 1
    call.cancel_()
    bed.settle()
    assert sink.got == ["cancelled"]
    release(relay.onward)
    release(there)
    vats.done(sink, relay)


@everywhere
def test_writes_that_are_pumped(vats):
    """Awaiting a call is waiting for room: the pump goes on while the sink is slow."""
    bed = vats.bed
    sink, pump = Slow(bed), _Pump(bed)
    pump.onward = client(sink)
    there = vats.client(pump)
    for x in range(10):
        there.write(x)
    waiting = bed.spawn(drained(there))
    read = there.read()
    bed.settle()
    assert waiting.done and sink.got == [] and not read._call.settled
    _let_all(vats, sink)
    assert sink.got == list(range(10)) + ["r"] and bed.get(read).y == 10
    release(pump.onward)
    release(there)
    vats.done(sink, pump)


@everywhere
def test_errors_of_writes_that_are_pumped(vats):
    bed = vats.bed
    sink, pump = Sink(bed), _Pump(bed)
    pump.onward = client(sink)
    there = vats.client(pump)
    for x in (1, -2, 3):
        there.write(x)
        bed.settle()
    assert bed.error(there.read()).reason == "no -2" and sink.got == [1, -2]
    release(pump.onward)
    release(there)
    vats.done(sink, pump)


@everywhere
def test_a_write_whose_call_is_returned_by_another_method(vats):
    """It is not lost: the method waits for room only, and does not drop the call."""

    class Other(Thing):
        def echo(self, x):
            return self.write(x)

        def keep(self, thing):
            return self.onward.write(7)

    bed = vats.bed
    sink, other = Slow(bed), Other(bed)
    other.onward = client(sink)
    there = vats.client(other)
    call = there.keep(None)
    _let_all(vats, sink)
    assert sink.got == [7]
    bed.get(call)
    release(other.onward)
    release(there)
    vats.done(sink, other)


@connected
def test_passing_on_over_a_connection_that_is_lost(vats):
    """The relay is ours, the sink behind it is lost: the writer hears of it."""
    bed = vats.bed
    sink, relay = Slow(bed), _Relay(bed)
    relay.onward = vats.client(sink)
    own = client(relay)
    own.write(1)
    task = bed.spawn(drained(own))
    bed.settle()
    vats.cut()
    assert task.error.type == DISCONNECTED and sink.got == ["cancelled"]
    bed.host.failed.remove(task)
    assert raised(own.write, 2).type == DISCONNECTED
    release(relay.onward)
    release(own)
    vats.done(sink, relay)


# Membranes and subsets.


@everywhere
def test_streaming_through_a_membrane(vats):
    bed = vats.bed
    for kind in (Sink, Slow, Later):
        sink, part = kind(bed), Sink(bed)
        there = vats.client(sink)
        outer, revoke = revocable(there)
        for x in range(4):
            outer.write(x)
        outer.with_(4, part)
        waiting = bed.spawn(drained(outer))
        _let_all(vats, sink)
        assert waiting.done and sink.got == [0, 1, 2, 3, 4] and part.released == 1
        outer.write(5)
        bed.settle()
        revoke("over")
        bed.settle()
        if kind is Sink:
            assert bed.get(drained(outer)) is None
            outer.write(6)
        assert bed.error(drained(outer)).reason == "over" == raised(outer.write, 7).reason
        sink.waiting.clear()
        sink.got = []
        there.write(8)
        _let_all(vats, sink)
        assert bed.get(there.read()).y == 1, "revoking is no error of the object's"
        release(outer)
        release(there)
        vats.done(sink)


@everywhere
def test_an_error_through_a_membrane(vats):
    bed = vats.bed
    sink = Slow(bed)
    there = vats.client(sink)
    outer, revoke = revocable(there)
    outer.write(-1)
    outer.write(2)
    _let_all(vats, sink)
    assert bed.error(drained(outer)).reason == "no -1" == bed.error(there.read()).reason
    release(outer)
    release(there)
    vats.done(sink)


@everywhere
def test_streaming_to_a_subset(vats):
    bed = vats.bed
    sink = Slow(bed)
    there = vats.client(sink)
    some = subset(there, SINK, "write")
    for x in range(3):
        some.write(x)
    _let_all(vats, sink)
    assert bed.get(drained(some)) is None and sink.got == [0, 1, 2]
    some.blob(b"x")
    assert error_of(vats, drained(some))[0] == UNIMPLEMENTED
    assert bed.get(there.read()).y == 3
    release(some)
    release(there)
    vats.done(sink)


# References.


@everywhere
def test_what_is_one_reference(vats):
    """The window, and the error, are of a reference, not of the Client objects that hold it."""
    bed = vats.bed
    sink = Sink(bed)
    there = vats.client(sink)
    bed.get(settled(there))
    same = there.cast_as(THING).cast_as(SINK)
    there.write(-1)
    assert bed.error(drained(same)).reason == "no -1" == raised(same.write, 1).reason
    release(there)
    vats.done(sink)


@everywhere
def test_a_part_that_holds_what_was_released(vats):
    """It cannot be sent, so the stream has ended."""
    bed = vats.bed
    sink = Sink(bed)
    other, _ = bed.link(None, Sink(bed))
    part = other.conn.bootstrap(SINK)
    bed.settle()
    release(part)
    there = vats.client(sink)
    there.with_(1, part)
    assert "released" in bed.error(drained(there)).reason
    assert "released" in raised(there.write, 2).reason
    bed.settle()
    assert sink.got == []
    release(there)
    vats.done(sink)


@everywhere
def test_the_capabilities_of_parts(vats):
    """They belong to the call, and go when it is acknowledged."""
    for kind in (Sink, Slow, Later):
        bed = vats.bed
        sink = kind(bed)
        parts = [Sink(bed) for _ in range(3)]
        there = vats.client(sink)
        for x in range(3):
            there.with_(x, parts[x])
        for k in range(3):
            bed.settle()
            if sink.waiting:
                assert [part.released for part in parts] == [1] * k + [0] * (3 - k)
                sink.go()
        bed.settle()
        release(there)
        vats.done(sink, *parts)
