# SPDX-License-Identifier: MIT
"""Releases that cross what is sent at the same time, in every order of what happens."""

from bed import THING, Thing
from explore import World, explore

from capnrpc_micro.objects.client import release, retain
from capnrpc_micro.objects.operations import promise

HERE, THERE, BROKEN = range(3)


class Keeper(Thing):
    """Keeps all that it is given."""

    def __init__(self, bed):
        Thing.__init__(self, bed)
        self.all = []

    def keep(self, thing):
        self.all.append(retain(thing))

    def drop(self):
        """Releases the oldest that is left, if there is one."""
        if self.all:
            release(self.all.pop(0))


class Sends(World):
    """A vat sends an object again and again; the other releases it each time, and calls it."""

    def __init__(self, times):
        World.__init__(self)
        bed = self.bed
        self.keeper = Keeper(bed)
        self.thing = Thing(bed)
        a, b = bed.link(None, self.keeper)
        self.there = a.bootstrap()
        bed.settle()
        self.calls = []
        self.vat([a], *[self.send] * times)
        self.vat([b], *[self.use] * times)

    def send(self):
        self.calls.append(self.there.keep(self.thing))

    def use(self):
        if self.keeper.all:
            self.calls.append(self.keeper.all[0].echo(1))
        self.keeper.drop()

    def check(self):
        bed = self.bed
        bed.settle()
        for call in self.calls:
            bed.get(call)
        while self.keeper.all:
            self.keeper.drop()
        assert self.thing.released <= len(self.calls)
        release(self.there)
        bed.check_empty(self.thing, self.keeper)
        assert self.thing.released


class Promises(World):
    """A vat sends a promise, settles it and sends it again; the other uses and releases it each time."""

    def __init__(self, target, pipelined):
        World.__init__(self)
        bed = self.bed
        self.keeper = Keeper(bed)
        self.thing = Thing(bed)
        a, b = bed.link(self.thing, self.keeper)
        self.there, self.back = a.bootstrap(), b.bootstrap()
        if pipelined:  # as the results of a call that the other has made
            self.held = self.back.hold(None)
            bed.settle()
            self.mine = self.held.thing
        else:
            self.held = None
            self.mine, self.resolver = promise(THING, bed.host)
        self.target = target
        self.calls = []
        if pipelined:
            self.vat([a], self.settle)
            self.vat([b], self.call, self.let_go)
        else:
            self.vat([a], self.send, self.settle, self.send)
            self.vat([b], self.use)

    def send(self):
        self.calls.append(self.there.keep(self.mine))

    def settle(self):
        if self.held is not None:
            waiting = self.thing.waiting.pop()
            if self.target == BROKEN:
                waiting.reject(ValueError("no"))
            else:
                waiting.resolve((self.thing, self.there)[self.target])
        elif self.target == BROKEN:
            self.resolver.reject("no")
        else:
            self.resolver.resolve((self.thing, self.there)[self.target])

    def call(self):
        self.calls.append(self.mine.echo(1))

    def let_go(self):
        release(self.held)

    def use(self):
        if self.keeper.all:
            self.calls.append(self.keeper.all[0].echo(1))
        self.keeper.drop()

    def check(self):
        bed = self.bed
        bed.settle()
        for end in bed.ends:
            assert end.conn.error is None
        for call in self.calls:
            assert call._call.settled
        while self.keeper.all:
            self.keeper.drop()
        if self.held is None:
            release(self.mine)
        release(self.there)
        release(self.back)
        bed.check_empty(self.thing, self.keeper)


def test_an_object():
    assert explore(Sends, 2) > 10
    assert explore(Sends, 3) > 50


def test_a_promise():
    runs = 0
    for target in (HERE, THERE, BROKEN):
        runs += explore(Promises, target, False)
    assert runs > 100


def test_the_results_of_a_call():
    runs = 0
    for target in (HERE, THERE, BROKEN):
        runs += explore(Promises, target, True)
    assert runs > 20
