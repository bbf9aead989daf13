# SPDX-License-Identifier: MIT
"""More that can happen in a World, loaded when it is needed: see `model_ops`.

("own", s, vat, k)           a Client of an object of the vat's
("subset_", s, ref, method)  the same object without a method
("membrane", s, ref)         the same object behind a membrane
("revoke", ref)
("watch", ref)               when_broken() and settled()
("equal_", ref, ref)
("flow", s, ref, how, (kind, None, None))   a streaming call
("tick", end)                16 seconds have gone by
"""

from invariants import client, drained, equal, object_of, revocable, settled, subset, when_broken
from model import FLOW, MODEL, NAMES, NEXT, WAITING, Found, Node, Ref, follow

from capnrpc_micro.objects.client import retain
from capnrpc_micro.objects.promise import Error

_FIRST = 12  # the first of the bits of links that membranes have
_BITS = 28


def own(play, s, number, k):
    vat = play.world.vats[number]
    thing, node, _ = play.world.pick(vat, -1 - k)
    ref = Ref(NEXT * s, vat, node)
    ref.hold(client(thing))
    play.world.add(ref)


def _same(play, s, number, client, node):
    """A new reference to what another leads to."""
    source = play.world.refs[number]
    ref = Ref(NEXT * s, source.vat, node)
    node.to = source.node
    node.by = source
    ref.become(source)
    ref.hold(client)
    return play.world.add(ref)


def _usable(play, number):
    ref = play.world.refs.get(number)
    return ref if ref is not None and play.world.usable(ref) else None


def subset_(play, s, number, method):
    source = _usable(play, number)
    if source is None:
        return
    names = [name for name in NAMES if name != NAMES[method]]
    node = Node()
    node.denied = method
    _same(play, s, number, subset(play.world.client(source, 0), MODEL, *names), node)


def membrane(play, s, number):
    source = _usable(play, number)
    world = play.world
    bit = _FIRST + len(world.membranes)
    if source is None or bit >= _BITS:
        return
    client, revoke = revocable(world.client(source, 0), MODEL)
    ref = _same(play, s, number, client, Node())
    ref.links = 1 << bit
    world.membranes[ref.number] = (revoke, 1 << bit)


def revoke(play, number):
    revoke, bit = play.world.membranes.get(number, (None, 0))
    if revoke is None or play.world.cut & bit:
        return
    play.world.cut |= bit
    revoke("revoked")


class _Watch:
    """Sees to it that somebody is told when a reference breaks, and when it is settled."""

    def __init__(self, play, ref):
        self.play = play
        self.ref = ref
        self.times = 0
        self.task = None
        client = play.world.client(ref, 0)
        play.kept.append(retain(client))
        when_broken(client, self.broke)
        self.task = play.bed.host.start(self.wait(client))
        self.problem = None
        play.last.append(self.check)

    def broke(self, error):
        self.times += 1
        self.judge(error)

    async def wait(self, client):
        try:
            await settled(client)
        except Error as error:
            self.problem = error
            self.judge(error)

    def judge(self, error):
        """It is broken: may it be?"""
        world = self.play.world
        bits, cancelled = world.reach(self.ref)
        if cancelled or bits & world.cut or world.tight or world.circles:
            return
        reason = follow(self.ref.node).reason
        if reason is None or reason not in ("", error.reason):
            world.fault("a reference is broken", self.ref.number, str(error))

    def check(self):
        """Everything has come to rest."""
        world = self.play.world
        node = follow(self.ref.node)
        if self.times > 1:
            raise Found("when_broken() tells twice: %d" % self.ref.number)
        bits, cancelled = world.reach(self.ref)
        if cancelled or bits & world.cut or world.tight or world.circles:
            return
        if not self.task.done:
            raise Found("settled() waits for ever: %d" % self.ref.number)
        if node.obj is not None and (self.times or self.problem):
            raise Found("it is not broken: %d" % self.ref.number)


def watch(play, number):
    ref = _usable(play, number)
    if ref is not None:
        _Watch(play, ref)


def equal_(play, one, other):
    one = _usable(play, one)
    other = _usable(play, other)
    if one is None or other is None or one.vat is not other.vat:
        return
    world = play.world
    clients = world.client(one, 0), world.client(other, 0)
    same = equal(*clients)
    objects = [object_of(client) for client in clients]
    if same and follow(one.node) is not follow(other.node):
        if None not in (follow(one.node).obj, follow(other.node).obj):
            raise Found("different objects are equal: %d %d" % (one.number, other.number))
    if None not in objects and bool(same) is not (objects[0] is objects[1]):
        raise Found("equal() of two objects of this vat: %r" % same)


def flow(play, s, number, how, plan):
    ref = _usable(play, number)
    if ref is None:
        return
    if not ref.flowed:
        play.last.append(_Flow(play, ref).check)
    play.world.make_call(NEXT * s, ref, FLOW, how, (), plan)


class _Flow:
    """Streaming calls on a reference."""

    def __init__(self, play, ref):
        self.play = play
        self.ref = ref
        self.client = play.world.client(ref, 0)
        play.kept.append(retain(self.client))

    def check(self):
        """Everything has come to rest: so have they."""
        task = self.play.bed.host.start(self.wait())
        self.play.rest()
        if not task.done:
            raise Found("drained() waits for ever: %d" % self.ref.number)

    async def wait(self):
        try:
            await drained(self.client)
        except Error as error:
            if error.reason not in self.play.world.flops:
                self.play.world.fault("drained() fails", self.ref.number, str(error))


def tick(play, number):
    end = play.ends.get(number)
    if end is not None:
        end.conn.tick(16000)
        if end.conn.error is not None:
            play.world.cut |= 1 << number // 2


def operation(random):
    """A random one."""
    chance = random.chance
    what = chance.below(16)
    full = len(random.world.refs) >= random.refs
    if what == 0 and not full:
        return ("own", random.next(), chance.below(len(random.world.vats)), chance.below(3))
    number = random.ref()
    if number < 0 or what == 1:
        return ("tasks",)
    if what < 4:
        return ("watch", number)
    if what == 4:
        return ("equal_", number, random.ref(random.world.refs[number].vat))
    if what < 7 and not full:
        return ("subset_", random.next(), number, chance.below(4))
    if what < 10 and not full:
        return ("membrane", random.next(), number)
    if what == 10 and not random.calm:
        membranes = sorted(random.world.membranes)
        return ("revoke", chance.one_of(membranes)) if membranes else ("tasks",)
    if what == 11 and not random.calm:
        return ("tick", chance.one_of(sorted(random.play.ends)))
    under_way = [c for c in random.world.calls.values() if c.state == WAITING]
    if what < 15 and len(under_way) < random.calls:
        return ("flow", random.next(), number, chance.below(2) * 4, (chance.below(2), None, None))
    return random.deliver()
