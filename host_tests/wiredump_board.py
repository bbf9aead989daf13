# SPDX-License-Identifier: MIT
"""A conversation between two connections in memory, of which one end prints its dump; on either
interpreter.

    wiredump_board.py NAME
"""

import sys

_FOLDER = __file__.rpartition("/")[0] or "."
sys.path[:0] = [_FOLDER + part for part in ("/../lib", "/../lib/tests", "/schemas")]

import interop_capnp
from bed import Bed

import capnrpc_micro as capnp
from capnrpc_micro import dump
from capnrpc_micro.objects.promise import Promise


class Thing(interop_capnp.Thing.Server):
    def __init__(self, bed):
        self._bed = bed
        self.paused = []
        self._kept = None

    def echo(self, x):
        return x

    def getSelf(self):
        return self

    async def sameLater(self, thing):
        await self._pause()
        return thing

    async def callMe(self, thing, times):
        return (await thing.echo(times)).y

    def fail(self, kind, reason):
        raise capnp.Error(reason, kind)

    async def wait(self):
        await self._pause()

    def blob(self, data):
        return data

    def keep(self, thing):
        self._kept = thing and capnp.retain(thing)

    def many(self, count):
        return [Thing(self._bed) for _ in range(count)]

    async def _pause(self):
        promise = Promise(self._bed.host)
        self.paused.append(promise)
        await promise


def talk(name):
    bed = Bed()
    main = Thing(bed)
    a, b = bed.link(None, main)
    a.conn.dump = dump.to_console(name)
    print("a log has other lines, too: < and > 12")
    thing = a.conn.bootstrap(interop_capnp.Thing)
    assert bed.get(thing.echo(5)).y == 5
    bed.get(thing.blob(b"secret" * 40))
    bed.error(thing.fail(1, "too much \u00e9"))
    bed.error(thing.bare())
    bed.error(thing.cast_as(interop_capnp.Other).nothing())
    # Pipelined, with a callback.
    mine = Thing(bed)
    hop = thing.getSelf()
    assert bed.get(hop.thing.callMe(mine, 7)).sum == 7
    capnp.release(hop)
    bed.settle()
    # A promise that is resolved, and calls that must not overtake one another.
    slow = thing.sameLater(mine)
    early = slow.thing.echo(1)
    thing.keep(slow.thing)
    bed.settle()
    main.paused.pop().resolve(None)
    results = bed.get(slow)
    late = results.thing.echo(2)
    assert bed.get(early).y == 1 and bed.get(late).y == 2
    capnp.release(results)
    # A call that is cancelled.
    waiting = thing.wait()
    bed.settle()
    waiting.cancel_()
    bed.settle()
    capnp.release(bed.get(thing.many(3)))
    bed.settle()
    b.conn.abort(capnp.Error("that is all", capnp.DISCONNECTED))
    b.flush()
    bed.settle()
    print("the end")


talk(*sys.argv[1:])
