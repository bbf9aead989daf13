# SPDX-License-Identifier: MIT
"""A board that is a Vat, on MicroPython or CPython.

    vat_board.py listen=127.0.0.1:7000 key=key.pem

It prints "ready", the URI of its main service and that of another, both Things of
schemas/interop.capnp. It answers each line on its standard input, and ends when that ends:

    status       what is in the tables of all its connections
    echo URI     connects there and calls echo(5) of a Thing: "5", or the error
    key          its key, as repr() shows it

Options: key=FILE; tls=no; anonymous=yes; limits=first_ms:500,connections:2; main=yes: the main service
is served at the empty id, instead of a gateway.
"""

import asyncio
import sys

_FOLDER = __file__.rpartition("/")[0] or "."
sys.path[:0] = [_FOLDER + "/../lib", _FOLDER + "/schemas"]

import board_kit
from interop_capnp import Thing as Interface
from interop_thing import Thing

import capnrpc_micro as capnp


async def echo(vat, uri):
    try:
        async with await vat.connect(uri, Interface) as thing:
            return str((await thing.echo(5)).y)
    except (capnp.Error, ValueError) as error:
        return str(error)


async def main(listen, key=None, tls="yes", anonymous="no", limits="", main="no"):
    thing = Thing()
    vat = capnp.Vat(
        listen,
        key,
        tls=tls == "yes",
        anonymous=anonymous == "yes",
        limits=capnp.Limits(**board_kit.limits(limits)),
        main=thing if main == "yes" else None,
    )
    if main != "yes":
        vat.restorer.add(b"", thing)  # what the gateway restores for the empty id
    uri = vat.offer(thing, "thing", persistent=True)
    await vat.start()
    print("ready", vat.config.address.uri(), uri)
    stdin = await board_kit.standard_input()
    while True:
        line = (await stdin.readline()).decode().split()
        if not line:
            break
        if line[0] == "status":
            print(board_kit.status(vat.server))
        elif line[0] == "echo":
            print(await echo(vat, line[1]))
        else:
            print(repr(vat.config.secret_key))
    await vat.close()


asyncio.run(main(**board_kit.options(sys.argv[1:])))
