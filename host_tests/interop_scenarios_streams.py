# SPDX-License-Identifier: MIT
"""Our client writes to streams that pycapnp serves, on either interpreter."""

import asyncio

import interop_capnp
from interop_scenarios import fails

import capnrpc_micro as capnp

NEEDS = "drained"  # what the library must have


def piece(k, size):
    return bytes([(k + x) & 255 for x in range(size)])


async def writing(thing, peer):
    """done(), which is no stream, comes after all that was written."""
    for kind in (0, 1):
        call = thing.sink(kind)
        sink = call.sink
        total = sum_ = 0
        for k in range(300):
            data = piece(k, (k * 37) % 2000 + 1)
            await sink.write(data)
            total += len(data)
            sum_ = (31 * sum_ + len(data) + data[0] + data[-1]) % 65521
        if kind:
            await capnp.drained(sink)
        results = await sink.done()
        assert (results.bytes, results.sum, results.together) == (total, sum_, 1)
        await call
        capnp.release(call)


async def no_more_than_a_window(thing, peer):
    """Who writes waits while the other side does not take it; other calls go on."""
    call = thing.sink(3)
    sink = call.sink
    written = [0]

    async def write():
        for k in range(200):
            await sink.write(piece(k, 1000))
            written[0] += 1

    task = asyncio.create_task(write())
    for _ in range(100):
        await thing.echo(0)
    held = written[0]
    assert 1000 <= 1000 * held <= capnp.Limits().window_bytes + 1000
    for _ in range(20):
        await thing.echo(0)
    assert written[0] == held
    assert (await thing.settle(thing)).waiting
    await task
    await capnp.drained(sink)
    assert (await sink.done()).bytes == 200000
    await call
    capnp.release(call)


async def a_stream_that_fails(thing, peer):
    """A later write() tells, and so does drained(); the connection lives."""
    call = thing.sink(2)
    sink = call.sink
    await sink.write(b"first")
    await capnp.drained(sink)
    await sink.write(b"")

    async def go_on():
        while True:
            await sink.write(b"more")

    assert "nothing to write" in (await fails(go_on())).reason
    assert "nothing to write" in (await fails(capnp.drained(sink))).reason
    assert "nothing to write" in (await fails(sink.done())).reason
    assert (await thing.echo(1)).y == 1
    await call
    capnp.release(call)


async def a_writer_that_gives_up(thing, peer):
    """Its task is cancelled while it waits for room; what it had written arrives."""
    call = thing.sink(3)
    sink = call.sink
    written = [0]

    async def write():
        while True:
            await sink.write(bytes(1000))
            written[0] += 1

    task = asyncio.create_task(write())
    for _ in range(100):
        await thing.echo(0)
    task.cancel()
    try:
        await task
        raise AssertionError("it was not cancelled")
    except asyncio.CancelledError:
        pass
    assert (await thing.settle(thing)).waiting
    await capnp.drained(sink)
    assert (await sink.done()).bytes >= 1000 * written[0]
    await call
    capnp.release(call)


async def closing_in_the_middle(thing, peer):
    """Whoever waits for room, or for the end, is told."""
    other = await capnp.connect(*peer, limits=capnp.Limits())
    call = other.bootstrap(interop_capnp.Thing).sink(3)
    sink = call.sink

    async def write():
        while True:
            await sink.write(bytes(1000))

    task = asyncio.create_task(write())
    for _ in range(100):
        await thing.echo(0)
    await other.close()
    assert (await fails(task)).type == capnp.DISCONNECTED
    assert (await fails(capnp.drained(sink))).type == capnp.DISCONNECTED
    await thing.settle(thing)  # of the sink that is gone


SCENARIOS = (
    writing,
    no_more_than_a_window,
    a_stream_that_fails,
    a_writer_that_gives_up,
    closing_in_the_middle,
)
