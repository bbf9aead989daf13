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

import board_kit
from interop_address import split
from interop_thing import Thing

import capnrpc_micro as capnp


async def main(listen, limits=""):
    changed = board_kit.limits(limits)
    server = await capnp.serve(Thing(), *split(listen), capnp.Limits(**changed))
    print("ready: serving on", listen)
    stdin = await board_kit.standard_input()
    while await stdin.readline():
        print(board_kit.status(server))
    await server.close()


asyncio.run(main(**board_kit.options(sys.argv[1:])))
