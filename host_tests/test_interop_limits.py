# SPDX-License-Identifier: MIT
"""What is above a board's limits is refused politely, with pycapnp as the client: with a reason, to
the call if that can be, and with no harm to other calls, other connections and the next one.
"""

import asyncio
import re

import capnp
import pytest
from interop import fails, shared_board
from interop_pycapnp import Thing

board = shared_board()


@pytest.mark.parametrize("size", [17_000, 1_000_000, 30_000_000])
def test_messages_above_the_limit(board, size):
    """An Abort names the limit, though most of the message has not been sent yet."""

    async def scenario(client):
        other = await board.connect()
        waiting = other.thing.defer().thing.echo(5)
        assert (await client.thing.echo(1)).y == 1
        calls = [client.thing.wait(), client.thing.blob(bytes(size)), client.thing.echo(2)]
        for call in (*calls, client.thing.echo(3)):
            assert "more than 2048 words" in (await fails(call)).description
        mine = Thing()
        assert (await other.thing.settle(mine)).waiting
        assert (await waiting).y == 5
        other.close()
        after = await board.connect()
        assert (await after.thing.blob(bytes(16_000))).data == bytes(16_000)
        after.close()

    board.run(scenario)


def test_refused_again_and_again(board):
    """Each is told, and the next connection works."""

    async def session():
        for size in range(16_400, 116_400, 2500):
            client = await board.connect()
            assert (await client.thing.later(size)).y == size
            error = await fails(client.thing.blob(bytes(size)))
            assert "more than 2048 words" in error.description
            client.close()
            await asyncio.to_thread(board.until, "connections 0 ")

    asyncio.run(capnp.run(session()))
    board.is_empty()


def test_results_above_the_limit(board):
    """They are refused where they are built: the call fails, the connection lives."""

    async def scenario(client):
        assert (await client.thing.pump(client.thing, 0, 5000, 50)).wrong == 0
        error = await fails(client.thing.seen())
        assert error.type == "FAILED" and "exceeds the limit of 2048 words" in error.description
        assert (await client.thing.echo(1)).y == 1

    board.run(scenario)


def test_more_capabilities_than_are_held(board):
    """Those of a refused result go; when others have been released there is room again."""

    async def scenario(client):
        many = (await client.thing.many(200)).things
        for count in (100, 300):
            error = await fails(client.thing.many(count))
            assert error.type == "OVERLOADED"
            assert re.search("too many capabilities|limit reached", error.description)
        assert (await many[199].echo(1)).y == 1
        del many
        released = (await client.thing.released()).count
        many = (await client.thing.many(200)).things
        assert (await many[0].echo(2)).y == 2
        assert (await client.thing.released()).count == released

    board.run(scenario)


def test_more_calls_than_are_kept(board):
    """They are answered `overloaded`; the others return, and have kept their order."""

    async def scenario(client):
        mine = Thing()
        await client.thing.echo(0)
        promise = client.thing.defer().thing
        waiting = [promise.echo(x) for x in range(200)]
        refused = 0
        for call in reversed(waiting[63:]):  # the call of defer() is one of the 64
            error = await fails(call)
            assert error.type == "OVERLOADED"
            assert re.search("too many calls|limit reached", error.description)
            refused += 1
        assert refused == 137
        # There is no room for settle(): only another connection can let defer() return.
        assert (await fails(client.thing.settle(mine))).type == "OVERLOADED"
        other = await board.connect()
        assert (await other.thing.settle(mine)).waiting
        assert [(await call).y for call in waiting[:63]] == list(range(63))
        assert mine.heard == list(range(63))
        other.close()

    board.run(scenario)
