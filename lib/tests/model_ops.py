# SPDX-License-Identifier: MIT
"""What can happen in a World, as tuples: they can be recorded, replayed, and left out one by one.

An operation names references and calls by stable numbers. It does nothing where what it names is not
there. An operation with a serial number s makes what is numbered from NEXT * s.

    ("world", vats, ((vat, vat), ...), {limits}, tails)
                                       first of all; the links are numbered from 0; whether the vats
                                       know of each other that they understand tail calls
    ("boot", s, end, selector)         the vat at an end asks for the other's main object
    ("call", s, ref, method, how, selector, selector, (kind, x, y))
    ("answer", call, kind, x, y)       its handler answers: selectors, an error's type, a ref and method
    ("cancel", call)   ("drop", call)
    ("keep", ref, how)   ("release", ref)
    ("promise", s, vat)   ("resolve", ref, selector)   ("reject", ref, type)
    ("deliver", end)   ("tasks",)
    ("cut", end)                       one end loses the connection; the other learns of it later
    ("abort", end)                     one end ends it, and tells
    ("link", number, vat, vat)         a new link

What else there is, is in `model_more`, which is loaded when it is needed.

End 2 * link is the first vat's, 2 * link + 1 the second's.
"""

import invariants
from model import (
    DONE,
    ECHO,
    LATER,
    MODEL,
    NEXT,
    NOTHING,
    PLAIN,
    RESULTS,
    WAITING,
    Found,
    Node,
    Ref,
    denies,
    follow,
)
from model_world import World

from capnrpc_micro.objects.client import Client, release, retain
from capnrpc_micro.objects.promise import OVERLOADED, Error

_MOST_DELIVERIES = 5000  # until everything has come to rest


class Play:
    """A World in which operations happen.

    steps   how many have happened
    """

    def __init__(self, first):
        _, vats, links, limits, self.tails = first
        self.world = World(vats, limits)
        self.bed = self.world.bed
        self.ends = {}
        self.asked = {}
        self.last = []  # what is to be checked when all has come to rest: functions
        self.kept = []  # Clients that are released in the end
        self.steps = 0
        for number in range(len(links)):
            self.link(number, *links[number])

    def step(self, operation):
        """Does an operation and checks everything."""
        self.steps += 1
        name = operation[0]
        if hasattr(self, name):
            getattr(self, name)(*operation[1:])
        else:
            getattr(__import__("model_more"), name)(self, *operation[1:])
        self.check()

    def check(self):
        """Checks everything that holds at any time."""
        bed = self.bed
        if bed.host.flushes:
            bed.flush()
        faults = self.world.faults
        if faults:
            raise Found(faults[0])
        for task in bed.host.failed:
            raise task.error
        for end in bed.ends:
            if end.conn.error is not None:
                self._ended(end)
            invariants.check(end)
        ends = bed.ends
        for k in range(0, len(ends), 2):
            a = ends[k]
            b = ends[k + 1]
            if invariants.is_idle(a, b):
                invariants.check_pair(a, b)
                invariants.check_pair(b, a)

    def _ended(self, end):
        world = self.world
        bit = 1 << end.number // 2
        if not world.cut & bit:
            error = end.conn.error
            if not (world.tight and error.type == OVERLOADED):
                raise Found("a connection ends: %s" % error)
            world.cut |= bit

    # Operations.

    def link(self, number, left, right):
        if 2 * number in self.ends:
            return
        world = self.world
        ends = self.bed.link(
            lambda id: self.restore(2 * number, id),
            lambda id: self.restore(2 * number + 1, id),
            world.limits,
            world.limits,
        )
        for k in range(2):
            end = ends[k]
            end.number = 2 * number + k
            end.vat = world.vats[right if k else left]
            end.conn.tails = self.tails
            self.ends[end.number] = end

    def boot(self, s, number, selector):
        end = self.ends.get(number)
        if end is None:
            return
        ref = Ref(NEXT * s, end.vat, Node())
        ref.links = 1 << number // 2
        ref.hold(end.conn.bootstrap(MODEL, str(ref.number).encode()))
        self.world.add(ref)
        self.asked[ref.number] = (ref, selector)

    def restore(self, number, id):
        """The main object that the peer of an end has asked for."""
        vat = self.ends[number].vat
        if not id:
            return vat.things[0]
        ref, selector = self.asked.pop(int(id))
        value, node, source = self.world.pick(vat, selector, ref.node)
        if value is None:
            value, node, source = self.world.pick(vat, -1)
        self.world.becomes(ref.node, node, source)
        ref.become(source)
        return value

    def call(self, s, number, method, how, a, b, plan):
        ref = self.world.refs.get(number)
        if ref is not None and self.world.usable(ref):
            self.world.make_call(NEXT * s, ref, method, how, (a, b), plan)

    def answer(self, number, kind, x, y):
        call = self.world.calls.get(number)
        if call is None or call.waiting is None:
            return
        waiting = call.waiting
        call.waiting = None
        if call.method != PLAIN:
            waiting.resolve((kind, x, y))
            return
        try:
            value = self.world.answers(call, RESULTS if kind > 2 else kind, x, y)
        except Error as error:
            waiting.reject(error)
        else:
            clients = [retain(value[name]) for name in "pq" if isinstance(value[name], Client)]
            waiting.resolve(value)
            self.bed.host.step()
            for client in clients:  # the results have been sent
                release(client)

    def cancel(self, number):
        call = self.world.calls.get(number)
        if call is not None and call.state == WAITING and not call.handed and not call.cancelled:
            self.world.cancel(call)

    def drop(self, number):
        call = self.world.calls.get(number)
        if call is not None and call.state != WAITING:
            self.world.drop(call)

    def keep(self, number, how):
        ref = self.world.refs.get(number)
        if ref is not None and self.world.usable(ref):
            ref.hold(retain(self.world.client(ref, how)))

    def release(self, number):
        ref = self.world.refs.get(number)
        if ref is not None and ref.held:
            client = ref.held[-1]
            ref.held = ref.held[:-1]
            release(client)
            self.world.forget(ref)

    def promise(self, s, vat):
        world = self.world
        ref = Ref(NEXT * s, world.vats[vat], Node())
        client, resolver = invariants.promise(MODEL)
        ref.hold(client)
        world.add(ref)
        world.promises[ref.number] = (ref, resolver)

    def resolve(self, number, selector):
        world = self.world
        ref, resolver = world.promises.get(number, (None, None))
        if ref is None:
            return
        value, node, source = world.pick(ref.vat, selector, ref.node)
        if value is None:
            return
        del world.promises[number]
        world.becomes(ref.node, node, source)
        ref.become(source)
        resolver.resolve(value)

    def reject(self, number, type):
        ref, resolver = self.world.promises.pop(number, (None, None))
        if ref is not None:
            ref.node.reason = "rejected %d" % number
            resolver.reject(Error(ref.node.reason, type))

    def deliver(self, number):
        end = self.ends.get(number)
        if end is not None:
            end.deliver()

    def tasks(self):
        self.bed.host.step()

    def cut(self, number):
        end = self.ends.get(number)
        if end is not None:
            self.world.cut |= 1 << number // 2
            end.inbox.clear()
            end.conn.lost("cut")

    def abort(self, number):
        end = self.ends.get(number)
        if end is not None:
            self.world.cut |= 1 << number // 2
            end.conn.abort(Error("enough"))
            end.flush()

    # The end.

    def rest(self):
        """Lets everything come to rest that is on its way."""
        bed = self.bed
        for number in sorted(self.ends):  # who has not learned yet that its connection is cut
            end = self.ends[number]
            if end.peer.conn.error is not None and not end.peer.conn.aborted:
                end.inbox.clear()
                end.conn.lost("cut")
        left = _MOST_DELIVERIES
        busy = True
        while busy:
            while bed.host.step():
                self.check()
            self.check()
            busy = False
            for end in bed.ends:
                if end.deliver():
                    busy = True
                    self.check()
                    left -= 1
            if left < 0:
                raise Found("it does not come to rest")

    def finish(self):
        """Answers everything that waits; checks that everything is settled, that each reference leads to
        where it must, and, once all are released, that nothing is left."""
        world = self.world
        self.rest()
        busy = True
        while busy:
            busy = False
            for number in sorted(world.promises):
                if number & NEXT:
                    self.reject(number, 0)
                else:
                    self.resolve(number, -1)
                busy = True
            for number in sorted(world.calls):
                if world.calls[number].waiting is not None:
                    self.answer(number, RESULTS, NOTHING, -1)
                    busy = True
            self.rest()
        for number in sorted(world.calls):
            if world.calls[number].state == WAITING:
                raise Found("a call is never answered: %d" % number)
        for check in self.last:
            check()
        self.probe()
        self.leave()

    def probe(self):
        """Calls through every reference that is left."""
        world = self.world
        number = 0
        for vat in world.vats:
            for ref in list(vat.refs.values()):
                number -= 1
                call = world.make_call(number, ref, ECHO, -number & 1, (), (LATER, None, None))
                self.rest()
                if call.state == WAITING:
                    raise Found("a call is never answered: %d" % number)
                del world.calls[number]
                self.local(ref)

    def local(self, ref):
        """Checks that a reference to an object of this vat, from which it was away for one link at most,
        is that object itself by now."""
        world = self.world
        # A tail call's results may stay where they went.
        if world.cut or world.tight or self.tails:
            return
        obj = follow(ref.node).obj
        bits, cancelled = world.reach(ref)
        if obj is None or obj.vat is not ref.vat or cancelled or bits & bits - 1 or bits >> 12:
            return  # the last: through a membrane
        if denies(ref.node, None):
            return
        if invariants.object_of(world.client(ref, 1)) is not obj:
            raise Found("an object of this vat is still called through its peer: %d" % ref.number)

    def leave(self):
        """Releases everything and checks that nothing is left."""
        world = self.world
        for number in sorted(world.calls):
            call = world.calls[number]
            if call.state == DONE or call.refs:
                world.drop(call)
        for number in sorted(world.refs):
            while number in world.refs:
                self.release(number)
        for client in self.kept:
            release(client)
        self.rest()
        if world.circles:
            self.bed.cut()
        self.bed.check_empty()
        for vat in world.vats:
            for thing in vat.things.values():
                if invariants.references(thing):
                    raise Found("references to an object are left: %d" % thing.number)


def replay(operations):
    """Does operations, from ("world", ...) on, and all checks. Returns how many there were."""
    play = Play(operations[0])
    for operation in operations[1:]:
        play.step(operation)
    play.finish()
    return play.steps
