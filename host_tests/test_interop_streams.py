# SPDX-License-Identifier: MIT
"""Methods that are declared `-> stream`, with pycapnp as the client of our server."""

import asyncio
import random

import pytest
from interop import fails, schema, shared_board
from interop_pycapnp import sum_after

board = shared_board()


async def write(sink, sizes, window=65536, seed=22):
    """Writes pieces of these sizes, `window` bytes ahead of the answers, which is what C++ does; pycapnp
    has no window of its own. Returns what done() should tell of them."""
    source = random.Random(seed)
    total = sum_ = ahead = 0
    writing = []
    for size in sizes:
        while ahead and ahead + size > window:
            call, answered = writing.pop(0)
            await call
            ahead -= answered
        data = source.randbytes(size)
        writing.append((sink.write(data), size))
        ahead += size
        total += size
        sum_ = sum_after(sum_, data)
    # Those that are on their way are left to themselves: done() comes after them.
    return (total, sum_), writing


async def told(sink):
    results = await sink.done()
    return results.bytes, results.sum, results.together


# What a board keeps of calls that wait is less than what C++ writes ahead.
KINDS = [
    pytest.param(0, 65536, id="plain"),
    pytest.param(1, 16384, id="coroutine"),
]


@pytest.mark.parametrize("kind, window", KINDS)
def test_writing(board, kind, window):
    """One call of write() runs at a time; done(), which is no stream, comes after all of them."""

    async def scenario(client):
        random.seed(23)
        for sizes in ([1000] * 500, [random.randrange(1, 3000) for _ in range(200)] + [16000]):
            sink = client.thing.sink(kind).sink
            expected, calls = await write(sink, sizes, window)
            assert await told(sink) == (*expected, 1)
            for call, _ in calls:
                await call

    board.run(scenario)


def test_several_streams_at_the_same_time(board):
    async def scenario(client):
        sinks = [client.thing.sink(k % 2).sink for k in range(4)]
        writing = [write(sink, [500 + k] * 100, 4000, k) for k, sink in enumerate(sinks)]
        written = await asyncio.gather(*writing)
        assert [await told(sink) for sink in sinks] == [(*expected, 1) for expected, _ in written]

    board.run(scenario)


def test_a_stream_that_fails(board):
    """Everything that is called after it fails, too: who asks in the end knows that something is
    missing. The connection lives."""

    async def scenario(client):
        sink = client.thing.sink(2).sink
        _, earlier = await write(sink, [100] * 5)
        failed = sink.write(b"")
        for call in (failed, sink.write(b"more"), sink.done()):
            assert "nothing to write" in (await fails(call)).description
        for call, _ in earlier:
            await call
        assert (await client.thing.echo(1)).y == 1

    board.run(scenario)


def test_a_writer_that_goes_away(board):
    """Its calls are cancelled in the middle, which is no failure: another one goes on."""

    async def scenario(client):
        for closing in (False, True):
            other = await board.connect()
            promise = other.thing.defer().thing
            sink = client.thing.sink(1).sink
            await other.thing.echo(0)
            assert (await client.thing.settle(sink.cast_as(schema.Thing))).waiting
            shared = promise.cast_as(schema.Sink)
            await shared.write(b"first")
            calls = [shared.write(b"second") for _ in range(20)]
            await other.thing.echo(0)
            if closing:
                other.close()
            calls.clear()
            expected, _ = await write(sink, [100] * 20)
            assert (await told(sink))[0] >= expected[0] + 5
            other.close()

    board.run(scenario)


def test_a_client_that_goes_away_in_the_middle(board):
    async def scenario(client):
        sink = client.thing.sink(1).sink
        for _ in range(20):
            sink.write(bytes(500))
        client.close()

    board.run(scenario)
