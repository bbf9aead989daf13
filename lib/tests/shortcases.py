# SPDX-License-Identifier: MIT
"""Scenarios for a vat that is short of memory (see `shortage`): all that peers and programs do.

Each is a function that gets one that makes its Short bed, with the class of the board's main object.
"""

from bed import OTHER, THING, Thing
from kinds import INT32, INTERFACE

from capnrpc_micro.objects.client import release, retain
from capnrpc_micro.objects.promise import FAILED, OVERLOADED, UNIMPLEMENTED, Error
from capnrpc_micro.schema import Interface, Struct


class Fresh(Thing):
    """`self` returns an object of a class that has never been called."""

    def self(self):
        class New(Thing):
            pass

        return New(self)


class Gate(Thing):
    """Passes on what another vat has: `far` is a Client of an object there."""

    def self(self):
        return self.far or self

    def callMe(self, thing, x):
        return self.far.callMe(thing, x) if self.far else Thing.callMe(self, thing, x)

    def same(self, thing):
        return self.far.same(thing)

    def pair(self):
        self.kept = self.far.hold(self)
        return {"thing": self.kept.thing}


# What a peer does with the board.


def bootstrap(short):
    bed = short()
    end = bed.join()
    bed.begin()
    client = bed.hold(end.bootstrap())
    bed.ask(client.echo(1), 1)


def plain_calls(short):
    bed = short()
    bed.begin()
    there = bed.there
    bed.ask(there.echo(1), 1)
    bed.ask(there.blob(bytes(100)))
    bed.ask(there.fail(FAILED), fails=FAILED)
    bed.ask(there.bare(), fails=UNIMPLEMENTED)
    bed.ask(there.cast_as(OTHER).other(), fails=UNIMPLEMENTED)
    bed.ask(there.many(2))


def large_messages(short):
    """Longer than the buffers, both ways."""
    bed = short()
    bed.begin()
    there = bed.there
    bed.ask(there.blob(bytes(1500)))
    bed.ask(there.echo(1), 1)
    bed.ask(there.many(12))


def coroutines(short):
    bed = short()
    bed.begin()
    there = bed.there
    bed.ask(there.later(1), 1)
    bed.ask(there.wait())
    bed.ask(there.echo(2), 2)
    bed.ask(there.later(3), 3)
    bed.settle()


def first_call(short):
    """Of a class: its methods are looked up."""
    bed = short(Fresh)
    bed.begin()
    bed.ask(bed.ask(bed.there.self()).thing.echo(1), 1)


def capabilities(short):
    bed = short()
    bed.begin()
    there = bed.there
    bed.ask(there.same(bed.at_a))
    bed.ask(there.same(there))
    bed.ask(there.callMe(bed.at_a, 3), 3)
    bed.ask(there.keep(bed.at_a))
    bed.ask(there.pair())


def pipelines(short):
    bed = short()
    bed.begin()
    there = bed.there
    held = bed.ask(there.hold(there))
    bed.ask(bed.ask(held.thing.self()).thing.later(1), 1)
    bed.settle()
    bed.go_on()


def more_pipelines(short):
    bed = short()
    bed.begin()
    there = bed.there
    held = bed.ask(there.hold(there))
    bed.ask(bed.ask(there.pair()).box.thing.echo(1), 1)
    bed.ask(there.callMe(held.thing, 2), 2)
    bed.settle()
    bed.go_on()


def broken_pipelines(short):
    bed = short()
    bed.begin()
    there = bed.there
    held = bed.ask(there.hold(None))
    bed.ask(held.thing.echo(1), fails=FAILED)
    bed.ask(held.thing.self().thing.echo(1), fails=FAILED)
    bed.settle()
    bed.go_on()


def embargo(short):
    """What a peer pipelined to its own object comes back before what it sends there later."""
    bed = short()
    bed.begin()
    held = bed.ask(bed.there.hold(bed.at_a))
    bed.ask(held.thing.echo(1), 1)
    bed.ask(held.thing.echo(2), 2)
    bed.settle()
    for promise in bed.server.waiting:
        promise.resolve(None)
    bed.tasks()
    while bed.a.deliver():  # the Return: it is its own object
        pass
    bed.ask(held.thing.echo(3), 3)


def promise_for_the_board(short):
    """A parameter is a promise; the board calls it, and is told later what it is."""
    bed = short()
    to_c, _ = bed.far()
    bed.begin()
    there = bed.there
    held = bed.hold(to_c.hold(bed.at_a))
    bed.ask(there.keep(held.thing))
    bed.ask(there.callMe(held.thing, 1), 1)
    bed.settle()
    bed.go_on()


def promise_of_its_own(short):
    """The same, and it is an object of the board's: behind an embargo."""
    bed = short()
    to_c, _ = bed.far()
    bed.begin()
    there = bed.there
    held = bed.hold(to_c.hold(there))
    bed.ask(there.keep(held.thing))
    bed.ask(there.callMe(held.thing, 1), 1)
    bed.settle()
    bed.go_on()


def promise_of_the_board(short):
    """A result is a promise; the peer calls it, and is told later what it is."""
    bed = short(Gate)
    _, bed.server.far = bed.far()
    bed.begin()
    thing = bed.ask(bed.there.pair()).thing
    bed.ask(thing.echo(1), 1)
    bed.settle()
    bed.ask(thing.echo(2), 2)
    bed.settle()
    bed.go_on()


def cancellation(short):
    bed = short()
    bed.begin()
    there = bed.there
    waits = bed.ask(there.wait(), fails=FAILED)
    begins = bed.ask(there.later(1), fails=FAILED)
    begins.cancel_()
    held = bed.ask(there.hold(there), fails=FAILED)
    waiting = bed.ask(held.thing.echo(1), fails=FAILED)
    asks = bed.ask(there.callMe(bed.at_a, 1), fails=FAILED)
    bed.ask(there.echo(2), 2)
    bed.tasks()
    bed.a.peer.deliver()
    asks.cancel_()
    bed.settle()
    waiting.cancel_()
    waits.cancel_()
    bed.settle()
    held.cancel_()
    bed.settle()


def releases(short):
    bed = short()
    bed.begin()
    there = bed.there
    bed.get_or_not(there.keep(bed.at_a))
    for call in (there.many(3), there.self(), there.same(bed.at_a)):
        results = bed.get_or_not(call)
        if results is not None:
            release(results)
    bed.settle()


def _through(bed):
    _, bed.server.far = bed.far()
    bed.begin()
    far = bed.ask(bed.there.self()).thing
    bed.settle()
    return far


def forwarding(short):
    """Calls, their results and errors pass through the board."""
    bed = short(Gate)
    far = _through(bed)
    bed.ask(far.echo(1), 1)
    bed.ask(far.blob(bytes(50)))
    bed.ask(far.fail(FAILED), fails=FAILED)
    bed.ask(bed.ask(far.self()).thing.later(2), 2)


def forwarded_capabilities(short):
    bed = short(Gate)
    far = _through(bed)
    bed.ask(far.same(bed.at_a))
    bed.ask(far.callMe(bed.at_a, 1), 1)


def forwarded_results(short):
    """A method returns a call to another vat as its own results."""
    bed = short(Gate)
    _, bed.server.far = bed.far()
    bed.begin()
    there = bed.there
    bed.ask(there.callMe(bed.at_a, 1), 1)
    bed.ask(bed.ask(there.same(bed.at_a)).thing.echo(2), 2)


def forwarded_cancellation(short):
    bed = short(Gate)
    far = _through(bed)
    far.wait().cancel_()
    waits = bed.ask(far.wait(), fails=FAILED)
    bed.settle()
    waits.cancel_()
    bed.settle()


def _under_way(bed):
    _, bed.server.far = bed.far()
    bed.begin()
    there = bed.there
    held = bed.ask(there.hold(bed.at_a))
    bed.ask(held.thing.echo(1), 1)
    bed.ask(there.keep(bed.at_a))
    bed.ask(bed.ask(there.self()).thing.wait())
    bed.run(_asks)
    bed.settle()
    bed.disconnects()


def disconnection(short):
    """The link ends while everything is under way."""
    bed = short(Gate)
    _under_way(bed)
    bed.a.peer.conn.lost("cut")
    bed.a.peer.flush()


def abort(short):
    """The peer ends it with a reason."""
    bed = short(Gate)
    _under_way(bed)
    bed.a.conn.abort(Error("enough", OVERLOADED))
    bed.a.flush()


def far_disconnection(short):
    """The link to the vat behind the board ends."""
    bed = short(Gate)
    _under_way(bed)
    bed.c.peer.conn.lost("cut")
    bed.c.peer.flush()


# What a program on the board does.


async def _asks(bed, kept):
    back = bed.back
    kept[0] = back.hold(bed.server)
    kept[1] = kept[0].thing.echo(1)
    kept[2] = back.self()
    kept[3] = kept[2].thing.self()
    kept[4] = kept[3].thing.later(2)
    assert (await kept[4]).y == 2
    assert (await kept[1]).y == 1


def calls_of_the_board(short):
    """Calls with capabilities, pipelined; one is an object of the board's own, behind an embargo."""
    bed = short()
    bed.begin()
    bed.run(_asks)
    bed.settle()
    bed.go_on()


async def _cancels(bed, kept):
    back = bed.back
    kept[0] = back.wait()
    kept[1] = back.hold(bed.server)
    kept[2] = kept[1].thing.echo(1)
    kept[3] = back.fail(FAILED)
    kept[4] = back.same(None)
    kept[5] = kept[4].thing.echo(1)
    try:
        await kept[3]
    except Error as error:
        if error.type != FAILED:
            raise
    kept[0].cancel_()
    kept[2].cancel_()


def cancellation_by_the_board(short):
    bed = short()
    bed.begin()
    bed.run(_cancels)
    bed.settle()


async def _keeps(bed, kept):
    # A call is kept before it is awaited, so that its results can be released whatever happens.
    back = bed.back
    kept[0] = back.self()
    kept[1] = retain((await kept[0]).thing)
    kept[2] = back.pair()
    await kept[2]
    release(kept[2])
    kept[2] = None
    await kept[1].echo(1)
    # Its own object, without a wire.
    kept[3] = kept[1].same(bed.server)
    mine = (await kept[3]).thing
    kept[4] = mine.later(2)
    kept[5] = mine.self()
    assert (await kept[4]).y == 2
    kept[6] = kept[5].thing.same(back)
    await kept[6]


def results_on_the_board(short):
    bed = short()
    bed.begin()
    bed.run(_keeps)
    bed.settle()


def declarations(short):
    """Names are looked up in tables that are made when they are first used."""
    bed = short()
    x = Struct("", 1, 0, ("x", INT32 | 0 << 5, None))
    y = Struct("", 1, 0, ("y", INT32 | 0 << 5, None))
    thing = Struct("", 0, 1, ("thing", INTERFACE | 0 << 5, THING))
    new = Interface("New", THING.id_)
    new.methods_("echo", x, y, "later", x, y, "self", Struct("", 0, 0), thing)

    async def calls(bed, kept):
        back = bed.back.cast_as(new)
        kept[0] = back.self()
        assert (await back.later(x=1)).y == 1
        kept[2] = (await kept[0]).thing.echo(2)
        assert (await kept[2]).y == 2

    bed.begin()
    bed.run(calls)
    bed.settle()
