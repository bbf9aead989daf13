# SPDX-License-Identifier: MIT
"""Many calls at the same time in both directions, and their cancellation, with pycapnp as the client of
our server.
"""

import asyncio
import random

import pytest
from interop import EMPTY, schema, shared_board
from interop_pycapnp import Thing, pump

board = shared_board()


def test_callbacks_both_ways(board):
    """Each side calls four objects of the other at the same time; each of them hears the calls in
    their order."""
    count = 500

    async def scenario(client):
        mine = [Thing() for _ in range(4)]
        hers = (await client.thing.many(4)).things
        theirs = [client.thing.pump(mine[k], k, count, 7) for k in range(4)]
        ours = [pump(hers[k], k, count, 7) for k in range(4)]
        assert await asyncio.gather(*ours) == [0] * 4
        assert [(await call).wrong for call in theirs] == [0] * 4
        for k in range(4):
            assert mine[k].heard == list(range(k, k + count))
            assert list((await hers[k].seen()).xs) == list(range(k, k + count))

    board.run(scenario)


def test_callbacks_within_callbacks(board):
    """Each call is answered when the one that it makes is: 40 deep, 20 on each side."""

    class Deep(schema.Thing.Server):
        """Calls back as long as x says."""

        def __init__(self, thing):
            self.thing = thing

        async def echo(self, x, **kwargs):
            if x == 0:
                return 1
            return (await self.thing.callMe(self.deeper(x - 1), 1)).sum + 1

        def deeper(self, x):
            deep = self

            class Deeper(schema.Thing.Server):
                async def echo(self, **kwargs):
                    return await deep.echo(x)

            return Deeper()

    async def scenario(client):
        assert await Deep(client.thing).echo(20) == 21
        many = [asyncio.ensure_future(Deep(client.thing).echo(k)) for k in range(7)]
        assert await asyncio.gather(*many) == list(range(1, 8))

    board.run(scenario)


def test_cancelling_some_of_many_calls(board):
    """Those that were not cancelled return what they should; of the others nothing is left, neither
    here nor on the board."""
    random.seed(21)

    async def scenario(client):
        thing = client.thing
        others = Thing.alive
        before = (await thing.cancelled()).count
        passed = [schema.Thing._new_client(Thing()) for _ in range(3)]
        started = 0

        async def endless(k):
            nonlocal started
            started += 1
            if k % 2:
                await thing.hold(passed[k % 3])
            else:
                await thing.callMe(thing.defer().thing, 1)  # waits for what never comes

        async def useful(x):
            if x % 3 == 0:
                assert (await thing.later(x)).y == x
            elif x % 3 == 1:
                assert (await thing.pump(passed[x % 2], x, 5, 3)).wrong == 0
            else:
                assert (await thing.sameLater(passed[x % 2]).thing.echo(x)).y == x

        tasks = []
        outcomes = []
        for k in range(400):
            make = random.choice((endless, useful))
            tasks.append((asyncio.ensure_future(make(k)), make is useful))
            if random.random() < 0.4:
                await asyncio.sleep(0)
            if len(tasks) > 12:
                task, returns = tasks.pop(random.randrange(len(tasks)))
                if not returns or random.random() < 0.3:
                    task.cancel()
                outcomes += await asyncio.gather(task, return_exceptions=True)
        for task, _ in tasks:
            task.cancel()
        await asyncio.gather(*[task for task, _ in tasks], return_exceptions=True)
        cancelled = [x for x in outcomes if isinstance(x, asyncio.CancelledError)]
        assert outcomes.count(None) + len(cancelled) == len(outcomes), outcomes
        assert min(outcomes.count(None), len(cancelled), started) > 100
        assert (await thing.cancelled()).count > before + 50
        passed.clear()
        while Thing.alive > others:
            await thing.echo(0)
        await asyncio.to_thread(
            board.until, "connections 1 " + EMPTY.replace("exports 0", "exports 1")
        )

    board.run(scenario)


def test_a_cancelled_call_lets_go_of_its_parameters(board):
    """While the connection lives: the client's object is gone when the handler has ended."""

    async def scenario(client):
        others = Thing.alive
        for pause in (True, False):
            task = asyncio.ensure_future(_await(client.thing.hold(Thing())))
            await asyncio.sleep(0)
            if pause:
                await client.thing.echo(0)
                assert Thing.alive == others + 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while Thing.alive > others:
                await client.thing.echo(0)

    board.run(scenario)


def test_cancellation_goes_on_to_a_callback(board):
    """And to what that calls in turn: a chain of calls that cross the connection four times."""

    async def scenario(client):
        begun, ended = asyncio.Event(), asyncio.Event()

        class Middle(schema.Thing.Server):
            async def echo(self, **kwargs):
                await client.thing.callMe(Last(), 1)

        class Last(schema.Thing.Server):
            async def echo(self, **kwargs):
                begun.set()
                try:
                    await asyncio.sleep(3600)
                finally:
                    ended.set()

        task = asyncio.ensure_future(_await(client.thing.callMe(Middle(), 1)))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await ended.wait()

    board.run(scenario)


async def _await(call):
    return await call
