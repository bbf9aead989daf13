# SPDX-License-Identifier: MIT
"""Random operations for a World, all of them from one seed."""

from model import (
    AWAIT,
    BROKEN,
    ECHO,
    ERROR,
    FORWARD,
    KEEP,
    LATER,
    NEXT,
    NOTHING,
    PLAIN,
    RESULTS,
    STAY,
    TASK,
    WAITING,
)
from model_ops import Play

from capnrpc_micro.words import MICROPYTHON

# Vats and links: two of them with one link or two, three in a row or all joined, four in a row, in a ring,
# or around one.
_SHAPES = (
    (2, ((0, 1),)),
    (2, ((0, 1), (0, 1))),
    (3, ((0, 1), (1, 2))),
    (3, ((0, 1), (1, 2), (2, 0))),
    (4, ((0, 1), (1, 2), (2, 3))),
    (4, ((0, 1), (1, 2), (2, 3), (3, 0))),
    (4, ((0, 1), (0, 2), (0, 3))),
)
_TIGHT = (
    {},
    {"questions": 4, "answers": 4},
    {"exports": 4, "imports": 4},
    {"call_bytes": 1000},
    {"embargoes": 1, "exports": 6},
    {"running": 2},
    {"questions": 6, "answers": 3, "exports": 5, "imports": 6, "call_bytes": 1500, "embargoes": 2},
)

# At a time, so that limits are met only where a World is meant to meet them; in a small World half of it.
_MOST_CALLS = 16
_MOST_REFS = 24
_MOST_LINKS = 10


class Chance:
    """Random numbers, the same on every interpreter, from small integers only."""

    def __init__(self, seed):
        self._a = seed % 30000 + 1
        self._b = seed // 30000 % 30000 + 1
        self._c = self._a * self._a % 30323  # else numbers of neighbouring seeds go side by side
        for _ in range(4):
            self.below(2)

    def below(self, n):
        """A number from 0 to n - 1; n at most 2**15."""
        self._a = self._a * 171 % 30269
        self._b = self._b * 172 % 30307
        self._c = self._c * 170 % 30323
        return (self._a + self._b + self._c) % n

    def one_of(self, things):
        """One of a list."""
        return things[self.below(len(things))]


class Random:
    """Makes up operations for a Play.

    small  whether all vats must fit the heap of one board
    calm   whether nothing is cancelled and no link is cut: then nothing may fail
    """

    def __init__(self, seed, small=False):
        chance = self.chance = Chance(seed)
        vats, links = chance.one_of(_SHAPES[:3] if small else _SHAPES)
        limits = _TIGHT[0] if chance.below(4) else chance.one_of(_TIGHT)
        self.calls = _MOST_CALLS >> small
        self.refs = _MOST_REFS >> small
        self.first = ("world", vats, links, limits, not chance.below(3))
        self.calm = not chance.below(2)
        self.small = small
        self.hasty = chance.below(3)  # how often messages are left lying
        self.serial = 0
        self.links = len(links)
        self.waiting = []  # calls under way, and calls whose handler waits, when last looked at

    def begin(self, play):
        """The first operations: everybody asks everybody."""
        self.play = play
        self.world = play.world
        return [
            ("boot", self.next(), end, -1) for end in range(2 * self.links) if self.chance.below(5)
        ]

    def next(self):
        """A new serial number."""
        self.serial += 1
        return self.serial

    def operation(self):
        """The next operation."""
        chance = self.chance
        what = chance.below(100)
        if what < 30 - 8 * self.hasty:
            return self.deliver()
        if what < 45 - 8 * self.hasty:
            return ("tasks",)
        if what < 66:
            return self.call()
        if what < 76:
            return self.answer()
        if what < 86:
            return self.promise()
        if what < 89:
            return self.boot()
        if what < 93:
            return self.drop()
        if what < 96:
            return self.hold()
        if what < 99:
            return ("tasks",) if self.small else __import__("model_more").operation(self)
        return self.hold() if self.calm else self.trouble()

    def deliver(self):
        chance = self.chance
        full = [end.number for end in self.play.bed.ends if end.inbox]
        return ("deliver", chance.one_of(full)) if full else ("tasks",)

    def ref(self, vat=None):
        """The number of a reference, of any vat or of one."""
        refs = list((self.world if vat is None else vat).refs)
        return self.chance.one_of(refs) if refs else -1

    def selector(self, vat):
        """What a vat could pass on."""
        what = self.chance.below(20)
        if what < 11 and vat.refs:
            return self.ref(vat)
        if what < 14:
            return NOTHING
        if what < 15:
            return BROKEN
        return -1 - self.chance.below(4)

    def method(self):
        what = self.chance.below(6)
        return (ECHO, PLAIN, PLAIN, TASK, TASK, STAY)[what]

    def call(self):
        chance = self.chance
        world = self.world
        number = self.ref()
        if number < 0:
            return self.boot()
        under_way = [call for call in world.calls.values() if call.state == WAITING]
        if len(under_way) >= self.calls or len(world.refs) >= self.refs:
            return self.deliver()
        s = self.next()
        vat = world.refs[number].vat
        how = (
            chance.below(2) | (KEEP if chance.below(3) else 0) | (AWAIT if chance.below(2) else 0)
        )
        x, y = self.selector(vat), self.selector(vat)
        what = chance.below(8)
        if what < 4:
            plan = (LATER, None, None)
        elif what < 6:
            # What the callee passes on: its parameters, its own objects, what else there is.
            plan = (RESULTS, self.guess(s), self.guess(s))
        elif what < 7:
            plan = (FORWARD, self.guess(s), chance.below(2))
        else:
            plan = (ERROR, chance.below(4), None)
        return ("call", s, number, self.method(), how, x, y, plan)

    def guess(self, s):
        """What a callee could pass on that is not known yet."""
        what = self.chance.below(5)
        if what < 2:
            return NEXT * s + 2 + what
        if what == 2:
            return self.ref()
        return -1 - self.chance.below(3)

    def answer(self):
        chance = self.chance
        waiting = [call for call in self.world.calls.values() if call.waiting is not None]
        if not waiting:
            return self.deliver()
        call = chance.one_of(waiting)
        vat = call.thing.vat
        what = chance.below(8)
        if what == 0:
            return ("answer", call.number, ERROR, chance.below(4), None)
        if what == 1 and call.method != PLAIN:
            return ("answer", call.number, FORWARD, self.ref(vat), chance.below(2))
        return ("answer", call.number, RESULTS, self.selector(vat), self.selector(vat))

    def promise(self):
        chance = self.chance
        world = self.world
        if world.promises and (chance.below(2) or len(world.promises) > 6):
            number = chance.one_of(sorted(world.promises))
            if not chance.below(6):
                return ("reject", number, chance.below(4))
            return ("resolve", number, self.selector(world.promises[number][0].vat))
        if len(world.refs) >= self.refs:
            return self.deliver()
        return ("promise", self.next(), chance.below(len(world.vats)))

    def boot(self):
        if len(self.world.refs) >= self.refs:
            return self.drop()
        ends = [end for end in self.play.bed.ends if end.conn.error is None]
        if not ends:
            return ("tasks",)
        end = self.chance.one_of(ends)
        selector = -1 if self.chance.below(3) else self.selector(end.peer.vat)
        return ("boot", self.next(), end.number, selector)

    def drop(self):
        done = [c for c in self.world.calls.values() if c.state != WAITING and not c.dropped]
        if done:
            return ("drop", self.chance.one_of(done).number)
        return self.hold()

    def hold(self):
        number = self.ref()
        if number < 0:
            return ("tasks",)
        if self.world.refs[number].held and self.chance.below(3):
            return ("release", number)
        return ("keep", number, self.chance.below(2))

    def trouble(self):
        chance = self.chance
        what = chance.below(12)
        if what > 2:
            waiting = [c for c in self.world.calls.values() if c.state == WAITING]
            return ("cancel", chance.one_of(waiting).number) if waiting else ("tasks",)
        live = [end for end in self.play.bed.ends if end.conn.error is None]
        if what == 0 and self.links < _MOST_LINKS:
            self.links += 1
            one = self.play.ends[chance.below(2)]
            return ("link", self.links - 1, one.vat.number, one.peer.vat.number)
        if not live:
            return ("tasks",)
        return ("cut" if what == 1 else "abort", chance.one_of(live).number)


def run(seed, steps, operations=None, small=MICROPYTHON):
    """Does so many random operations from a seed, and all checks. Returns how many there were.

    operations   a list to which all of them are appended, before they are done
    small        see Random
    """
    if operations is None:
        operations = []
    random = Random(seed, small)
    operations.append(random.first)
    play = Play(random.first)
    for operation in random.begin(play):
        operations.append(operation)
        play.step(operation)
    while play.steps < steps:
        operation = random.operation()
        operations.append(operation)
        play.step(operation)
    play.finish()
    return play.steps


def fuzz(seed, steps):
    """run(), and should it fail, a test that fails in the same way is printed."""
    operations = []
    try:
        return run(seed, steps, operations)
    except Exception as error:
        from model_shrink import report  # here, because it takes memory

        report(operations, error, seed)
        raise
