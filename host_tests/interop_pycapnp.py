# SPDX-License-Identifier: MIT
"""pycapnp serves a Thing of schemas/interop.capnp, as interop_board.py does.

    interop_pycapnp.py listen=127.0.0.1:7000

It prints "ready" when it serves, answers each line on its standard input with how many callbacks it
holds, and ends when that ends.
"""

import asyncio
import os
import sys

import capnp

capnp.remove_import_hook()
schema = capnp.load(os.path.join(os.path.dirname(__file__), "schemas", "interop.capnp"))


class Thing(schema.Thing.Server):
    """Methods that pycapnp's own clients could not tell from interop_board.py's."""

    def __init__(self):
        self._seen = []
        self._kept = None
        self._cancelled = 0

    async def echo(self, x, _context, **kwargs):
        self._seen.append(x)
        return x

    async def later(self, x, _context, **kwargs):
        self._seen.append(x)
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
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self._cancelled += 1
            raise

    async def cancelled(self, _context, **kwargs):
        return self._cancelled

    async def blob(self, data, _context, **kwargs):
        return data

    async def keep(self, thing, _context, **kwargs):
        self._kept = thing

    async def callKept(self, x, _context, **kwargs):
        return (await self._kept.echo(x)).y

    async def many(self, count, _context, **kwargs):
        return [Thing() for _ in range(count)]

    async def seen(self, _context, **kwargs):
        seen = self._seen
        self._seen = []
        return seen


async def main(listen):
    thing = Thing()

    async def accept(stream):
        await capnp.TwoPartyServer(stream, bootstrap=thing).on_disconnect()

    host, port = listen.split(":")
    server = await capnp.AsyncIoStream.create_server(accept, host, int(port))
    stdin = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    print("ready: serving on", listen)
    async with server:
        while await stdin.readline():
            print("ready")


asyncio.run(capnp.run(main(**dict([option.split("=") for option in sys.argv[1:]]))))
