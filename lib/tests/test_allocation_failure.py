# SPDX-License-Identifier: MIT
"""Memory runs out, anywhere: the call or the connection ends as overloaded, and the vat serves on.

Each scenario is run once for every allocation that it makes on the board, with that one failing.
"""

from bed import OTHER, THING, Thing
from kinds import INT32, INTERFACE
from shortage import Once, exhaust

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


def bootstrap(bed):
    end = bed.join()
    bed.begin()
    client = bed.hold(end.bootstrap())
    bed.ask(client.echo(1), 1)


def plain_calls(bed):
    bed.begin()
    there = bed.there
    bed.ask(there.echo(1), 1)
    bed.ask(there.blob(bytes(100)))
    bed.ask(there.fail(FAILED), fails=FAILED)
    bed.ask(there.bare(), fails=UNIMPLEMENTED)
    bed.ask(there.cast_as(OTHER).other(), fails=UNIMPLEMENTED)
    bed.ask(there.many(2))


def large_messages(bed):
    """Longer than the buffers, both ways."""
    bed.begin()
    there = bed.there
    bed.ask(there.blob(bytes(1500)))
    bed.ask(there.echo(1), 1)
    bed.ask(there.many(12))


def coroutines(bed):
    bed.begin()
    there = bed.there
    bed.ask(there.later(1), 1)
    bed.ask(there.wait())
    bed.ask(there.echo(2), 2)
    bed.ask(there.later(3), 3)
    bed.settle()


def first_call(bed):
    """Of a class: its methods are looked up."""
    bed.begin()
    bed.ask(bed.ask(bed.there.self()).thing.echo(1), 1)


def capabilities(bed):
    bed.begin()
    there = bed.there
    bed.ask(there.same(bed.at_a))
    bed.ask(there.same(there))
    bed.ask(there.callMe(bed.at_a, 3), 3)
    bed.ask(there.keep(bed.at_a))
    bed.ask(there.pair())


def pipelines(bed):
    bed.begin()
    there = bed.there
    held = bed.ask(there.hold(there))
    bed.ask(bed.ask(held.thing.self()).thing.later(1), 1)
    bed.settle()
    bed.go_on()


def more_pipelines(bed):
    bed.begin()
    there = bed.there
    held = bed.ask(there.hold(there))
    bed.ask(bed.ask(there.pair()).box.thing.echo(1), 1)
    bed.ask(there.callMe(held.thing, 2), 2)
    bed.settle()
    bed.go_on()


def broken_pipelines(bed):
    bed.begin()
    there = bed.there
    held = bed.ask(there.hold(None))
    bed.ask(held.thing.echo(1), fails=FAILED)
    bed.ask(held.thing.self().thing.echo(1), fails=FAILED)
    bed.settle()
    bed.go_on()


def embargo(bed):
    """What a peer pipelined to its own object comes back before what it sends there later."""
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


def promise_for_the_board(bed):
    """A parameter is a promise; the board calls it, and is told later what it is."""
    to_c, _ = bed.far()
    bed.begin()
    there = bed.there
    held = bed.hold(to_c.hold(bed.at_a))
    bed.ask(there.keep(held.thing))
    bed.ask(there.callMe(held.thing, 1), 1)
    bed.settle()
    bed.go_on()


def promise_of_its_own(bed):
    """The same, and it is an object of the board's: behind an embargo."""
    to_c, _ = bed.far()
    bed.begin()
    there = bed.there
    held = bed.hold(to_c.hold(there))
    bed.ask(there.keep(held.thing))
    bed.ask(there.callMe(held.thing, 1), 1)
    bed.settle()
    bed.go_on()


def promise_of_the_board(bed):
    """A result is a promise; the peer calls it, and is told later what it is."""
    _, bed.server.far = bed.far()
    bed.begin()
    thing = bed.ask(bed.there.pair()).thing
    bed.ask(thing.echo(1), 1)
    bed.settle()
    bed.ask(thing.echo(2), 2)
    bed.settle()
    bed.go_on()


def cancellation(bed):
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


def releases(bed):
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


def forwarding(bed):
    """Calls, their results and errors pass through the board."""
    far = _through(bed)
    bed.ask(far.echo(1), 1)
    bed.ask(far.blob(bytes(50)))
    bed.ask(far.fail(FAILED), fails=FAILED)
    bed.ask(bed.ask(far.self()).thing.later(2), 2)


def forwarded_capabilities(bed):
    far = _through(bed)
    bed.ask(far.same(bed.at_a))
    bed.ask(far.callMe(bed.at_a, 1), 1)


def forwarded_results(bed):
    """A method returns a call to another vat as its own results."""
    _, bed.server.far = bed.far()
    bed.begin()
    there = bed.there
    bed.ask(there.callMe(bed.at_a, 1), 1)
    bed.ask(bed.ask(there.same(bed.at_a)).thing.echo(2), 2)


def forwarded_cancellation(bed):
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


def disconnection(bed):
    """The link ends while everything is under way."""
    _under_way(bed)
    bed.a.peer.conn.lost("cut")


def abort(bed):
    """The peer ends it with a reason."""
    _under_way(bed)
    bed.a.conn.abort(Error("enough", OVERLOADED))
    bed.a.flush()


def far_disconnection(bed):
    """The link to the vat behind the board ends."""
    _under_way(bed)
    bed.c.peer.conn.lost("cut")


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


def calls_of_the_board(bed):
    """Calls with capabilities, pipelined; one is an object of the board's own, behind an embargo."""
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


def cancellation_by_the_board(bed):
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


def results_on_the_board(bed):
    bed.begin()
    bed.run(_keeps)
    bed.settle()


def declarations(bed):
    """Names are looked up in tables that are made when they are first used."""
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


def test_bootstrap():
    exhaust(bootstrap, Once)


def test_plain_calls():
    exhaust(plain_calls, Once)


def test_large_messages():
    exhaust(large_messages, Once)


def test_coroutines():
    exhaust(coroutines, Once)


def test_first_call():
    exhaust(first_call, Once, Fresh)


def test_capabilities():
    exhaust(capabilities, Once)


def test_pipelines():
    exhaust(pipelines, Once)


def test_more_pipelines():
    exhaust(more_pipelines, Once)


def test_broken_pipelines():
    exhaust(broken_pipelines, Once)


def test_embargo():
    exhaust(embargo, Once)


def test_promise_for_the_board():
    exhaust(promise_for_the_board, Once)


def test_promise_of_its_own():
    exhaust(promise_of_its_own, Once)


def test_promise_of_the_board():
    exhaust(promise_of_the_board, Once, Gate)


def test_cancellation():
    exhaust(cancellation, Once)


def test_releases():
    exhaust(releases, Once)


def test_forwarding():
    exhaust(forwarding, Once, Gate)


def test_forwarded_capabilities():
    exhaust(forwarded_capabilities, Once, Gate)


def test_forwarded_results():
    exhaust(forwarded_results, Once, Gate)


def test_forwarded_cancellation():
    exhaust(forwarded_cancellation, Once, Gate)


def test_disconnection():
    exhaust(disconnection, Once, Gate)


def test_abort():
    exhaust(abort, Once, Gate)


def test_far_disconnection():
    exhaust(far_disconnection, Once, Gate)


def test_calls_of_the_board():
    exhaust(calls_of_the_board, Once)


def test_cancellation_by_the_board():
    exhaust(cancellation_by_the_board, Once)


def test_results_on_the_board():
    exhaust(results_on_the_board, Once)


def test_declarations():
    exhaust(declarations, Once)
