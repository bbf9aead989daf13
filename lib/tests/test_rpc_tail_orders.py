# SPDX-License-Identifier: MIT
"""Tail calls between two of ours, in every order of what happens: pipelined on, cancelled, from both sides
at once."""

from bed import THING, Thing
from explore import World, explore

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import promise

PLAIN, TASK, LATER, FAILS = range(4)  # what is called
USED, CANCELLED, DROPPED = range(3)  # and what becomes of it


class Door(Thing):
    """Its hold() returns itself, once it is open."""

    open = False

    async def hold(self, thing):
        if not self.open:
            await self.pause()
        return self

    def let(self):
        self.open = True
        while self.waiting:
            self.waiting.pop().resolve(None)


class Reflected(World):
    """A vat calls a promise of the other's that turns out to be its own object.

    method    of the object
    end       what the caller does with the call
    both      whether the other does the same at the same time
    """

    def __init__(self, method, end, both):
        World.__init__(self)
        bed = self.bed
        self.things = Door(bed), Door(bed)
        self.method = method
        self.end = end
        ends = bed.link(*self.things)
        self.rest = [end.bootstrap() for end in ends]
        self.made = []
        steps = ([], [])
        for k in range(1 + both):
            ends[k].conn.tails = ends[1 - k].conn.tails = True
            thing = self.things[k]
            thing.open = method == TASK
            to_caller = self.rest[1 - k]
            mine, resolver = promise(THING, bed.host)
            bed.get(to_caller.keep(mine))
            self.rest += [mine, thing.kept]
            calls = [None, None, None]
            self.made.append(calls)
            steps[k].extend(self._calling(calls, thing.kept, k * 10)[: 2 - both])
            if method == LATER:
                steps[k].append(thing.let)
            steps[1 - k].append(self._settling(resolver, to_caller))
        for k in range(2):
            self.vat([ends[k]], *steps[k])

    def _settling(self, resolver, target):
        return lambda: resolver.resolve(target)

    def _calling(self, calls, seen, x):
        def call():
            if self.method == PLAIN:
                calls[0] = seen.self()
            elif self.method == FAILS:
                calls[0] = seen.fail(3)
            else:
                calls[0] = seen.hold(None)
            if self.method != FAILS:
                calls[1] = calls[0].thing.echo(x + 1)

        def end():
            if self.end == USED:
                if self.method != FAILS:
                    calls[2] = calls[0].thing.echo(x + 2)
            elif self.end == CANCELLED:
                calls[0].cancel_()
            else:
                release(calls[0])

        return call, end

    def check(self):
        bed = self.bed
        bed.settle()
        for end in bed.ends:
            assert end.conn.error is None
        for k, calls in enumerate(self.made):
            thing = self.things[k]
            if self.method == FAILS:
                assert bed.error(calls[0]).type == 3 or self.end != USED
            elif self.end == USED:
                results = bed.get(calls[0])
                assert results.thing._hook.resolved().server is thing
                numbers = [bed.get(call).y for call in calls[1:] if call is not None]
                assert numbers == [10 * k + 1, 10 * k + 2][: len(numbers)] == thing.calls
                release(results)
            else:
                assert calls[0]._call.settled and calls[1]._call.settled
                assert [x for x in thing.calls if x != "cancelled"] in ([], [10 * k + 1])
                if self.end == CANCELLED and calls[0]._call.error is None:
                    release(calls[0])
        for client in self.rest:
            release(client)
        bed.check_empty(*self.things)


class Returned(World):
    """The object passes on what it was given: the results of the call, for which those pipelined on it have
    gone through both vats twice, lead back to the other vat."""

    def __init__(self, tails):
        World.__init__(self)
        bed = self.bed
        self.things = left, right = Thing(bed), Thing(bed)
        a, b = bed.link(left, right)
        a.conn.tails = b.conn.tails = tails
        there, back = a.bootstrap(), b.bootstrap()
        mine, resolver = promise(THING, bed.host)
        bed.get(back.keep(mine))
        self.rest = [there, back, mine, left.kept]
        self.calls = []
        self.vat([a], lambda: self.call(left.kept, there), lambda: self.pipeline(2))
        self.vat([b], lambda: resolver.resolve(back))

    def call(self, seen, there):
        self.results = seen.same(there)
        self.pipeline(1)

    def pipeline(self, x):
        self.calls.append(self.results.thing.echo(x))

    def check(self):
        bed = self.bed
        bed.settle()
        assert [bed.get(call).y for call in self.calls] == [1, 2]
        assert self.things[1].calls == [1, 2]
        for client in [self.results] + self.rest:
            release(client)
        bed.check_empty(*self.things)


def _explore(methods, ends, both):
    runs = 0
    for method in methods:
        for end in ends:
            runs += explore(Reflected, method, end, both)
    return runs


def test_pipelined():
    assert _explore((PLAIN, TASK, LATER, FAILS), (USED,), False) > 50


def test_cancelled():
    assert _explore((PLAIN, TASK, LATER, FAILS), (CANCELLED, DROPPED), False) > 100


def test_both_sides_at_once():
    assert _explore((PLAIN,), (USED,), True) > 50


def test_results_that_lead_back():
    for tails in (False, True):
        assert explore(Returned, tails) > 10
