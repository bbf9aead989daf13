# SPDX-License-Identifier: MIT
"""Methods that are declared `-> stream`: the caller's window, the object's gate, errors."""

from streamkit import Later, Sink, Slow
from vatkit import connected, error_of, everywhere, raised

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.promise import FAILED, OVERLOADED
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


# The object.


class _Stubborn(Slow):
    uncancelled_ = ("write",)
