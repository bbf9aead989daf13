# SPDX-License-Identifier: MIT
"""pycapnp's Thing of schemas/interop.capnp: a callback, or what a process of pycapnp's serves.

    interop_pycapnp.py listen=127.0.0.1:7000 words=2000

`words` is how long a message may be. It prints "ready" when it serves, answers each line on its standard input, and ends when that ends.
"""

import asyncio
import gc
import os
import sys

import capnp
from interop_address import split

capnp.remove_import_hook()
schema = capnp.SchemaParser().load(
    os.path.join(os.path.dirname(__file__), "schemas", "interop.capnp"),
    imports=[os.path.dirname(os.path.dirname(capnp.__file__))],  # for /capnp/stream.capnp
)


class Thing(schema.Thing.Server):
    """Methods that pycapnp's own clients could not tell from those of interop_thing.py.

    `heard`, `stopped` and `alive` are what has become of it and of all of them.
    """

    alive = 0
    gone = 0

    def __init__(self):
        self.heard = []
        self.stopped = 0
        self._kept = None
        self._deferred = []
        Thing.alive += 1

    def __del__(self):
        Thing.alive -= 1
        Thing.gone += 1

    async def echo(self, x, _context, **kwargs):
        self.heard.append(x)
        return x

    async def later(self, x, _context, **kwargs):
        self.heard.append(x)
        await asyncio.sleep(0)
        return x

    async def getSelf(self, _context, **kwargs):
        return self

    async def same(self, thing, _context, **kwargs):
        return thing

    async def sameLater(self, thing, _context, **kwargs):
        await asyncio.sleep(0.03)
        return thing

    async def callMe(self, thing, times, _context, **kwargs):
        return sum([(await thing.echo(k)).y for k in range(times)])

    async def fail(self, kind, reason, _context, **kwargs):
        raise ValueError(reason)

    async def wait(self, _context, **kwargs):
        await self._wait()

    async def _wait(self):
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self.stopped += 1
            raise

    async def cancelled(self, _context, **kwargs):
        return self.stopped

    async def blob(self, data, _context, **kwargs):
        return data

    async def keep(self, thing, _context, **kwargs):
        self._kept = thing

    async def callKept(self, x, _context, **kwargs):
        return (await self._kept.echo(x)).y

    async def many(self, count, _context, **kwargs):
        return [Thing() for _ in range(count)]

    async def seen(self, _context, **kwargs):
        heard = self.heard
        self.heard = []
        return heard

    async def pump(self, thing, first, count, window, _context, **kwargs):
        return await pump(thing, first, count, window)

    async def drip(self, thing, count, _context, **kwargs):
        return await drip(thing, count)

    async def hold(self, thing, _context, **kwargs):
        await self._wait()

    async def defer(self, _context, **kwargs):
        deferred = asyncio.get_running_loop().create_future()
        self._deferred.append(deferred)
        return await deferred

    async def promise(self, thing, _context, **kwargs):
        return thing.defer().thing

    async def settle(self, _context, **kwargs):
        while self._deferred and self._deferred[0].done():  # cancelled
            self._deferred.pop(0)
        if not self._deferred:
            return False
        deferred = self._deferred.pop(0)
        if _context.params._has("thing"):
            deferred.set_result(_context.params.thing)
        else:
            deferred.set_exception(ValueError("settled with nothing"))
        return True

    async def sink(self, kind, _context, **kwargs):
        if kind == 3:
            self._deferred.append(asyncio.get_running_loop().create_future())
            return HeldSink(self._deferred[-1])
        return (Sink, SlowSink, FailingSink)[kind]()

    async def memory(self, _context, **kwargs):
        return memory()

    async def released(self, _context, **kwargs):
        gc.collect()
        return Thing.gone


class Sink(schema.Sink.Server):
    """What it was given, and how many calls of write() were under way at the same time."""

    def __init__(self):
        self.bytes = 0
        self.sum = 0
        self.running = 0
        self.together = 0

    async def write(self, data, **kwargs):
        self.running += 1
        self.together = max(self.together, self.running)
        await self.take()
        self.running -= 1
        self.bytes += len(data)
        self.sum = sum_after(self.sum, data)

    async def take(self):
        pass

    async def done(self, **kwargs):
        return self.bytes, self.sum, self.together


class SlowSink(Sink):
    async def take(self):
        for _ in range(3):
            await asyncio.sleep(0)


class FailingSink(SlowSink):
    async def write(self, data, **kwargs):
        if not data:
            raise ValueError("nothing to write")
        await super().write(data)


class HeldSink(Sink):
    def __init__(self, opened):
        super().__init__()
        self._opened = opened

    async def take(self):
        await asyncio.shield(self._opened)


def sum_after(before, data):
    """What Sink.done() tells of `data` written after something else."""
    return (31 * before + len(data) + data[0] + data[-1]) % 65521


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
    return sum([(await call).y != x for x, call in enumerate(calls)])


def memory():
    """(blocks of memory in use, open files) of this process."""
    gc.collect()
    return sys.getallocatedblocks(), len(os.listdir("/proc/self/fd"))


async def main(listen, words="8388608"):
    thing = Thing()

    async def accept(stream):
        await capnp.TwoPartyServer(stream, thing, int(words)).on_disconnect()

    host, port = split(listen)
    if port is None:
        path = host.removeprefix("unix:")
        server = await capnp.AsyncIoStream.create_unix_server(accept, path)
    else:
        server = await capnp.AsyncIoStream.create_server(accept, host, port)
    stdin = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    print("ready: serving on", listen)
    async with server:
        while await stdin.readline():
            print("ready")


if __name__ == "__main__":
    options = dict([option.split("=") for option in sys.argv[1:]])
    asyncio.run(capnp.run(main(**options)))
