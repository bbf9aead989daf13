# SPDX-License-Identifier: MIT
# ruff: noqa: C419
"""The world of the model: vats and links, and what is expected of them. See `model`."""

import invariants
from bed import Bed
from model import (
    AWAIT,
    BROKEN,
    DONE,
    ECHO,
    ERROR,
    FAILED,
    FLOW,
    INNER,
    KEEP,
    LATER,
    MODEL,
    MOST_STEPS,
    NAMES,
    NEXT,
    NULL,
    ON_RESULTS,
    PLAIN,
    RESULTS,
    WAITING,
    Call,
    Node,
    Ref,
    Thing,
    Vat,
    denies,
    follow,
    waits_for,
)

from capnrpc_micro.objects.client import release, retain
from capnrpc_micro.objects.promise import OVERLOADED, UNIMPLEMENTED, Error


class World:
    """Vats and links. See `model_ops` for what happens in them.

    limits   of all connections; `tight` says whether they may be met
    cut      bits of the links that were cut
    cancels  how many calls were cancelled
    circles  whether promises were resolved to each other over a link
    faults   what is not as the model says, found where nothing may be raised
    """

    def __init__(self, vats, limits):
        self.bed = Bed()
        invariants.use_host(self.bed.host)
        self.vats = [Vat(self, k) for k in range(vats)]
        self.limits = limits
        self.tight = bool(limits)
        self.membranes = {}
        self.flops = []  # why streaming calls have failed
        self.refs = {}
        self.calls = {}
        self.promises = {}
        self.cut = 0
        self.cancels = 0
        self.circles = 0
        self.stamp = 0
        self.faults = []

    def fault(self, kind, *details):
        """Remembers a fault, where nothing may be raised: in handlers and turns."""
        self.faults.append("%s: %r" % (kind, details))

    # References.

    def add(self, ref):
        """A vat has got a reference."""
        self.refs[ref.number] = ref
        ref.vat.refs[ref.number] = ref
        return ref

    def forget(self, ref):
        """A vat cannot use a reference any more, unless it is lent or held."""
        if not ref.lent and not ref.held and ref.number in self.refs:
            del self.refs[ref.number]
            del ref.vat.refs[ref.number]

    def client(self, ref, how):
        """A Client of a Ref."""
        call = ref.call
        if not ref.lent:
            return ref.held[how % len(ref.held)]
        if call is None or ref.number - call.number > 1:
            return ref.client
        field = "pq"[ref.number - call.number]
        if how & ON_RESULTS and call.state == DONE:
            client = getattr(invariants.results_of(call.promise), field)
            if client is not None:
                return client
        if ref.client is None:
            ref.client = getattr(call.promise, field)
        return ref.client

    def pick(self, vat, selector, promise=None):
        """(value, Node, Ref or None) of what a vat passes on.

        selector   None for a null capability, BROKEN for a new broken one, -1 and below for an object
                   of the vat's, else the number of a Ref
        promise    the Node that will be resolved to it: nothing is taken that waits for that
        """
        if selector is None:
            return None, NULL, None
        if selector == BROKEN:
            client = invariants.broken("it was broken", MODEL)
            return client, Node(reason="it was broken"), None
        if selector < 0:
            number = -1 - selector
            thing = vat.things.get(number)
            if thing is None:
                thing = vat.things[number] = Thing(self, vat, number)
            return thing, thing.node, None
        ref = vat.refs.get(selector)
        if ref is None or not self.usable(ref):
            return None, NULL, None
        if promise is not None and self.never(ref, promise):
            return None, NULL, None
        return self.client(ref, selector), ref.node, ref

    def never(self, ref, promise):
        """Whether a promise that is resolved to a reference would wait for itself in a way that no
        vat can know: through a call, or through several links. Over one link the two vats know, but
        what they hold of each other's is left until the connection ends."""
        circle, called = waits_for(ref.node, promise)
        if circle and not called:
            bits, _ = self.reach(ref)
            self.circles = self.circles or bits
            return bits & bits - 1
        return circle

    def reach(self, ref):
        """(bits of all links that a reference may lead over, whether it is in the results of a call
        that was cancelled)"""
        bits = 0
        cancelled = False
        self.stamp += 1
        todo = []
        self._visit(todo, ref)
        while todo:
            ref = todo.pop()
            bits |= ref.links
            for parent, _ in ref.parents:
                self._visit(todo, parent)
            call = ref.call
            results = call is not None and ref.number - call.number < 2
            while call is not None:
                cancelled = cancelled or results and call.cancelled
                self._visit(todo, call.ref)
                call = call.outer
            node = ref.node
            steps = 0
            while node.to is not None and steps < MOST_STEPS:
                if node.by is not None:
                    self._visit(todo, node.by)
                node = node.to
                steps += 1
        return bits, cancelled

    def _visit(self, todo, ref):
        if ref.stamp != self.stamp:
            ref.stamp = self.stamp
            todo.append(ref)

    # Calls.

    def usable(self, ref):
        """Whether a vat can use a reference. What a cancelled call has lent is gone before its handler
        knows."""
        call = ref.call
        if ref.held or call is None or ref.number - call.number < 2:
            return True
        return not (self.cancels or self.cut) or not self.excused(call)

    def make_call(self, number, ref, method, how, selectors, plan, outer=None, handed=False):
        """A vat makes a call on a reference."""
        call = Call(self, number, ref, method, how, plan, outer)
        call.handed = handed
        vat = ref.vat
        if self.cut:
            bits, _ = self.reach(ref)
            obj = follow(ref.node).obj
            call.dead = bits and not bits & ~self.cut and obj is not None and obj.vat is not vat
        self.calls[number] = call
        client = self.client(ref, how)
        if method == ECHO:
            call.promise = client.echo(number)
        elif method == FLOW:
            if not self.flow(call, client):
                return call
        else:
            values = []
            for selector in selectors:
                value, node, source = self.pick(vat, selector)
                values.append(value)
                bound = 0 if source is None else source.seq
                call.caps += ((None if value is None else node, source, bound),)
            call.nodes = (Node(call=call), Node(call=call))
            call.refs = [Ref(number + k, vat, call.nodes[k], call) for k in range(2)]
            call.promise = getattr(client, NAMES[method])(number, *values)
            if not handed:
                for result in call.refs:
                    result.lent = True
                    self.add(result)
        ref.seq += 1
        if how & AWAIT and outer is None:
            call.task = self.bed.host.start(_await(call.promise))
        call.promise.then_(call.settled)
        return call

    def flow(self, call, client):
        """Makes a streaming call. Returns whether it was made: not after one that has failed."""
        ref = call.ref
        try:
            call.promise = client.flow(call.number)
        except Error as error:
            call.state = FAILED
            if error.reason not in self.flops:
                self.fault("a streaming call is refused", call.number, str(error))
            return False
        ref.flowed = True
        return True

    def arrives(self, thing, number, a, b):
        """A call has arrived at an object."""
        call = self.calls.get(number)
        if call is None or call.arrived:
            self.fault("a call arrives twice", number)
            raise Error("it arrives twice")
        ref = call.ref
        node = follow(ref.node)
        if node.obj is not thing or denies(ref.node, call.method):
            self.fault("a call arrives at a wrong object", number)
        if call.dead:
            self.fault("a call arrives over a dead link", number)
        call.arrived = True
        call.active = True
        call.thing = thing
        self.order(call)
        if call.caps:
            for k in range(2):
                node, source, bound = call.caps[k]
                client = b if k else a
                if (client is None) != (node is None):
                    self.fault("a parameter is wrong", number, k)
                if node is None or client is None:
                    continue
                ref = Ref(number + 2 + k, thing.vat, node, call, client)
                if source is not None:
                    ref.parents = ((source, bound),)
                ref.lent = True
                self.same(ref, client)
                if call.how & KEEP:
                    ref.hold(retain(client))
                call.params += (self.add(ref),)
        return call

    def order(self, call):
        """Checks that nothing arrives later that had to arrive before."""
        ref = call.ref
        if call.seq < ref.floor:
            self.fault("a call arrives out of order", call.number, ref.number)
        ref.floor = call.seq + 1
        todo = list(ref.parents)
        self.stamp += 1
        while todo:
            ref, bound = todo.pop()
            if ref.floor < bound:
                ref.floor = bound
            elif ref.stamp == self.stamp:
                continue
            ref.stamp = self.stamp
            todo += ref.parents

    def same(self, ref, client):
        """Checks that what has come is the very object, if it is one of this vat's by now."""
        thing = invariants.object_of(client)
        if thing is not None and (thing is not follow(ref.node).obj or thing.vat is not ref.vat):
            self.fault("a reference leads to a wrong object", ref.number)

    def over(self, call):
        """A handler has ended: what its call lent it is gone."""
        call.active = False
        if call.method != PLAIN:
            call.waiting = None
        for ref in call.params:
            ref.lent = False
            self.forget(ref)
        self.prune(call)

    def prune(self, call):
        """Nothing happens to a call any more."""
        if call.arrived and not call.active and call.dropped and call.state != WAITING:
            if call.waiting is None:
                self.calls.pop(call.number, None)

    def answers(self, call, kind, x, y):
        """A handler answers: returns the results, or raises an Error."""
        if kind == ERROR:
            error = call.outcome = Error("no %d" % call.number, x)
            for node in call.nodes:
                node.reason = error.reason
            raise error
        call.outcome = RESULTS
        results = {"y": call.number}
        given = []
        for k in range(2):
            value, node, source = self.pick(call.thing.vat, y if k else x, call.nodes[k])
            self.becomes(call.nodes[k], node, source)
            call.refs[k].become(source)
            given.append(value is not None)
            results["pq"[k]] = value
        call.given = given
        return results

    def becomes(self, promise, node, source):
        """A promise is resolved in the model."""
        promise.to = node
        promise.by = source

    def forwards(self, call, selector, method, handed):
        """A handler answers with the results of another call, which it makes on a reference: that Call.
        None if there is no such reference."""
        number = call.number + INNER
        ref = call.thing.vat.refs.get(selector)
        if ref is None or not self.usable(ref) or not number % NEXT:
            return None
        if any([follow(ref.node) is follow(node) for node in call.nodes]):
            return None  # a call on its own results
        plan = (LATER, None, None)
        inner = self.make_call(number, ref, method, KEEP, (None, None), plan, call, handed)
        call.outcome = inner
        for k in range(2):
            self.becomes(call.nodes[k], inner.nodes[k], inner.refs[k])
            call.refs[k].become(inner.refs[k])
        return inner

    def returned(self, call, results):
        """A caller has got results."""
        last = call
        while isinstance(last.outcome, Call):
            last = last.outcome
        if not last.arrived or results.y != last.number:
            self.fault("results of a call that has none, or of another", call.number, results.y)
        if call.method == ECHO or call.method == FLOW:
            return
        if last.outcome != RESULTS:
            self.fault("results of a call that has not returned any", call.number)
            return
        for k in range(2):
            client = results.q if k else results.p
            if (client is not None) != last.given[k]:
                self.fault("a result is wrong", call.number, k)
            elif client is not None:
                self.same(call.refs[k], client)

    def excused(self, call):
        """Whether a call may fail: it was cancelled, or a link is cut that it may have to take."""
        while call is not None:
            if call.cancelled:
                return True
            bits, cancelled = self.reach(call.ref)
            if cancelled or bits & self.cut:
                return True
            call = call.outer
        return False

    def explains(self, call, error):
        """Whether a call may end with this error."""
        if self.tight or self.circles:
            # The second: on what a call brings that was refused and so is not kept.
            if error.type == OVERLOADED or "is finished" in error.reason:
                return True
        while True:
            if self.excused(call):
                return True
            outcome = call.outcome
            if not isinstance(outcome, Call):
                break
            call = outcome
        if isinstance(outcome, Error):
            return error.reason == outcome.reason and error.type == outcome.type
        if call.arrived:
            return False
        if error.type == UNIMPLEMENTED and denies(call.ref.node, call.method):
            return True
        reason = follow(call.ref.node).reason
        return reason is not None and reason in ("", error.reason)

    def cancel(self, call):
        """The caller does not want the results."""
        call.cancelled = True
        self.cancels += 1
        if call.task is not None:
            self.bed.host.cancel(call.task)
        else:
            call.promise.cancel_()
        self.drop(call)

    def drop(self, call):
        """The caller lets go of the results."""
        if not call.dropped and not call.handed and not (call.outer and call.outer.active):
            call.dropped = True
            if call.state == DONE:
                release(call.promise)
            for ref in call.refs:
                ref.lent = False
                self.forget(ref)
            self.prune(call)


async def _await(promise):
    try:
        await promise
    except Error:
        pass
