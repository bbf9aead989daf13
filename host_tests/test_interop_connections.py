# SPDX-License-Identifier: MIT
"""Thousands of short connections of pycapnp's to our server: all are served, and nothing stays."""

import asyncio

import capnp
from interop import PATIENCE, shared_board
from interop_pycapnp import Thing

board = shared_board(limits="connections:64")

# How much more memory may be in use later: bytes on MicroPython, whose collection of garbage takes
# anything for a reference that looks like one; blocks on CPython. Every connection that kept as much
# as one object would show.
NOISE = {"micropython": 16384, "cpython": 200}
ROUNDS = 10


async def use(board, x):
    """Calls in both directions over a connection of its own."""
    client = await board.connect()
    try:
        mine = Thing()
        called = client.thing.callMe(mine, 3)
        assert (await client.thing.getSelf().thing.later(x)).y == x
        assert (await called).sum == 3 and mine.heard == [0, 1, 2]
    finally:
        client.close()


async def call(board, x):
    client = await board.connect()
    try:
        assert (await client.thing.later(x)).y == x
    finally:
        client.close()


async def memory(board):
    """The board's (memory in use, descriptors), when all other connections have gone."""
    for x in range(8):  # what is left of finished tasks hangs together until others come
        await call(board, x)
    await asyncio.to_thread(board.until, "connections 0 ")
    client = await board.connect()
    try:
        await client.thing.seen()  # which it forgets with that
        results = await client.thing.memory()
        return results.used, results.descriptors
    finally:
        client.close()


def keeps_nothing(board, session, times):
    """Runs session() so often; what is in use stays the same."""

    async def run():
        found = []
        for _ in range(ROUNDS):
            for _ in range(times // ROUNDS):
                await session()
            found.append(await memory(board))
        assert len({descriptors for _, descriptors in found}) == 1, found
        early, late = [min(part) for part in (found[: ROUNDS // 2], found[ROUNDS // 2 :])]
        assert late[0] < early[0] + NOISE[board.interpreter], found

    asyncio.run(capnp.run(asyncio.wait_for(run(), PATIENCE)))
    board.is_empty()


def test_one_after_another(board):
    numbers = iter(range(2200))
    keeps_nothing(board, lambda: call(board, next(numbers)), 2200)


def test_fifty_at_a_time(board):
    async def session():
        await asyncio.gather(*[use(board, x) for x in range(50)])

    keeps_nothing(board, session, 20)


def test_that_go_away_in_the_middle(board):
    """While calls of both sides are under way, or before anything has been said."""

    class Never(Thing):
        async def echo(self, **kwargs):
            await asyncio.sleep(3600)

    async def leave(x):
        client = await board.connect()
        if x % 4:
            calls = [client.thing.hold(Thing()), client.thing.callMe(Never(), 1)]
            if x % 4 > 1:
                await client.thing.echo(0)
            if x % 4 > 2:
                calls.append(client.thing.defer().thing.echo(1))
        client.close()

    async def session():
        await asyncio.gather(*[leave(x) for x in range(20)])

    keeps_nothing(board, session, 20)
