# SPDX-License-Identifier: MIT
"""Random conversations and random bytes: order is kept, nothing is left, nobody crashes."""

from bed import KINDS, Bed, Thing

from capnrpc_micro.objects.client import release
from capnrpc_micro.words import MICROPYTHON

ROUNDS = 15 if MICROPYTHON else 150
STEPS = 12 if MICROPYTHON else 40  # of a conversation: all its vats share one board's heap


class Chance:
    """Random numbers, the same on every interpreter, from small integers only."""

    def __init__(self, seed):
        self._state = seed * 7919 % 30011 + 1

    def below(self, n):
        self._state = self._state * 5003 % 30011
        return self._state % n

    def one_of(self, things):
        return things[self.below(len(things))]


class Side:
    """One vat's program: it makes calls through references that it has, at random.

    references   lists of a Client, a number for it and how many calls were made through it
    """

    def __init__(self, ends, thing, first, chance):
        self.thing = thing
        self.chance = chance
        self.promises = []
        self.roots = [end.bootstrap() for end in ends]
        self.references = []
        self._first = first
        for root in self.roots:
            self.add(root)

    def add(self, client):
        self.references.append([client, self._first + len(self.references), 0])

    def step(self):
        chance = self.chance
        reference = chance.one_of(self.references)
        what = chance.below(8)
        if what < 4:
            x = reference[1] * 1000 + reference[2]
            reference[2] += 1
            client = reference[0]
            self.promises.append(client.echo(x) if what < 3 else client.later(x))
        elif what == 4:
            self.promises.append(reference[0].self())
            self.add(self.promises[-1].thing)
        elif what < 7:
            passed = self.chance.one_of(self.references)[0] if what == 5 else self.thing
            self.promises.append(reference[0].hold(passed))
            self.add(self.promises[-1].thing)
        elif self.thing.waiting:
            self.thing.waiting.pop(chance.below(len(self.thing.waiting))).resolve(None)


def _converse(seed, three, cancels=False):
    chance = Chance(seed)
    bed = Bed()
    things = [Thing(bed) for _ in range(3 if three else 2)]
    a, b = bed.link(things[0], things[1])
    if three:  # the second vat is in the middle, and passes on what it has of both others
        c, d = bed.link(things[1], things[2])
        sides = [
            Side([a], things[0], 1, chance),
            Side([b, c], things[1], 101, chance),
            Side([d], things[2], 201, chance),
        ]
    else:
        sides = [Side([a], things[0], 1, chance), Side([b], things[1], 101, chance)]
    steps = [end.deliver for end in bed.ends] + [bed.tasks]
    for _ in range(STEPS):
        side = chance.one_of(sides)
        side.step()
        if cancels and side.promises and not chance.below(4):
            chance.one_of(side.promises).cancel_()
        for _ in range(chance.below(4)):
            chance.one_of(steps)()
    bed.settle()
    while sum([len(thing.waiting) for thing in things]):
        for thing in things:
            while thing.waiting:
                thing.waiting.pop().resolve(None)
        bed.settle()
    for end in bed.ends:
        assert end.conn.error is None, end.conn.error
    last = {}
    for thing in things:
        for x in thing.calls:
            if x == "cancelled":
                continue
            reference, count = x // 1000, x % 1000
            assert count > last.get(reference, -1), (seed, reference, thing.calls)
            assert cancels or count == last.get(reference, -1) + 1, "a call was lost"
            last[reference] = count
    for side in sides:
        for reference in side.references:
            assert cancels or last.get(reference[1], -1) == reference[2] - 1, "a call was lost"
        for promise in side.promises:
            error = promise._call.error
            assert error is None or cancels and "cancelled" in error.reason, error
            release(promise)
        for root in side.roots:
            release(root)
    bed.check_empty(*things)


def test_random_conversations_of_two():
    for seed in range(ROUNDS):
        _converse(seed, False)


def test_random_conversations_of_three():
    for seed in range(ROUNDS):
        _converse(seed, True)


def test_random_conversations_with_cancellations():
    for seed in range(ROUNDS):
        _converse(seed, True, True)


def _recorded():
    """What one vat receives in a conversation with messages of most kinds."""
    bed = Bed()
    left, right = Thing(bed), Thing(bed)
    a, b = bed.link(left, right)
    there, back = a.bootstrap(), b.bootstrap()
    held = there.hold(left)
    held.thing.echo(1)
    held.thing.self().thing.later(2)
    there.keep(left)
    there.fail(1)
    there.wait().cancel_()
    back.hold(back).thing.echo(3)
    there.same(held.thing)
    recorded = []
    for k in range(200):
        if k == 100:
            release(there)
        bed.tasks()
        if b.inbox:
            recorded.append(b.inbox[0])
            b.deliver()
        elif not a.deliver():
            for thing in (left, right):
                while thing.waiting:
                    thing.waiting.pop().resolve(None)
    kinds = {KINDS[data[16]] for data in recorded}
    assert len(kinds) >= 6, kinds
    return recorded


def _receives(pieces):
    """Gives a vat these bytes; whatever they are, it survives, and nothing is left of them."""
    bed = Bed()
    thing = Thing(bed)
    end, peer = bed.peer(thing, stall_ms=1)
    mine = end.bootstrap()
    promises = [mine.hold(thing), mine.self()]
    promises.append(promises[0].thing.echo(1))
    for data in pieces:
        end.receive(data)
        bed.tasks()
    while thing.waiting:
        thing.waiting.pop().resolve(None)
    bed.tasks()
    bed.cut()
    for promise in promises:
        release(promise)
    release(mine)
    if thing.kept is not None:
        release(thing.kept)
    bed.host.failed.clear()
    bed.check_empty(thing)
    return end


def test_mutated_conversations():
    recorded = _recorded()
    chance = Chance(77)
    ended = 0
    for _ in range(ROUNDS * 4):
        pieces = [bytearray(data) for data in recorded]
        for _ in range(1 + chance.below(4)):
            data = chance.one_of(pieces)
            where = chance.below(len(data))
            what = chance.below(4)
            if what == 0:
                data[where] ^= 1 << chance.below(8)
            elif what == 1:
                data[where] = chance.one_of((0, 1, 2, 127, 128, 255))
            elif what == 2:
                pieces.insert(chance.below(len(pieces)), data)
            else:
                pieces.remove(data)
        ended += _receives(pieces).conn.aborted
    assert ended, "the changes did no harm at all"


def test_random_bodies():
    """Messages of every kind whose structs are full of random bytes."""
    chance = Chance(5)
    for _ in range(ROUNDS * 4):
        pieces = []
        for _ in range(6):
            size = 2 + chance.below(12)
            data = bytearray([chance.below(256) for _ in range(8 * size)])
            data[:8] = bytes((0, 0, 0, 0, 1, 0, 1, 0))
            data[8:10] = bytes((chance.below(15), 0))
            data[16:24] = bytes(
                (chance.below(3) * 4, 0, 0, 0, chance.below(4), 0, chance.below(4), 0)
            )
            pieces.append(bytes((0, 0, 0, 0, size, 0, 0, 0)) + data)
        _receives(pieces)
