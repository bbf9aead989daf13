# SPDX-License-Identifier: MIT
"""A board that serves a Thing of schemas/interop.capnp, on MicroPython or CPython.

    interop_board.py listen=127.0.0.1:7000 limits=message_words:512,connections:2

It has a board's limits on both, prints "ready" when it serves, answers each line on its standard
input with a line that says what is in the tables of all its connections, and ends when that ends.
"""

import asyncio
import sys

_FOLDER = __file__.rpartition("/")[0] or "."
sys.path[:0] = [_FOLDER + "/../lib", _FOLDER + "/schemas"]

from interop_address import split
from interop_thing import Thing

import capnrpc_micro as capnp
from capnrpc_micro.words import MICROPYTHON


def status(server):
    """How many peers have connected so far, how many entries all tables have, and what is charged for calls."""
    connections = [link.conn for link in server.links]
    line = "accepted %d connections %d" % (server.accepted, len(connections))
    for table in ("questions", "answers", "exports", "imports", "embargoes"):
        line += " %s %d" % (table, sum([len(getattr(conn, table)) for conn in connections]))
    return line + " bytes %d" % sum([conn.call_bytes for conn in connections])


async def standard_input():
    if MICROPYTHON:
        return asyncio.StreamReader(sys.stdin.buffer)
    stream = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), sys.stdin)
    return stream


async def main(listen, limits=""):
    changed = {}
    for pair in limits.split(",") if limits else ():
        name, number = pair.split(":")
        changed[name] = int(number)
    server = await capnp.serve(Thing(), *split(listen), capnp.Limits(**changed))
    print("ready: serving on", listen)
    stdin = await standard_input()
    while await stdin.readline():
        print(status(server))
    await server.close()


asyncio.run(main(**dict([option.split("=") for option in sys.argv[1:]])))
