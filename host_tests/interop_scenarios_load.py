# SPDX-License-Identifier: MIT
"""Many calls at the same time, and their cancellation, between our client and a Thing that pycapnp
serves, on either interpreter. As test_interop_load.py, with the roles exchanged.
"""

import asyncio
import random

from interop_scenarios import fails
from interop_thing import Thing, pump

import capnrpc_micro as capnp


async def callbacks_both_ways(thing, peer):
    """Each side calls four objects of the other at the same time; each of them hears the calls in
    their order."""
    count = 500
    mine = [Thing() for _ in range(4)]
    results = await thing.many(4)
    hers = [results.things[k] for k in range(4)]
    theirs = [thing.pump(mine[k], k, count, 7) for k in range(4)]
    ours = [asyncio.create_task(pump(hers[k], k, count, 7)) for k in range(4)]
    for k in range(4):
        assert await ours[k] == 0
        assert (await theirs[k]).wrong == 0
        assert mine[k].seen_ == list(range(k, k + count))
        assert list((await hers[k].seen()).xs) == list(range(k, k + count))
    capnp.release(results)
    for each in mine:
        while not each.gone_:
            await thing.echo(0)


class Deep(Thing):
    """Calls back as long as `depth` says."""

    def __init__(self, thing, depth):
        Thing.__init__(self)
        self._thing = thing
        self._depth = depth

    async def echo(self, x):
        if self._depth == 0:
            return 1
        return (await self._thing.callMe(Deep(self._thing, self._depth - 1), 1)).sum + 1


async def callbacks_within_callbacks(thing, peer):
    """Each call is answered when the one that it makes is: 40 deep, 20 on each side."""
    assert (await thing.callMe(Deep(thing, 20), 1)).sum == 21
    many = [thing.callMe(Deep(thing, k), 1) for k in range(7)]
    for k in range(7):
        assert (await many[k]).sum == k + 1


async def cancelling_some_of_many_calls(thing, peer):
    """Those that were not cancelled return what they should; of the others nothing is left."""
    random.seed(21)
    before = (await thing.cancelled()).count
    mine = [Thing() for _ in range(3)]
    deferred = []

    async def endless(k):
        if k % 2:
            await thing.hold(mine[k % 3])
        else:
            call = thing.defer()
            deferred.append(call)
            await thing.callMe(call.thing, 1)  # waits for what never comes

    async def useful(x):
        if x % 3 == 0:
            assert (await thing.later(x)).y == x
        elif x % 3 == 1:
            assert (await thing.pump(mine[x % 2], x, 5, 3)).wrong == 0
        else:
            call = thing.sameLater(mine[x % 2])
            try:
                assert (await call.thing.echo(x)).y == x
                await call
            finally:
                capnp.release(call)

    tasks = []
    returned = cancelled = 0
    for k in range(400):
        returns = random.randrange(2)
        tasks.append((asyncio.create_task(useful(k) if returns else endless(k)), returns))
        if random.randrange(10) < 4:
            await asyncio.sleep(0)
        if len(tasks) > 12:
            task, returns = tasks.pop(random.randrange(len(tasks)))
            if not returns or random.randrange(10) < 3:
                task.cancel()
            try:
                await task
                returned += 1
            except asyncio.CancelledError:
                cancelled += 1
        while deferred and (len(deferred) > 10 or k == 399):
            capnp.release(deferred.pop(0))
    for task, _ in tasks:
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
    while deferred:
        capnp.release(deferred.pop())
    assert returned > 100 and cancelled > 100
    assert (await thing.cancelled()).count > before + 50
    for each in mine:
        while not each.gone_:
            await thing.echo(0)


async def a_cancelled_call_lets_go_of_its_parameters(thing, peer):
    before = (await thing.cancelled()).count
    for pause in (True, False):
        mine = Thing()
        call = thing.hold(mine)
        if pause:
            await thing.echo(0)
            assert not mine.gone_
        call.cancel_()
        assert "cancelled" in (await fails(call)).reason
        while not mine.gone_:
            await thing.echo(0)
    assert (await thing.cancelled()).count > before


async def cancellation_goes_on_to_a_callback(thing, peer):
    """And to what that calls in turn: a chain of calls that cross the connection four times."""
    last = Waits()

    class Middle(Thing):
        async def echo(self, x):
            await thing.callMe(last, 1)

    call = thing.callMe(Middle(), 1)
    await last.begun.wait()
    call.cancel_()
    while not last.cancelled_:
        await thing.echo(0)
    while not last.gone_:
        await thing.echo(0)


class Waits(Thing):
    """Its echo() waits to be cancelled."""

    def __init__(self):
        Thing.__init__(self)
        self.begun = asyncio.Event()

    async def echo(self, x):
        self.begun.set()
        await self.wait()


SCENARIOS = (
    callbacks_both_ways,
    callbacks_within_callbacks,
    cancelling_some_of_many_calls,
    a_cancelled_call_lets_go_of_its_parameters,
    cancellation_goes_on_to_a_callback,
)
