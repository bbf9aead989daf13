# SPDX-License-Identifier: MIT
"""Promises of two vats that become known at the same time, in every order of what happens: E-order, and
nothing that is left.

Each vat has a promise that the other calls. It turns out to be an object here, an object there, or the
promise of the other vat; so paths get shorter while others get shorter, too (the "Tribble 4-way race" of
rpc.capnp).
"""

from bed import THING, Thing
from explore import World, explore

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import promise

HERE, THERE, PROMISE = range(3)


class Side:
    """One vat: its object, its promise and how it is settled, what it knows of the other vat."""

    def __init__(self, bed):
        self.thing = Thing(bed)
        self.rest = []  # to be released

    def offer(self, bed, other, returns):
        """Gives the other vat a promise: the results of a call of its, or a promise as a parameter."""
        if returns:
            call = other.there.hold(None)
            bed.settle()
            other.seen = call.thing
            other.rest.append(call)
            self.settle = self.thing.waiting.pop().resolve
        else:
            mine, resolver = promise(THING, bed.host)
            bed.get(self.there.keep(mine))
            other.seen = other.thing.kept
            self.settle = resolver.resolve
            self.rest.append(mine)
            other.rest.append(other.seen)


class Crossing(World):
    """Both promises become known; who calls does so before and after its own does.

    returns   for each vat, whether its promise is the result of a call, or a parameter
    targets   for each vat, what its promise turns out to be
    caller    which vat calls
    """

    def __init__(self, returns, targets, caller, tails=False):
        World.__init__(self)
        bed = self.bed
        self.sides = left, right = Side(bed), Side(bed)
        ends = bed.link(left.thing, right.thing)
        left.there, right.there = ends[0].bootstrap(), ends[1].bootstrap()
        left.offer(bed, right, returns[0])
        right.offer(bed, left, returns[1])
        self.calls = []
        for k, side in enumerate(self.sides):
            side.rest.append(side.there)
            ends[k].conn.tails = tails
            steps = [self._settling(side, targets[k])]
            if k == caller:
                steps.insert(0, self._calling(side, 1))
                steps.append(self._calling(side, 2))
            self.vat([ends[k]], *steps)

    def _settling(self, side, target):
        return lambda: side.settle((side.thing, side.there, side.seen)[target])

    def _calling(self, side, x):
        return lambda: self.calls.append(side.seen.echo(x))

    def check(self):
        bed = self.bed
        bed.settle()
        served = self.sides[0].thing.calls + self.sides[1].thing.calls
        assert [bed.get(call).y for call in self.calls] == [1, 2]
        assert served == [1, 2], served
        for end in bed.ends:
            assert end.conn.error is None
        for side in self.sides:
            for thing in side.rest:
                release(thing)
        bed.check_empty(self.sides[0].thing, self.sides[1].thing)


def _explore(left, right, callers=(0,)):
    runs = 0
    for tails in (False, True):
        for k in range(8):  # not two promises that wait for each other: see test_rpc_rings
            for caller in callers:
                targets = k // 3, k % 3
                runs += explore(Crossing, (left, right), targets, caller, tails)
    return runs


def test_promises_as_parameters():
    assert _explore(False, False) > 300


def test_promises_of_results():
    assert _explore(True, True) > 300


def test_a_promise_of_results_and_one_as_a_parameter():
    assert _explore(True, False, (0, 1)) > 600
