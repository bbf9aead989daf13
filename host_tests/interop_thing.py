# SPDX-License-Identifier: MIT
"""Our Thing of schemas/interop.capnp, on either interpreter: a board's main object, or a callback."""

import asyncio
import gc
import os
import sys

import interop_capnp

import capnrpc_micro as capnp
from capnrpc_micro.words import MICROPYTHON

_gone = [0]  # how many Things nobody refers to any more


class Thing(interop_capnp.Thing.Server):
    """`seen_`, `cancelled_` and `gone_` are what has become of it."""

    def __init__(self):
        self.seen_ = []
        self.cancelled_ = 0
        self.gone_ = False
        self._kept = None
        self._deferred = []

    def echo(self, x):
        self.seen_.append(x)
        return x

    async def later(self, x):
        self.seen_.append(x)
        await asyncio.sleep(0)
        return x

    def getSelf(self):
        return self

    def same(self, thing):
        return thing

    async def sameLater(self, thing):
        await asyncio.sleep(0.03)
        return thing

    async def callMe(self, thing, times):
        total = 0
        for k in range(times):
            total += (await thing.echo(k)).y
        return total

    def fail(self, kind, reason):
        raise capnp.Error(reason, kind)

    async def wait(self):
        try:
            while True:
                await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self.cancelled_ += 1
            raise

    def cancelled(self):
        return self.cancelled_

    def blob(self, data):
        return data

    def keep(self, thing):
        if self._kept is not None:
            capnp.release(self._kept)
        self._kept = thing and capnp.retain(thing)

    async def callKept(self, x):
        return (await self._kept.echo(x)).y

    def many(self, count):
        return [Thing() for _ in range(count)]

    def seen(self):
        seen = self.seen_
        self.seen_ = []
        return seen

    async def pump(self, thing, first, count, window):
        return await pump(thing, first, count, window)

    async def drip(self, thing, count):
        return await drip(thing, count)

    async def hold(self, thing):
        await self.wait()

    async def defer(self):
        deferred = _Deferred()
        self._deferred.append(deferred)
        try:
            await deferred.settled.wait()
        except asyncio.CancelledError:
            deferred.give_up(self._deferred)
            raise
        # It is passed on when this has returned; then it is not ours any more.
        asyncio.create_task(deferred.let_go())
        return deferred.thing

    def promise(self, thing):
        call = thing.defer()
        promise = call.thing
        call.then_(lambda _: capnp.release(call))
        return promise

    def settle(self, thing):
        if not self._deferred:
            return False
        deferred = self._deferred.pop(0)
        deferred.thing = thing and capnp.retain(thing)
        deferred.settled.set()
        return True

    def sink(self, kind):
        return (Sink, SlowSink, FailingSink)[kind]()

    def memory(self):
        gc.collect()
        used = gc.mem_alloc() if MICROPYTHON else sys.getallocatedblocks()
        return used, len(os.listdir("/proc/self/fd"))

    def released(self):
        return _gone[0]

    def released_(self):
        self.gone_ = True
        _gone[0] += 1


async def pump(thing, first, count, window):
    """Calls thing.echo(x) as Thing.pump() does; returns how many answers were wrong."""
    wrong = 0
    calls = []
    for x in range(first, first + count + window):
        if x >= first + window:
            wrong += (await calls.pop(0)).y != x - window
        if x < first + count:
            calls.append(thing.echo(x))
    return wrong


async def drip(thing, count):
    """Calls thing.echo(x) as Thing.drip() does; returns how many answers were wrong."""
    calls = []
    for x in range(count):
        calls.append(thing.echo(x))
        await asyncio.sleep(0)
    wrong = 0
    for x in range(count):
        wrong += (await calls[x]).y != x
    return wrong


class _Deferred:
    """A call of defer() that has not returned."""

    def __init__(self):
        self.settled = asyncio.Event()
        self.thing = None

    def give_up(self, waiting):
        """It was cancelled, perhaps after settle()."""
        if self in waiting:
            waiting.remove(self)
        elif self.thing is not None:
            capnp.release(self.thing)

    async def let_go(self):
        if self.thing is not None:
            capnp.release(self.thing)


class Sink(interop_capnp.Sink.Server):
    def __init__(self):
        self.bytes_ = 0
        self.sum_ = 0
        self.running_ = 0
        self.together_ = 0

    def write(self, data):
        self.running_ += 1
        self.together_ = max(self.together_, self.running_)
        self.bytes_ += len(data)
        self.sum_ = (31 * self.sum_ + len(data) + data[0] + data[-1]) % 65521
        self.running_ -= 1

    def done(self):
        return self.bytes_, self.sum_, self.together_


class SlowSink(Sink):
    async def write(self, data):
        self.running_ += 1
        self.together_ = max(self.together_, self.running_)
        for _ in range(3):
            await asyncio.sleep(0)
        self.running_ -= 1
        Sink.write(self, data)


class FailingSink(SlowSink):
    async def write(self, data):
        if not data:
            raise ValueError("nothing to write")
        await SlowSink.write(self, data)
