# SPDX-License-Identifier: MIT
"""Promises that settle later, with pycapnp as the client of our server.

Calls that were made on a promise come before those that were made when it had become something, also
where that is an object of the caller's (embargoes), and though other calls are under way. Every call
has a number; an object that has heard the numbers of one reference has heard them in order.
"""

import asyncio
import random
import re

import capnp
import pytest
from interop import INTERPRETERS, PATIENCE, bench, fails, new_address, shared_board
from interop_pycapnp import Thing, drip, pump

board = shared_board()


async def returned(calls):
    """What calls of echo() return."""
    return [(await call).y for call in calls]


def test_calls_wait_for_a_call_to_return(board):
    """defer() returns, late, the client's own object, or one of the board's."""

    async def scenario(client):
        for mine in (Thing(), None):
            promise = client.thing.defer().thing
            early = [promise.echo(x) for x in range(25)]
            await client.thing.echo(0)
            assert mine is None or mine.heard == []
            other = (await client.thing.many(1)).things[0]
            assert (await client.thing.settle(mine or other)).waiting
            late = [promise.echo(x) for x in range(25, 50)]
            assert await returned(early + late) == list(range(50))
            heard = mine.heard if mine else list((await other.seen()).xs)
            assert heard == list(range(50))

    board.run(scenario)


def test_a_promise_among_results(board):
    """The board returns a promise of its own, and tells later what it has become."""

    async def scenario(client):
        for mine in (Thing(), None):
            promise = (await client.thing.promise(client.thing)).thing
            early = [promise.echo(x) for x in range(25)]
            await client.thing.echo(0)
            assert mine is None or mine.heard == []
            other = (await client.thing.many(1)).things[0]
            assert (await client.thing.settle(mine or other)).waiting
            late = [promise.echo(x) for x in range(25, 50)]
            assert await returned(early + late) == list(range(50))
            latest = [promise.echo(x) for x in range(50, 60)]
            assert await returned(latest) == list(range(50, 60))
            heard = mine.heard if mine else list((await other.seen()).xs)
            assert heard == list(range(60))

    board.run(scenario)


def test_promises_that_break(board):
    async def scenario(client):
        for promise in (
            client.thing.defer().thing,
            (await client.thing.promise(client.thing)).thing,
        ):
            early = promise.echo(1)
            await client.thing.echo(0)
            assert (await client.thing.settle()).waiting
            for call in (early, promise.echo(2)):
                error = await fails(call)
                # The board's word for it, or what pycapnp says when it knows already.
                assert error.type == "FAILED"
                assert re.search("no capabilit|null capability", error.description)
        assert (await client.thing.echo(3)).y == 3, "the connection lives"

    board.run(scenario)


def test_a_promise_that_becomes_itself(board):
    async def scenario(client):
        promise = client.thing.defer().thing
        early = promise.echo(1)
        await client.thing.settle(promise)
        for call in (early, promise.echo(2)):
            assert "resolved to itself" in (await fails(call)).description

    board.run(scenario)


def test_promises_of_promises(board):
    """Five in a row, settled from the last to the first, or the other way round."""

    async def scenario(client):
        for backwards in (False, True):
            mine = Thing()
            promises = [client.thing.defer().thing for _ in range(5)]
            calls = [promise.echo(0) for promise in promises for _ in range(2)]
            # The oldest is settled first: it becomes the next one, or the last one the client's own.
            values = [*promises[1:], mine]
            if backwards:
                # The first to be settled becomes the client's own, each other the one before it.
                values = [mine, *promises[:-1]]
            for value in values:
                assert (await client.thing.settle(value)).waiting
                calls += [promise.echo(0) for promise in promises]
            assert await returned(calls) == [0] * 35
            assert len(mine.heard) == 35

    board.run(scenario)


def test_settled_in_the_middle_of_other_calls(board):
    """Many promises of each kind, each with calls on it before and after, while both sides also call
    each other's objects as fast as they can."""

    async def scenario(client):
        random.seed(20)
        thing = client.thing
        mine = Thing()
        hers = (await thing.many(1)).things[0]
        busy = [Thing(), (await thing.many(1)).things[0]]
        traffic = [
            asyncio.ensure_future(coroutine)
            for coroutine in (_awaited(thing.pump(busy[0], 0, 600, 4)), pump(busy[1], 0, 600, 4))
        ]
        calls = []
        references = 0
        for _ in range(40):
            promises = [thing.defer().thing for _ in range(random.randrange(1, 5))]
            if random.random() < 0.5:
                promises.append((await thing.promise(thing)).thing)
            numbers = [0] * len(promises)

            def call(k, promise, reference, numbers=numbers):
                calls.append(
                    (promise.echo(1000 * reference + numbers[k]), 1000 * reference + numbers[k])
                )
                numbers[k] += 1

            for _ in range(random.randrange(20)):
                k = random.randrange(len(promises))
                call(k, promises[k], references + k)
            for _ in promises:
                thing_now = random.choice((mine, mine, hers))
                await thing.settle(thing_now)
                for _ in range(random.randrange(8)):
                    k = random.randrange(len(promises))
                    call(k, promises[k], references + k)
            references += len(promises)
            while len(calls) > 10:
                promise, x = calls.pop(0)
                assert (await promise).y == x
        for promise, x in calls:
            assert (await promise).y == x
        heard = mine.heard + list((await hers.seen()).xs)
        assert len(heard) > 500
        for reference in range(references):
            found = [x % 1000 for x in heard if x // 1000 == reference]
            assert found == list(range(len(found)))
        assert [await task for task in traffic] == [0, 0]
        assert busy[0].heard == list((await busy[1].seen()).xs) == list(range(600))

    board.run(scenario)


async def _awaited(call):
    return (await call).wrong


@pytest.fixture(scope="module", params=INTERPRETERS)
def boards(request):
    """Two boards: one on this interpreter over TCP, one on the other over a Unix socket."""
    other = INTERPRETERS[1 - INTERPRETERS.index(request.param)]
    with new_address("unix") as address, bench(request.param) as first:
        with bench(other, address=address) as second:
            yield first, second


def run_between(boards, scenario):
    """Runs scenario(client of the first board, client of the second); see Bench.run()."""
    things = Thing.alive

    async def session():
        clients = [await board.connect() for board in boards]
        try:
            await asyncio.wait_for(scenario(*clients), PATIENCE)
        finally:
            for client in clients:
                client.close()

    asyncio.run(capnp.run(session()))
    for board in boards:
        board.is_empty()
    assert Thing.alive <= things


@pytest.mark.parametrize("whose", ["the client's", "the first's", "the second's", "nobody's"])
def test_a_promise_of_one_board_given_to_another(boards, whose):
    """The second board is told what it has become; its calls keep their order, and so do those that
    the client makes itself meanwhile."""

    async def scenario(first, second):
        values = []
        if whose == "the client's":
            values = [mine := Thing()]
        elif whose != "nobody's":
            board = first if whose == "the first's" else second
            values = [hers := (await board.thing.many(1)).things[0]]
        promise = first.thing.defer().thing
        await second.thing.keep(promise)
        calls = []

        def call(numbers):
            for x in numbers:
                calls.append(second.thing.callKept(x))
                calls.append(promise.echo(1000 + x))

        call(range(10))
        await second.thing.echo(0)
        assert (await first.thing.settle(*values)).waiting
        call(range(10, 20))
        if not values:
            for k in range(40):
                description = (await fails(calls[k])).description
                assert re.search("no capabilit|null capability", description)
        else:
            assert await returned(calls[::2]) == list(range(20))
            assert await returned(calls[1::2]) == list(range(1000, 1020))
            calls.clear()
            call(range(20, 30))
            assert await returned(calls[::2]) == list(range(20, 30))
            assert await returned(calls[1::2]) == list(range(1020, 1030))
            heard = mine.heard if whose == "the client's" else list((await hers.seen()).xs)
            assert [x for x in heard if x < 1000] == list(range(30))
            assert [x for x in heard if x >= 1000] == list(range(1000, 1030))
        await second.thing.keep()

    run_between(boards, scenario)


def test_calls_in_every_turn_of_a_board(boards):
    """Some are under way, through the client and the first board, when what the second has been given
    turns out to be its own object: those that it makes from then on must not overtake them."""

    async def scenario(first, second):
        for k in range(20):
            hers = (await second.thing.many(1)).things[0]
            promise = first.thing.defer().thing
            await first.thing.echo(0)
            dripping = second.thing.drip(promise, 40)
            for _ in range(k // 4):
                await second.thing.echo(0)
            assert (await first.thing.settle(hers)).waiting
            assert (await dripping).wrong == 0
            assert list((await hers.seen()).xs) == list(range(40))

    run_between(boards, scenario)


def test_calls_in_every_turn(board):
    """The same the other way: what a client's promise turns out to be is its own object."""

    async def scenario(client):
        for k in range(20):
            mine = Thing()
            if k % 2:
                promise = (await client.thing.promise(client.thing)).thing
            else:
                promise = client.thing.defer().thing
            dripping = asyncio.ensure_future(drip(promise, 40))
            for _ in range(k):
                await asyncio.sleep(0)
            settling = client.thing.settle(mine)  # while the calls go on
            assert await dripping == 0
            assert (await settling).waiting
            assert mine.heard == list(range(40))

    board.run(scenario)


def test_a_board_between_two_clients(board):
    """What one gives to the board is the other's: calls cross it, and fail when the one is gone."""

    async def scenario(client):
        mine = Thing()
        giver = await board.connect()
        promise = client.thing.defer().thing
        early = [promise.echo(x) for x in range(25)]
        await client.thing.echo(0)
        assert (await giver.thing.settle(mine)).waiting
        late = [promise.echo(x) for x in range(25, 50)]
        assert await returned(early + late) == list(range(50))
        assert mine.heard == list(range(50))
        waiting = promise.wait()
        await promise.echo(50)
        giver.close()
        for call in (waiting, promise.echo(51)):
            assert (await fails(call)).type == "DISCONNECTED"
        assert (await client.thing.echo(1)).y == 1, "the other connection lives"

    board.run(scenario)
