# SPDX-License-Identifier: MIT
"""pycapnp as the client of our server, over TCP and Unix sockets, on MicroPython and CPython.

After each scenario nothing may be left in the board's tables.
"""

import asyncio

import capnp
import pytest
from interop import INTERPRETERS, Bench, fails, schema, shared_board, start_board
from interop_pycapnp import Thing

board = shared_board()


def test_calls(board):
    async def scenario(client):
        thing = client.thing
        for x in (0, 1, -1, 2**31 - 1, -(2**31)):
            assert (await thing.echo(x)).y == x
            assert (await thing.later(x)).y == x
        assert (await thing.blob(b"")).data == b""
        assert (await thing.blob(bytes(range(256)))).data == bytes(range(256))

    board.run(scenario)


def test_64_in_flight_keep_their_order(board):
    async def scenario(client):
        thing = client.thing
        await thing.seen()
        calls = [thing.later(x) if x % 3 == 1 else thing.echo(x) for x in range(64)]
        assert [(await call).y for call in calls] == list(range(64))
        assert list((await thing.seen()).xs) == list(range(64))

    board.run(scenario)


def test_pipelining(board):
    async def scenario(client):
        thing = client.thing
        assert (await thing.getSelf().thing.getSelf().thing.getSelf().thing.echo(7)).y == 7
        assert (await thing.sameLater(thing).thing.getSelf().thing.later(8)).y == 8

    board.run(scenario)


def test_callbacks(board):
    async def scenario(client):
        mine = Thing()
        assert (await client.thing.callMe(mine, 10)).sum == 45
        assert mine.heard == list(range(10))
        # A promise as the callback.
        assert (await client.thing.callMe(client.thing.sameLater(mine).thing, 3)).sum == 3
        await client.thing.keep(mine)
        assert (await client.thing.callKept(77)).y == 77 and mine.heard[-1] == 77
        await client.thing.keep(client.thing)
        assert (await client.thing.callKept(78)).y == 78
        await client.thing.keep()

    board.run(scenario)


def test_exceptions(board):
    async def scenario(client):
        thing = client.thing
        kinds = ("FAILED", "OVERLOADED", "DISCONNECTED", "UNIMPLEMENTED")
        for kind, name in enumerate(kinds):
            error = await fails(thing.fail(kind, "told to"))
            assert error.type == name and error.description.endswith("told to")
        error = await fails(thing.callKept(1))
        assert error.type == "FAILED" and "AttributeError" in error.description
        assert "Traceback" not in error.description
        error = await fails(thing.bare())
        assert error.type == "UNIMPLEMENTED" and "method 14" in error.description
        error = await fails(thing.cast_as(schema.Other).nothing())
        assert error.type == "UNIMPLEMENTED" and "interface" in error.description
        assert (await thing.echo(1)).y == 1, "the connection lives"
        error = await fails(thing.fail(0, "früh"))
        assert error.description.endswith("früh")

    board.run(scenario)


def test_a_failing_callback(board):
    class Failing(schema.Thing.Server):
        async def echo(self, x, _context, **kwargs):
            raise ValueError("not today")

    async def scenario(client):
        error = await fails(client.thing.callMe(Failing(), 1))
        assert error.type == "FAILED" and "not today" in error.description

    board.run(scenario)


def test_cancellation(board):
    """Of an asyncio task, by a timeout, and of a promise that was dropped."""

    async def scenario(client):
        thing = client.thing
        before = (await thing.cancelled()).count

        async def wait():
            await thing.wait()

        tasks = [asyncio.ensure_future(wait()) for _ in range(3)]
        await asyncio.sleep(0)
        await thing.echo(1)
        for task in tasks:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(wait(), 0.01)
        # The last one may have been cancelled before its handler had begun.
        while (await thing.cancelled()).count < before + 3:
            pass

    board.run(scenario)


def test_our_calls_are_cancelled_with_theirs(board):
    """A handler that waits for a callback: its cancellation reaches the callback."""
    cancelled = []

    class Slow(schema.Thing.Server):
        def __init__(self):
            self.started = asyncio.Event()

        async def echo(self, x, _context, **kwargs):
            self.started.set()
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancelled.append(x)
                raise

    async def scenario(client):
        slow = Slow()

        async def call():
            await client.thing.callMe(slow, 1)

        task = asyncio.ensure_future(call())
        await slow.started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while not cancelled:
            await client.thing.echo(1)

    board.run(scenario)


def test_embargo_order(board):
    """Calls to what turns out to be the client's own object: those that came here and go back come
    before those that it makes directly."""

    async def scenario(client):
        mine = Thing()
        promise = client.thing.sameLater(mine)
        # The C++ implementation guards this one, not what is read from the results.
        thing = promise.thing
        early = [thing.echo(x) for x in range(20)]
        await promise
        late = [thing.echo(x) for x in range(20, 30)]
        assert [(await call).y for call in early + late] == list(range(30))
        assert mine.heard == list(range(30))

    board.run(scenario)


def test_lists_of_capabilities(board):
    async def scenario(client):
        things = (await client.thing.many(20)).things
        calls = [thing.echo(x) for x, thing in enumerate(things)]
        assert [(await call).y for call in calls] == list(range(20))

    board.run(scenario)


def test_capabilities_are_released(board):
    """While the connection lives: what the client has dropped is gone from the tables."""

    async def scenario(client):
        thing = client.thing
        for _ in range(10):
            things = (await thing.many(10)).things
            assert (await things[3].echo(1)).y == 1
            del things
        mine = Thing()
        assert (await thing.callMe(mine, 2)).sum == 1
        await asyncio.to_thread(board.until, "connections 1 questions 0 answers 0 exports 1 im")

    board.run(scenario)


def test_messages_up_to_the_limit(board):
    """Several segments from pycapnp, which builds big messages in pieces."""

    async def scenario(client):
        for size in (1000, 8000, 9000, 12000, 16000):
            data = bytes(range(250)) * (size // 250)
            assert (await client.thing.blob(data)).data == data

    board.run(scenario)


def test_connections_that_end_in_the_middle(board):
    """The client goes away while calls of both sides are under way."""

    class Never(schema.Thing.Server):
        async def echo(self, x, _context, **kwargs):
            await asyncio.sleep(3600)

    async def scenario(client):
        async def ignored(call):
            with pytest.raises(capnp.KjException):
                await call()

        tasks = [
            asyncio.ensure_future(ignored(call))
            for call in (client.thing.wait, lambda: client.thing.callMe(Never(), 1))
        ]
        await asyncio.sleep(0)
        await client.thing.echo(1)
        client.close()
        await asyncio.gather(*tasks)

    board.run(scenario)


def test_too_many_connections(board):
    """The fifth is told so; when one has gone, another is served."""

    async def session():
        clients = [await board.connect() for _ in range(4)]
        for client in clients:
            assert (await client.thing.echo(1)).y == 1
        for _ in range(3):
            extra = await board.connect()
            error = await fails(extra.thing.echo(1))
            assert "too many connections: the limit is 4" in error.description
            extra.close()
        clients.pop().close()
        await asyncio.to_thread(board.until, "connections 3")
        clients.append(await board.connect())
        for client in clients:
            assert (await client.thing.echo(2)).y == 2
            client.close()

    asyncio.run(capnp.run(session()))
    board.is_empty()


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_the_board_shuts_down(interpreter):
    """A client that is connected then is told."""

    async def session(board):
        client = await board.connect()

        async def wait():
            return await fails(client.thing.wait())

        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        await client.thing.echo(2)
        assert await asyncio.to_thread(board.board.stop) == 0
        error = await task
        assert error.type == "DISCONNECTED" and "shut down" in error.description
        client.close()

    board = Bench(interpreter, *start_board(interpreter))
    try:
        asyncio.run(capnp.run(session(board)))
    finally:
        board.board.kill()
