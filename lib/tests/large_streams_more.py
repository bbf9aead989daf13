# SPDX-License-Identifier: MIT
"""Methods that are declared `-> stream`: the caller's window, the object's gate, errors."""

from streamkit import Later, Sink, Slow
from vatkit import everywhere

from capnrpc_micro.limits import Limits
from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.promise import OVERLOADED, Error
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


# The object.


class _Stubborn(Slow):
    uncancelled_ = ("write",)
