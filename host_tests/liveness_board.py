# SPDX-License-Identifier: MIT
"""One end of a connection that is mostly quiet, on MicroPython or CPython, with limits as they are given.

    liveness_board.py listen=127.0.0.1:7000 limits=ping_ms:200,dead_ms:200
    liveness_board.py connect=127.0.0.1:7000 limits=ping_ms:200,dead_ms:200

It serves a Thing of schemas/interop.capnp, or calls wait() of one. To each line on its standard input it
answers how often it has asked a peer whether that is there, and how many connections it has; to "call"
what echo(5) returns. A client that loses its peer prints what everybody was told.
"""

import asyncio
import sys

_FOLDER = __file__.rpartition("/")[0] or "."
sys.path[:0] = [_FOLDER + "/../lib", _FOLDER + "/schemas"]

import interop_capnp
from interop_address import split
from interop_thing import Thing

import capnrpc_micro as capnp
from capnrpc_micro.words import MICROPYTHON

_BOOTSTRAP = 8  # of Message

asked = 0


def count(direction, frames):
    """Counts the Bootstraps that are sent. A client sends one of its own, too."""
    global asked
    at = 0
    while direction and at < len(frames):
        asked += frames[at + 16] == _BOOTSTRAP
        at += 8 + 8 * (frames[at + 4] | frames[at + 5] << 8)


async def standard_input():
    if MICROPYTHON:
        return asyncio.StreamReader(sys.stdin.buffer)
    stream = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), sys.stdin)
    return stream


async def error_of(call):
    try:
        await call
    except capnp.Error as error:
        return error


async def watch(peer, call, told):
    """Prints what is known once the peer is lost."""
    await peer.wait_closed()
    print("lost;", peer.error, ";", await error_of(call), ";", *told)


async def main(limits, listen=None, connect=None):
    changed = {}
    for pair in limits.split(","):
        name, number = pair.split(":")
        changed[name] = int(number)
    limits = capnp.Limits(**changed)
    server = thing = task = None
    if listen is not None:
        server = await capnp.serve(Thing(), *split(listen), limits, dump=lambda name: count)
    else:
        peer = await capnp.connect(*split(connect), limits=limits, dump=lambda name: count)
        thing = peer.bootstrap(interop_capnp.Thing)
        told = []
        capnp.when_broken(thing, told.append)
        task = asyncio.create_task(watch(peer, thing.wait(), told))
    print("ready")
    stdin = await standard_input()
    line = await stdin.readline()
    while line:
        if line.strip() == b"call":
            print("echo", (await thing.echo(5)).y)
        else:
            print("asked", asked, "connections", len(server.links) if server else 1)
        line = await stdin.readline()
    if server is not None:
        await server.close()
    else:
        await peer.close()
        await task


asyncio.run(main(**dict([option.split("=") for option in sys.argv[1:]])))
