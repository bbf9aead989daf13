# SPDX-License-Identifier: MIT
"""Methods that are declared `-> stream`: the caller's window, the object's gate, errors."""

from streamkit import SINK, Later, Sink, Slow
from vatkit import connected, error_of, everywhere, raised

from capnrpc_micro.limits import Limits
from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import broken, client
from capnrpc_micro.objects.promise import DISCONNECTED, FAILED, OVERLOADED, UNIMPLEMENTED, Error
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


@everywhere
def test_writes_arrive_in_order(vats):
    for kind in _KINDS:
        bed = vats.bed
        sink = kind(bed)
        there = vats.client(sink)
        made = []
        writer = bed.spawn(_writer(there, range(20), made))
        waiting = bed.spawn(drained(there))
        _let_all(vats, sink)
        assert writer.done and writer.error is None and waiting.done and waiting.error is None
        assert sink.got == list(range(20)) == made
        assert bed.get(there.read()).y == 20
        assert there._hook.stream.flying == 0 and there._hook.stream._waiting == []
        release(there)
        vats.done(sink)


@everywhere
def test_drained_waits_for_all(vats):
    bed = vats.bed
    sink = Slow(bed)
    there = vats.client(sink)
    calls = [there.write(k) for k in range(3)]
    waiting = [bed.spawn(drained(there)) for _ in range(2)]
    for k in range(3):
        bed.settle()
        assert not waiting[0].done and not waiting[1].done and sink.got == list(range(k))
        sink.go()
    bed.settle()
    assert waiting[0].done and waiting[1].done
    for call in calls:
        assert bed.get(call) is None
    release(there)
    vats.done(sink)


@everywhere
def test_drained_when_nothing_was_sent(vats):
    bed = vats.bed
    sink = Slow(bed)
    there = vats.client(sink)
    assert bed.get(drained(there)) is None
    there.write(1)
    _let_all(vats, sink)
    for _ in range(2):
        assert bed.get(drained(there)) is None
    release(there)
    vats.done(sink)
    dead = broken("gone", SINK)
    assert bed.get(drained(dead)) is None


@everywhere
def test_the_window_fills_and_opens(vats):
    bed = vats.bed
    limits = vats.near.conn.limits if vats.near else Limits
    sink = Slow(bed)
    there = vats.client(sink)
    data = bytes(1000)
    there.blob(data)
    size = there._hook.stream.flying
    assert 1000 < size < 1200
    before = Limits.window_bytes
    limits.window_bytes = 3 * size
    made = []

    async def write():
        for k in range(7):
            made.append(k)
            await there.blob(data)

    try:
        writer = bed.spawn(write())
        bed.settle()
        assert made == [0, 1, 2], "three fit into the window, one more is on its way and waits"
        assert there._hook.stream.flying == 4 * size
        for k in range(4):
            sink.go()
            bed.settle()
            assert len(made) == 4 + k and not writer.done
        _let_all(vats, sink)
        assert writer.done and sink.got == [1000] * 8
        assert there._hook.stream.flying == 0
    finally:
        limits.window_bytes = before
    release(there)
    vats.done(sink)


@everywhere
def test_the_window_of_short_calls(vats):
    """They do not use up the questions: three can write, as fast as it goes."""
    bed = vats.bed
    sinks = [Slow(bed) for _ in range(3)]
    there = [vats.client(sink) for sink in sinks]
    made = [[] for _ in sinks]
    writers = [bed.spawn(_writer(there[k], range(200), made[k])) for k in range(3)]
    bed.settle()
    for numbers in made:
        assert 16 <= len(numbers) <= 20
    for sink in sinks:
        _let_all(vats, sink)
        assert sink.got == list(range(200))
    for k in range(3):
        assert writers[k].done and writers[k].error is None
        assert bed.get(there[k].read()).y == 200
        release(there[k])
    vats.done(*sinks)


@everywhere
def test_one_call_may_be_longer_than_the_window(vats):
    bed = vats.bed
    sink = Slow(bed)
    there = vats.client(sink)
    data = bytes(Limits.window_bytes + 100)
    first = bed.spawn(there.blob(data))
    bed.settle()
    assert not first.done
    sink.go()
    bed.settle()
    assert first.done and sink.got == [len(data)]
    release(there)
    vats.done(sink)


@everywhere
def test_nobody_need_wait(vats):
    """Without await there is no window; the calls arrive all the same."""
    bed = vats.bed
    sink = Slow(bed)
    there = vats.client(sink)
    seen = []
    for k in range(10):
        there.write(k).then_(seen.append)
    _let_all(vats, sink)
    assert sink.got == list(range(10)) and len(seen) == 10
    release(there)
    vats.done(sink)


@everywhere
def test_who_waits_for_room_is_cancelled(vats):
    """That is not the end of the call, nor of the stream."""
    bed = vats.bed
    sink = Slow(bed)
    there = vats.client(sink)
    waiting = bed.spawn(there.blob(bytes(Limits.window_bytes + 1)))
    bed.settle()
    bed.host.cancel(waiting)
    bed.settle()
    assert waiting.cancelled and sink.got == []
    again = bed.spawn(there.write(1))
    _let_all(vats, sink)
    assert again.done and again.error is None and sink.got == [Limits.window_bytes + 1, 1]
    assert there._hook.stream._waiting == []
    release(there)
    vats.done(sink)


@everywhere
def test_the_reference_is_released_meanwhile(vats):
    bed = vats.bed
    sink = Slow(bed)
    there = vats.client(sink)
    calls = [there.write(k) for k in range(3)]
    bed.settle()
    release(there)
    _let_all(vats, sink)
    assert sink.got == [0, 1, 2]
    for call in calls:
        assert bed.get(call) is None
    vats.done(sink)


# Errors.


@everywhere
def test_an_error_comes_up_with_the_next_call(vats):
    for kind in _KINDS:
        bed = vats.bed
        sink = kind(bed)
        there, same = vats.client(sink), vats.client(sink)
        calls = [there.write(x) for x in (1, 2, -3, 4, 5)]
        _let_all(vats, sink)
        assert sink.got == [1, 2, -3], "what comes after what was lost has no meaning"
        assert bed.error(calls[4]).reason == "no -3"
        assert raised(there.write, 6).reason == "no -3"
        for _ in range(2):
            assert error_of(vats, drained(there)) == (FAILED, "no -3")
        assert error_of(vats, there.read()) == (FAILED, "no -3")
        assert error_of(vats, same.read()) == (FAILED, "no -3"), "for all who have it"
        if vats.hops == 0:
            assert raised(same.write, 7).reason == "no -3", "here both are one reference"
        else:
            call = same.write(7)
            bed.settle()
            assert call._call.error.reason == "no -3" and sink.got == [1, 2, -3]
        release(there)
        release(same)
        vats.done(sink)


@everywhere
def test_an_error_is_told_to_who_waits_for_room(vats):
    bed = vats.bed
    sink = Slow(bed)
    there = vats.client(sink)
    writer = bed.spawn(there.blob(bytes(Limits.window_bytes + 1)))
    waiting = bed.spawn(drained(there))
    bed.settle()
    sink.go(Error("full", OVERLOADED))
    bed.settle()
    for task in (writer, waiting):
        assert task.error.type == OVERLOADED and task.error.reason == "full"
        bed.host.failed.remove(task)
    release(there)
    vats.done(sink)


@everywhere
def test_other_objects_go_on(vats):
    bed = vats.bed
    sink, other = Slow(bed), Slow(bed)
    there, elsewhere = vats.client(sink), vats.client(other)
    there.write(-1)
    elsewhere.write(2)
    bed.settle()
    assert len(sink.waiting) == len(other.waiting) == 1, "they do not wait for each other"
    sink.go()
    other.go()
    assert bed.get(drained(elsewhere)) is None and bed.error(drained(there)).reason == "no -1"
    assert bed.get(elsewhere.read()).y == 1
    opened = elsewhere.open()
    opened.sink.write(3)
    bed.settle()
    release(there)
    release(elsewhere)
    _let_all(vats, other.opened[0])
    assert other.opened[0].got == [3]
    release(opened)
    vats.done(sink, other)


@everywhere
def test_an_object_is_as_new_when_nobody_had_it(vats):
    for kind in _KINDS:
        sink = kind(vats.bed)
        there = vats.client(sink)
        there.write(-1)
        _let_all(vats, sink)
        vats.bed.error(there.read())
        release(there)
        vats.done(sink)
        sink.released = 0
        there = vats.client(sink)
        there.write(1)
        _let_all(vats, sink)
        assert vats.bed.get(there.read()).y == 2
        release(there)
        vats.done(sink)


@everywhere
def test_the_error_of_a_call_that_could_not_be_made(vats):
    """A part that cannot be sent is lost, too; a wrong argument is no part."""
    bed = vats.bed
    sink = Sink(bed)
    there = vats.client(sink)
    raised(there.write, "x", kind=TypeError)
    raised(there.write, 1, 2, kind=TypeError)
    there.write(1)
    assert bed.get(drained(there)) is None and sink.got == [1]
    release(there)
    vats.done(sink)


@connected
def test_too_many_calls_under_way(vats):
    bed = vats.bed
    sink = Slow(bed)
    there = vats.client(sink)
    bed.settle()
    vats.near.conn.limits.questions = 4
    calls = [there.write(k) for k in range(5)]
    assert "questions" in calls[4]._call.error.reason
    assert raised(there.write, 5).type == OVERLOADED
    _let_all(vats, sink)
    assert sink.got == [0, 1, 2, 3] and bed.error(drained(there)).type == OVERLOADED
    release(there)
    vats.done(sink)


@everywhere
def test_a_method_that_streams_returns_nothing(vats):
    class Talkative(Sink):
        def write(self, x):
            return x

        async def blob(self, data):
            return 1

    for name, value in (("write", 1), ("blob", b"x")):
        sink = Talkative(vats.bed)
        there = vats.client(sink)
        getattr(there, name)(value)
        assert "no results" in vats.bed.error(drained(there)).reason
        assert "no results" in vats.bed.error(there.read()).reason
        release(there)
        vats.done(sink)


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
