# SPDX-License-Identifier: MIT
"""What our client does with promises of a Thing that pycapnp serves, on either interpreter.

As test_interop_promises.py, with the roles exchanged.
"""

import asyncio
import random

import interop_capnp
from interop_scenarios import fails, ys
from interop_thing import Thing, drip, pump

import capnrpc_micro as capnp


async def calls_wait_for_a_call_to_return(thing, peer):
    for mine in (Thing(), None):
        call = thing.defer()
        promise = call.thing
        early = [promise.echo(x) for x in range(25)]
        await thing.echo(0)
        assert mine is None or mine.seen_ == []
        results = await thing.many(1)
        other = results.things[0]
        assert (await thing.settle(mine or other)).waiting
        late = [promise.echo(x) for x in range(25, 50)]
        assert await ys(early + late) == list(range(50))
        await call
        assert await ys([promise.echo(50)]) == [50]
        heard = mine.seen_ if mine else list((await other.seen()).xs)
        assert heard == list(range(51))
        capnp.release(call)
        capnp.release(results)
        while mine and not mine.gone_:
            await thing.echo(0)


async def a_promise_among_results(thing, peer):
    """The other side tells later what it has become."""
    for mine in (Thing(), None):
        found = await thing.promise(thing)
        promise = found.thing
        early = [promise.echo(x) for x in range(25)]
        await thing.echo(0)
        assert mine is None or mine.seen_ == []
        results = await thing.many(1)
        other = results.things[0]
        assert (await thing.settle(mine or other)).waiting
        late = [promise.echo(x) for x in range(25, 50)]
        assert await ys(early + late) == list(range(50))
        assert await ys([promise.echo(50)]) == [50]
        heard = mine.seen_ if mine else list((await other.seen()).xs)
        assert heard == list(range(51))
        capnp.release(found)
        capnp.release(results)
        while mine and not mine.gone_:
            await thing.echo(0)


async def calls_in_every_turn(thing, peer):
    """Some are under way through the other side when the promise turns out to be our own object: those
    that are made from then on must not overtake them."""
    for k in range(30):
        call = thing.defer() if k % 2 else await thing.promise(thing)
        mine = Thing()
        dripping = asyncio.create_task(drip(call.thing, 50))
        for _ in range(k):
            await asyncio.sleep(0)
        assert (await thing.settle(mine)).waiting
        assert await dripping == 0
        assert mine.seen_ == list(range(50))
        if k % 2:
            await call
        capnp.release(call)
        while not mine.gone_:
            await thing.echo(0)


async def what_a_promise_sets_in_motion(thing, peer):
    """Calls that are made in the moment when it turns out to be our own object."""
    for _ in range(10):
        mine = Thing()
        call = thing.defer()
        promise = call.thing
        calls = [promise.echo(x) for x in range(20)]

        def go_on(_, promise=promise, calls=calls):
            for x in range(20, 40):
                calls.append(promise.echo(x))

        call.then_(go_on)
        assert (await thing.settle(mine)).waiting
        await call
        assert await ys(calls) == list(range(40))
        assert mine.seen_ == list(range(40))
        capnp.release(call)
        while not mine.gone_:
            await thing.echo(0)


async def promises_that_break(thing, peer):
    call = thing.defer()
    found = await thing.promise(thing)
    for promise in (call.thing, found.thing):
        early = promise.echo(1)
        await thing.echo(0)
        assert (await thing.settle(None)).waiting
        for broken in (early, promise.echo(2)):
            error = await fails(broken)
            assert error.type == capnp.FAILED and "settled with nothing" in error.reason
    await fails(call)
    capnp.release(found)
    assert (await thing.echo(3)).y == 3


async def promises_of_promises(thing, peer):
    for backwards in (False, True):
        mine = Thing()
        deferred = [thing.defer() for _ in range(5)]
        promises = [call.thing for call in deferred]
        calls = [promise.echo(0) for promise in promises for _ in range(2)]
        values = [mine] + promises[:-1] if backwards else promises[1:] + [mine]
        for value in values:
            assert (await thing.settle(value)).waiting
            calls += [promise.echo(0) for promise in promises]
        assert await ys(calls) == [0] * 35
        assert len(mine.seen_) == 35
        for call in deferred:
            await call
            capnp.release(call)
        while not mine.gone_:
            await thing.echo(0)


async def settled_in_the_middle_of_other_calls(thing, peer):
    """Many promises, each with calls on it before and after, while both sides also call each other's
    objects as fast as they can."""
    random.seed(20)
    mine = Thing()
    others = await thing.many(2)
    hers = others.things[0]
    busy = Thing()
    traffic = [
        asyncio.create_task(coroutine)
        for coroutine in (
            awaited(thing.pump(busy, 0, 600, 4)),
            pump(others.things[1], 0, 600, 4),
        )
    ]
    calls = []
    references = 0
    while references < 100:
        deferred = [thing.defer() for _ in range(random.randrange(1, 5))]
        promises = [call.thing for call in deferred]
        found = await thing.promise(thing)
        promises.append(found.thing)
        numbers = [0] * len(promises)

        def call(references=references, promises=promises, numbers=numbers):
            k = random.randrange(len(promises))
            x = 1000 * (references + k) + numbers[k]
            calls.append((promises[k].echo(x), x))
            numbers[k] += 1

        for _ in range(random.randrange(20)):
            call()
        for _ in promises:
            await thing.settle(random.choice((mine, mine, hers)))
            for _ in range(random.randrange(8)):
                call()
        references += len(promises)
        while calls:
            promise, x = calls.pop(0)
            assert (await promise).y == x
        for each in deferred:
            await each
            capnp.release(each)
        capnp.release(found)
    heard = mine.seen_ + list((await hers.seen()).xs)
    assert len(heard) > 500
    for reference in range(references):
        numbers = [x % 1000 for x in heard if x // 1000 == reference]
        assert numbers == list(range(len(numbers)))
    for task in traffic:
        assert await task == 0
    assert busy.seen_ == list((await others.things[1].seen()).xs) == list(range(600))
    capnp.release(others)


async def awaited(call):
    return (await call).wrong


async def a_promise_of_one_connection_given_to_another(thing, peer):
    """The other side is told over the second what a promise of the first has become."""
    second = await capnp.connect(*peer, limits=capnp.Limits())
    thing2 = second.bootstrap(interop_capnp.Thing)
    for whose in (0, 1, 2, 3):
        mine = Thing()
        results = await (thing, thing, thing2, thing)[whose].many(1)
        value = (mine, results.things[0], results.things[0], None)[whose]
        deferred = thing.defer()
        promise = deferred.thing
        await thing2.keep(promise)
        calls = []

        def call(numbers, promise=promise, calls=calls):
            for x in numbers:
                calls.append(thing2.callKept(x))
                calls.append(promise.echo(1000 + x))

        call(range(10))
        await thing2.echo(0)
        assert (await thing.settle(value)).waiting
        call(range(10, 20))
        if value is None:
            for each in calls:
                assert "settled with nothing" in (await fails(each)).reason
            await fails(deferred)
        else:
            assert await ys(calls[::2]) == list(range(20))
            assert await ys(calls[1::2]) == list(range(1000, 1020))
            calls.clear()
            call(range(20, 30))
            assert await ys(calls[::2]) == list(range(20, 30))
            assert await ys(calls[1::2]) == list(range(1020, 1030))
            heard = mine.seen_ if whose == 0 else list((await value.seen()).xs)
            assert [x for x in heard if x < 1000] == list(range(30))
            assert [x for x in heard if x >= 1000] == list(range(1000, 1030))
            await deferred
        await thing2.keep(None)
        capnp.release(results)
        capnp.release(deferred)
        while whose == 0 and not mine.gone_:
            await thing.echo(0)
            await thing2.echo(0)
    capnp.release(thing2)
    await second.close()


SCENARIOS = (
    calls_wait_for_a_call_to_return,
    a_promise_among_results,
    calls_in_every_turn,
    what_a_promise_sets_in_motion,
    promises_that_break,
    promises_of_promises,
    settled_in_the_middle_of_other_calls,
    a_promise_of_one_connection_given_to_another,
)
