# SPDX-License-Identifier: MIT
"""Thousands of short connections of our client to what pycapnp serves, on either interpreter."""

import asyncio

import interop_capnp
from interop_scenarios import fails
from interop_thing import Thing

import capnrpc_micro as capnp
from capnrpc_micro.words import MICROPYTHON

# As in test_interop_connections.py.
NOISE = 16384 if MICROPYTHON else 100
ROUNDS = 10


async def use(peer, x):
    """Calls in both directions over a connection of its own."""
    other = await capnp.connect(*peer)
    thing = other.bootstrap(interop_capnp.Thing)
    mine = Thing()
    called = thing.callMe(mine, 3)
    assert (await thing.later(x)).y == x
    assert (await called).sum == 3 and mine.seen_ == [0, 1, 2]
    await other.close()
    assert mine.gone_


async def call(peer, x):
    other = await capnp.connect(*peer)
    assert (await other.bootstrap(interop_capnp.Thing).later(x)).y == x
    await other.close()


async def leave(peer, x):
    """Goes away while calls of both sides are under way."""
    other = await capnp.connect(*peer)
    thing = other.bootstrap(interop_capnp.Thing)
    mine = Thing()
    calls = [thing.wait(), thing.defer().thing.echo(1)]
    if x % 2:
        await thing.echo(0)
        calls.append(thing.hold(mine))
    await other.close()
    for call in calls:
        assert (await fails(call)).type == capnp.DISCONNECTED


async def keeps_nothing(thing, peer, session, times):
    """Runs session() so often; what is in use stays the same, here, and the files that are open there."""
    found = []
    files = (await thing.memory()).descriptors
    for _ in range(ROUNDS):
        for _ in range(times // ROUNDS):
            await session()
        for x in range(8):  # what is left of finished tasks hangs together until others come
            await call(peer, x)
        found.append(Thing().memory())
        await thing.seen()
        while (await thing.memory()).descriptors > files:
            pass  # the other side has not closed them all
    for _, descriptors in found:
        assert descriptors == found[0][1], found
    assert min(found[ROUNDS // 2 :])[0] < min(found[: ROUNDS // 2])[0] + NOISE, found


async def one_after_another(thing, peer):
    async def session():
        await call(peer, 7)

    await keeps_nothing(thing, peer, session, 1000)


async def fifty_at_a_time(thing, peer):
    async def session():
        await asyncio.gather(*[use(peer, x) for x in range(50)])

    await keeps_nothing(thing, peer, session, 20)


async def that_go_away_in_the_middle(thing, peer):
    async def session():
        await asyncio.gather(*[leave(peer, x) for x in range(20)])

    await keeps_nothing(thing, peer, session, 20)


SCENARIOS = (one_after_another, fifty_at_a_time, that_go_away_in_the_middle)
