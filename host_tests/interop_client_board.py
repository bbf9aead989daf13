# SPDX-License-Identifier: MIT
"""Our client of a Thing of schemas/interop.capnp that somebody else serves, on either interpreter.

    interop_client_board.py connect=127.0.0.1:7000 scenarios=interop_scenarios

It runs that module's SCENARIOS one after another, each on a connection of its own, prints "ok" and the
name of each that went well, "skipped", a name and why, and an exception's traceback for each that went
wrong; at the end it prints "done".
"""

import asyncio
import sys

_FOLDER = __file__.rpartition("/")[0] or "."
sys.path[:0] = [_FOLDER + "/../lib", _FOLDER + "/schemas"]

import interop_capnp
from interop_address import split

import capnrpc_micro as capnp
from capnrpc_micro.words import MICROPYTHON

_PATIENCE_S = 60


def empty(conn):
    """Whether all tables are, after the program has released what it had."""
    tables = (conn.questions, conn.answers, conn.exports, conn.imports, conn.embargoes)
    return not sum([len(table) for table in tables]) + conn.call_bytes


async def run(scenario, address, limits):
    """A scenario on a new connection, of which nothing may be left in the end."""
    peer = await capnp.connect(*address, limits=limits)
    try:
        conn = peer._link.conn
        thing = peer.bootstrap(interop_capnp.Thing)
        await scenario(thing, address)
        while len(conn.answers) + len(conn.exports) + len(conn.embargoes):
            await thing.echo(0)  # what the peer has dropped comes with such an answer
        capnp.release(thing)
        while len(conn.questions):  # cancelled ones, whose Return is still to come
            await asyncio.sleep(0)
        assert empty(conn), "something is left in the tables"
    finally:
        await peer.close()


async def main(connect, scenarios):
    # A host's limits would hide what a board's do.
    limits = capnp.Limits()
    module = __import__(scenarios)
    for scenario in module.SCENARIOS:
        needs = getattr(module, "NEEDS", "connect")
        if not hasattr(capnp, needs):
            print("skipped", scenario.__name__, "there is no capnrpc_micro." + needs)
            continue
        try:
            await asyncio.wait_for(run(scenario, split(connect), limits), _PATIENCE_S)
            print("ok", scenario.__name__)
        except Exception as error:
            print("FAILED", scenario.__name__)
            sys.print_exception(error) if MICROPYTHON else sys.excepthook(
                type(error), error, error.__traceback__
            )
    print("done")


asyncio.run(main(**dict([option.split("=") for option in sys.argv[1:]])))
