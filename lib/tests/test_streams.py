# SPDX-License-Identifier: MIT
"""Methods that are declared `-> stream`: the caller's window, the object's gate, errors."""

from streamkit import SINK, Later, Sink, Slow
from vatkit import everywhere

from capnrpc_micro.limits import Limits
from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import broken
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


# Errors.


# The object.


class _Stubborn(Slow):
    uncancelled_ = ("write",)
