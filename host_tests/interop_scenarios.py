# SPDX-License-Identifier: MIT
"""What our client does with a Thing that pycapnp serves, on either interpreter: each feature once.

A scenario takes the Thing and the address it is served at. Afterwards nothing may be left of it.
"""

import asyncio

import interop_capnp
from interop_thing import Thing

import capnrpc_micro as capnp


async def fails(promise):
    """The Error that a call ends with."""
    try:
        await promise
    except capnp.Error as error:
        return error
    raise AssertionError("an Error was expected")


async def ys(promises):
    """What calls of echo() and later() return."""
    found = []
    for promise in promises:
        found.append((await promise).y)
    return found


async def calls(thing, peer):
    for x in (0, 1, -1, 1000000):
        assert (await thing.echo(x)).y == x
        assert (await thing.later(x)).y == x
    data = bytes(range(256))
    assert (await thing.blob(data)).data == data


async def in_flight(thing, peer):
    await thing.seen()
    promises = [thing.later(x) if x % 3 == 1 else thing.echo(x) for x in range(60)]
    assert await ys(promises) == list(range(60))
    assert list((await thing.seen()).xs) == list(range(60))


async def too_many_in_flight(thing, peer):
    """The limit on our own calls: those above it are broken, the others go well."""
    promises = [thing.later(x) for x in range(80)]
    answered = 0
    for x in range(80):
        try:
            assert (await promises[x]).y == x
            answered += 1
        except capnp.Error as error:
            assert error.type == capnp.OVERLOADED
    assert 50 < answered <= 64


async def pipelining(thing, peer):
    hops = [thing.getSelf()]
    for _ in range(3):
        hops.append(hops[-1].thing.getSelf())
    assert (await hops[-1].thing.echo(7)).y == 7
    slow = thing.sameLater(thing)
    assert (await slow.thing.later(8)).y == 8
    for promise in hops:
        capnp.release(promise)
    capnp.release(slow)


async def callbacks(thing, peer):
    mine = Thing()
    assert (await thing.callMe(mine, 10)).sum == 45
    assert mine.seen_ == list(range(10))
    slow = thing.sameLater(mine)
    assert (await thing.callMe(slow.thing, 3)).sum == 3
    await slow
    capnp.release(slow)
    mine = Thing()
    await thing.keep(mine)
    assert (await thing.callKept(77)).y == 77 and mine.seen_ == [77]
    assert not mine.gone_
    await thing.keep(thing)
    while not mine.gone_:
        assert (await thing.callKept(78)).y == 78
    await thing.keep(None)


async def identity(thing, peer):
    mine = Thing()
    results = await thing.same(mine)
    assert results.thing._hook.resolved().server is mine
    assert (await results.thing.echo(5)).y == 5
    capnp.release(results)
    results = await thing.same(thing)
    assert results.thing._hook.resolved() is thing._hook.resolved()
    capnp.release(results)


async def exceptions(thing, peer):
    error = await fails(thing.fail(0, "told to"))
    assert error.type == capnp.FAILED and "told to" in error.reason
    await fails(thing.bare())
    error = await fails(thing.cast_as(interop_capnp.Other).nothing())
    assert error.type == capnp.UNIMPLEMENTED
    error = await fails(thing.sameLater(None).thing.echo(1))
    assert error.type == capnp.FAILED

    class Failing(Thing):
        def echo(self, x):
            raise ValueError("not today")

    error = await fails(thing.callMe(Failing(), 1))
    assert "not today" in error.reason


async def cancellation(thing, peer):
    before = (await thing.cancelled()).count
    promise = thing.wait()
    await thing.echo(1)
    promise.cancel_()
    assert "cancelled" in (await fails(promise)).reason

    async def wait():
        await thing.wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)  # the task begins, and calls
    await thing.echo(2)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    try:
        await asyncio.wait_for(wait(), 0.02)
    except asyncio.TimeoutError:
        pass
    # The last one may have been cancelled before its handler had begun.
    while (await thing.cancelled()).count < before + 2:
        pass


async def embargo_order(thing, peer):
    mine = Thing()
    promise = thing.sameLater(mine)
    early = [promise.thing.echo(x) for x in range(20)]
    results = await promise
    late = [results.thing.echo(x) for x in range(20, 30)]
    assert await ys(early + late) == list(range(30))
    assert mine.seen_ == list(range(30))
    capnp.release(results)
    while not mine.gone_:
        await thing.echo(1)


async def lists(thing, peer):
    results = await thing.many(20)
    promises = [results.things[x].echo(x) for x in range(20)]
    assert await ys(promises) == list(range(20))
    capnp.release(results)


async def big_messages(thing, peer):
    for size in (1000, 8000, 12000, 16000):
        data = bytes(size // 2) + b"x" * (size // 2)
        assert (await thing.blob(data)).data == data


async def connections(thing, peer):
    for x in range(20):
        other = await capnp.connect(*peer)
        assert (await other.bootstrap(interop_capnp.Thing).echo(x)).y == x
        await other.close()
        assert other.error.type == capnp.DISCONNECTED


async def our_object(thing, peer):
    """Closing while the peer calls us: our handler is cancelled."""
    other = await capnp.connect(*peer)
    client = other.bootstrap(interop_capnp.Thing)
    mine = Thing()
    waiting = client.callMe(mine, 1000000)
    while not mine.seen_:
        await client.echo(1)
    await other.close()
    assert (await fails(waiting)).type == capnp.DISCONNECTED
    assert mine.gone_


SCENARIOS = (
    calls,
    in_flight,
    too_many_in_flight,
    pipelining,
    callbacks,
    identity,
    exceptions,
    cancellation,
    embargo_order,
    lists,
    big_messages,
    connections,
    our_object,
)
