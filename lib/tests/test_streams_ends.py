# SPDX-License-Identifier: MIT
"""Methods that are declared `-> stream`: the caller's window, the object's gate, errors."""

from streamkit import SINK, Later, Sink, Slow
from vatkit import connected, error_of, everywhere, raised

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import client
from capnrpc_micro.objects.promise import DISCONNECTED, UNIMPLEMENTED
from capnrpc_micro.objects.streams import drained

_KINDS = (Sink, Slow, Later)


def _let_all(vats, sink):
    """Lets all writes go on."""
    vats.bed.settle()
    while sink.waiting:
        sink.go()
        vats.bed.settle()


async def _writer(there, numbers, made):
    """Writes numbers one after another, as a program does; `made` lists what was sent so far."""
    for x in numbers:
        made.append(x)
        await there.write(x)


# The caller.


# Errors.


@everywhere
def test_a_method_that_streams_and_is_missing(vats):
    class Less(Sink):
        write = None

    thing = Less(vats.bed)
    there = vats.client(thing)
    there.write(1)
    assert error_of(vats, drained(there))[0] == UNIMPLEMENTED
    assert vats.bed.get(there.read()).y == 0, "the object is as it was"
    release(there)
    vats.done(thing)


# The object.


@everywhere
def test_one_at_a_time(vats):
    """While a coroutine serves a streaming call everything behind it waits, from whomever."""
    for kind in (Slow, Later):
        bed = vats.bed
        sink = kind(bed)
        there, other = vats.client(sink), vats.client(sink)
        there.write(0)
        read = other.read()
        there.write(1)
        bed.settle()
        other.write(2)
        last = there.read()
        bed.settle()
        assert sink.got == [] and len(sink.waiting) == 1
        sink.go()
        bed.settle()
        assert sink.got == [0, "r"] and len(sink.waiting) == 1 and bed.get(read).y == 1
        sink.go()
        bed.settle()
        assert sink.got == [0, "r", 1] and len(sink.waiting) == 1
        sink.go()
        assert bed.get(last).y == 4 and sink.got == [0, "r", 1, 2, "r"]
        assert sink.cap_.gate is None and not sink.cap_.starting
        release(there)
        release(other)
        vats.done(sink)


@everywhere
def test_a_call_that_waits_behind_a_stream_is_cancelled(vats):
    bed = vats.bed
    sink, part = Slow(bed), Sink(bed)
    there = vats.client(sink)
    there.write(0)
    read, write = there.read(), there.with_(1, part)
    bed.settle()
    read.cancel_()
    bed.settle()
    assert len(sink.waiting) == 1 and part.released == 0
    sink.go()
    bed.settle()
    assert sink.got == [0] and len(sink.waiting) == 1
    sink.go()
    bed.settle()
    assert sink.got == [0, 1] and part.released == 1
    assert bed.get(write) is None and "cancelled" in bed.error(read).reason
    release(there)
    vats.done(sink)


@everywhere
def test_a_streaming_call_is_cancelled(vats):
    """Who cancels a part has given up the stream; the object serves others."""
    for kind in (Slow, Later):
        for waits in (False, True):
            bed = vats.bed
            sink, part = kind(bed), Sink(bed)
            there, other = vats.client(sink), vats.client(sink)
            if waits:
                other.write(0)
                bed.settle()
            call = there.with_(1, part)
            bed.settle()
            call.cancel_()
            bed.settle()
            assert part.released == 1
            if waits:
                sink.go()
                bed.settle()
                assert sink.got == [0]
            else:
                assert sink.got == ["cancelled"]
                sink.waiting.pop()
            sink.got = []
            assert "cancelled" in raised(there.write, 2).reason
            assert "cancelled" in bed.error(drained(there)).reason
            if vats.hops:
                other.write(3)
                _let_all(vats, sink)
                assert bed.get(drained(other)) is None and bed.get(other.read()).y == 1
            release(there)
            release(other)
            vats.done(sink)


@connected
def test_the_connection_of_a_writer_is_lost(vats):
    """The writer learns it; the object goes on serving others."""
    for kind in (Slow, Later):
        bed = vats.bed
        sink = kind(bed)
        own = client(sink)
        first, _ = bed.link(None, sink)
        there = first.conn.bootstrap(SINK)
        made = []
        writer = bed.spawn(_writer(there, range(100), made))
        waiting = bed.spawn(drained(there))
        bed.settle()
        assert len(sink.waiting) == 1
        for end in (first, first.peer):
            end.inbox.clear()
            end.conn.lost("cut")
        bed.settle()
        for task in (writer, waiting):
            assert task.error.type == DISCONNECTED, task.error
            bed.host.failed.remove(task)
        assert raised(there.write, 1).type == DISCONNECTED
        assert sink.got == ["cancelled"]
        sink.waiting.clear()
        sink.got = []
        own.write(5)
        _let_all(vats, sink)
        assert bed.get(own.read()).y == 1 and bed.get(drained(own)) is None
        release(own)
        release(there)
        vats.done(sink)


@connected
def test_a_program_cancels_the_method_that_serves_a_part(vats):
    """The writer hears that it is lost; the object goes on."""
    bed = vats.bed
    sink = Slow(bed)
    there, other = vats.client(sink), vats.client(sink)
    there.write(0)
    other.write(1)
    bed.settle()
    for end in bed.ends:
        for answer in list(end.conn.answers.values()):
            if answer.task is not None:
                bed.host.cancel(answer.task)
    bed.settle()
    assert sink.got == ["cancelled"]
    sink.waiting.pop(0)
    sink.go()
    assert bed.get(drained(other)) is None and bed.get(other.read()).y == 2
    assert "cancelled" in bed.error(drained(there)).reason
    release(there)
    release(other)
    vats.done(sink)


class _Stubborn(Slow):
    uncancelled_ = ("write",)


@everywhere
def test_a_write_that_is_not_cancelled(vats):
    """It is served to its end, and what is behind it waits until then."""
    bed = vats.bed
    sink = _Stubborn(bed)
    there, other = vats.client(sink), vats.client(sink)
    call = there.write(1)
    bed.settle()
    call.cancel_()
    read = other.read()
    bed.settle()
    assert sink.got == [] and not read._call.settled
    sink.go()
    assert bed.get(read).y == 1 and sink.got == [1, "r"]
    release(there)
    release(other)
    vats.done(sink)
