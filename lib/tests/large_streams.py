# SPDX-License-Identifier: MIT
"""Methods that are declared `-> stream`: the caller's window, the object's gate, errors."""

from streamkit import Later, Sink, Slow
from vatkit import everywhere

from capnrpc_micro.limits import Limits
from capnrpc_micro.objects.client import release

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


# Errors.


# The object.


class _Stubborn(Slow):
    uncancelled_ = ("write",)
