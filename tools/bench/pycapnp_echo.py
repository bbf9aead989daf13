# SPDX-License-Identifier: MIT
"""pycapnp's server in the benchmarks."""

import asyncio
import pathlib
import sys

import capnp

Echo = capnp.load(str(pathlib.Path(__file__).with_name("echo.capnp"))).Echo


class Server(Echo.Server):
    async def echo(self, x, _context, **kwargs):
        return x


async def connected(stream):
    await capnp.TwoPartyServer(stream, bootstrap=Server()).on_disconnect()


async def main():
    server = await capnp.AsyncIoStream.create_server(connected, "127.0.0.1", int(sys.argv[1]))
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(capnp.run(main()))
