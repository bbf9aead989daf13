# SPDX-License-Identifier: MIT
"""Scenarios that run three times: within one vat, over one connection and across three vats.

everywhere   makes a test of a function that takes a Vats
connected    the same where there is at least one connection, alone: where there is none
Vats         the test's own vat, and one from which it gets things
Wall         an object of the other vat, and our reference to it through a membrane
Giver        a Thing whose method `self` returns what it was told to
"""

import gc

from bed import THING, Bed, Thing

from capnrpc_micro.objects import operations
from capnrpc_micro.objects.client import release, retain
from capnrpc_micro.objects.membrane import revocable
from capnrpc_micro.objects.promise import Error, Promise


class Giver(Thing):
    """A Thing whose method `self` returns what it was told to."""

    def __init__(self, bed, gift):
        Thing.__init__(self, bed)
        self.gift = gift

    def self(self):
        return self.gift


class Vats:
    """Our vat, and another that is so many connections away.

    near, far   the Ends of our connection; None when everything is in one vat
    hops        how many connections there are between the two vats
    """

    def __init__(self, hops, **limits):
        bed = self.bed = Bed()
        self.hops = hops
        self.near = self.far = None
        self._things = []
        self._passed = []
        if hops == 2:
            self._next = bed.link(None, self._restore, limits, limits)[0]
        if hops:
            restore = self._pass_on if hops == 2 else self._restore
            self.near, self.far = bed.link(None, restore, limits, limits)

    def _restore(self, id):
        return self._things[id[0] - 1]

    def _pass_on(self, id):
        client = self._next.conn.bootstrap(THING, id)
        self._passed.append(client)
        return client

    def client(self, thing, interface=None):
        """Our Client of an object of the other vat."""
        if not self.hops:
            return operations.client(thing)
        self._things.append(thing)
        id = bytes([len(self._things)])
        return self.near.conn.bootstrap(interface or thing.interface_, id)

    def given(self, capability):
        """Our Client of what the other vat has: what a call's results bring."""
        giver = self.client(Giver(self.bed, capability))
        results = self.bed.get(giver.self())
        client = retain(results.thing)
        release(results)
        release(giver)
        return client

    def passed(self, client):
        """The other vat's Client of what we have: what a call's parameters bring."""
        taker = Thing(self.bed)
        there = self.client(taker)
        self.bed.get(there.keep(client))
        release(there)
        return taker.kept

    def cut(self):
        """All connections are lost."""
        self.bed.cut()

    def done(self, *things):
        """Checks that nothing is left, and that each of the things was released once."""
        self.bed.settle()
        while self._passed:
            release(self._passed.pop())
        self.bed.check_empty(*things)
        for thing in things:
            assert thing.released == 1, thing.released


class Wall:
    """An object of the other vat, and our reference to it through a membrane."""

    def __init__(self, vats, kind=Thing):
        self.vats = vats
        self.bed = vats.bed
        self.thing = kind(vats.bed)
        self.there = vats.client(self.thing)
        self.outer, self.revoke = revocable(self.there)
        self.membrane = self.outer._hook.membrane

    def done(self, *things):
        """Lets go; checks that the membrane has kept nothing."""
        release(self.outer)
        release(self.there)
        self.vats.done(self.thing, *things)
        self.check()

    def check(self):
        assert self.membrane.wrappers == ({}, {}) and self.membrane.calls == []


def _run(test, hops, limits):
    before = Promise.host
    vats = Vats(hops, **limits)
    Promise.host = vats.bed.host
    try:
        test(vats)
    finally:
        Promise.host = before
        vats = None
        gc.collect()  # a vat goes in circles; the next ones find a heap that is whole


def everywhere(test, **limits):
    """A test that calls `test` with Vats that are no, one and two connections apart."""

    def run():
        for hops in (0, 1, 2):
            try:
                _run(test, hops, limits)
            except Exception:
                print("with %d connections:" % hops)
                raise

    return run


def connected(test, **limits):
    """A test that calls `test` with Vats that are one and two connections apart."""

    def run():
        for hops in (1, 2):
            try:
                _run(test, hops, limits)
            except Exception:
                print("with %d connections:" % hops)
                raise

    return run


def alone(test):
    """A test that calls `test` with Vats that are one."""

    def run():
        _run(test, 0, {})

    return run


def error_of(vats, awaitable):
    """Runs everything; (type, reason) of the Error that the awaitable fails with."""
    error = vats.bed.error(awaitable)
    return error.type, error.reason


def raised(fn, *arguments, kind=Error):
    """The exception that a call raises."""
    try:
        fn(*arguments)
    except kind as error:
        return error
    raise AssertionError("an exception was expected")


def finishes_of(vats):
    """How many Finish messages were sent."""
    return sum(end.sent.count("finish") for end in vats.bed.ends)


def canceled(vats, fn):
    """Lets fn cancel something: on each connection one more Finish goes out."""
    bed = vats.bed
    bed.settle()
    before = finishes_of(vats)
    fn()
    bed.settle()
    assert finishes_of(vats) - before == vats.hops
    for end in bed.ends:
        assert end.conn.error is None
