# SPDX-License-Identifier: MIT
"""A shadow model of vats that call each other: where every reference must lead, in plain Python.

Node    where references lead: an object; or a promise, which becomes another Node or breaks
Ref     a reference that a vat holds: a Client, and what is expected of it
Call    a call, seen from both sides
Thing   an object that is called; tells the World what arrives, and answers as that says
Vat     one vat: its objects and references

The model knows at every moment what a promise was resolved to, wherever the messages that say so are. So a
call must arrive at the very object that its reference leads to in the model; an error must be the one
that the model expects, or be explained by a cancelled call, or by a link that was cut and that the
reference may lead over; calls on a reference arrive in the order in which they were made, and before
those that are made on references that were got from it later (E-order).
"""

import invariants
from bed import Cancelled
from kinds import INT32, INTERFACE

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.promise import Promise
from capnrpc_micro.schema import STREAM, Interface, Struct

MODEL = Interface("Model", b"\x11\xe2\xa3\x84\xc5\x96\xe7\xb8")
# fmt: off
_PARAMS = Struct("", 1, 2, (
    "n", INT32 | 0 << 5, None, "a", INTERFACE | 0 << 5, MODEL, "b", INTERFACE | 1 << 5, MODEL))
_RESULTS = Struct("", 1, 2, (
    "y", INT32 | 0 << 5, None, "p", INTERFACE | 0 << 5, MODEL, "q", INTERFACE | 1 << 5, MODEL))
_N = Struct("", 1, 0, ("n", INT32 | 0 << 5, None))
_Y = Struct("", 1, 0, ("y", INT32 | 0 << 5, None))
MODEL.methods_(
    "plain", _PARAMS, _RESULTS, "task", _PARAMS, _RESULTS, "echo", _N, _Y,
    "stay", _PARAMS, _RESULTS,  # a task that is not cancelled
    "flow", _N, STREAM)
# fmt: on
NAMES = ("plain", "task", "echo", "stay", "flow")
PLAIN, TASK, ECHO, STAY, FLOW = range(5)

# How a call is answered: the first item of a plan; the others are selectors, see World.pick().
LATER, RESULTS, ERROR, FORWARD = range(4)
NOTHING, BROKEN = None, -9  # selectors
# Bits of how a call is made.
ON_RESULTS, KEEP, AWAIT = 1, 2, 4
WAITING, DONE, FAILED = range(3)  # the caller's state of a call

# Numbers come in steps of NEXT: a call's two results, its two parameters, and, INNER above, those of the
# call that its handler makes in its place.
NEXT = 64
INNER = 8

MOST_STEPS = 500  # along a chain of promises; more is a circle


class Found(AssertionError):
    """Something is not as the model says."""


class Node:
    """Where references lead.

    obj      the Thing, or None
    to, by   what a promise became: a Node, and the Ref that said so, or None
    denied   a method that cannot be called through it, or None
    reason   None; why it is broken: a reason, or "" for any
    call     the Call in whose results it is, or None
    """

    to = by = denied = None

    def __init__(self, obj=None, reason=None, call=None):
        self.obj = obj
        self.reason = reason
        self.call = call


_CIRCLE = Node(reason="")
_UNKNOWN = Node()
NULL = Node(reason="")


def follow(node):
    """The Node that a Node leads to by now."""
    steps = 0
    never = False  # whether it can only be broken: in results of calls that have not arrived
    while node.obj is None and node.reason is None:
        if node.to is not None:
            node = node.to
        elif node.call is not None and not node.call.arrived:
            if denies(node.call.ref.node, node.call.method):
                return NULL
            node = node.call.ref.node
            never = True
        else:
            return node
        steps += 1
        if steps > MOST_STEPS:
            return _CIRCLE
    return _UNKNOWN if never and node.reason is None else node


def denies(node, method):
    """Whether a method, or with None any, cannot be called through a Node."""
    steps = 0
    while node is not None and steps < MOST_STEPS:
        if node.denied is not None and method in (None, node.denied):
            return True
        node = node.to
        steps += 1
    return False


def waits_for(node, promise):
    """(whether a Node can be known only when this promise is, whether it is in a call's results)"""
    steps = 0
    called = False
    while node.obj is None and node.reason is None:
        if node is promise:
            return True, called
        if node.to is not None:
            node = node.to
        elif node.call is not None and not node.call.arrived:
            node = node.call.ref.node
            called = True
        else:
            break
        steps += 1
        if steps > MOST_STEPS:
            return True, called
    return False, False


class Ref:
    """A reference that a vat holds.

    number    stable: says by which operation it came, and how
    seq       how many calls were made on it
    floor     calls below this one must have arrived
    parents   (Ref, seq): calls on that Ref, below that one, arrive before all calls on this one
    links     bits of the links that it is known to lead over; others follow from `parents`, and from
              `call`, in whose results or parameters it came
    lent      whether the call lends it
    held      retained Clients of it
    flowed    whether streaming calls were made on it
    stamp     for walks over many Refs: the last one that came by
    """

    # Here, and not in each of them: a board has little memory for what is as it was.
    seq = floor = links = stamp = 0
    parents = held = ()
    lent = flowed = False

    def __init__(self, number, vat, node, call=None, client=None):
        self.number = number
        self.vat = vat
        self.node = node
        self.call = call
        self.client = client

    def become(self, source):
        """It leads, from now on, where `source` does, which may be None."""
        if source is not None:
            self.parents += ((source, source.seq),)

    def hold(self, client):
        """A retained Client is to be released later."""
        self.held += (client,)


class Call:
    """A call.

    number    stable; its results are the Refs number and number + 1, its parameters the next two
    outcome   what its handler did: None by now, RESULTS, an Error, or the Call whose results it returned
    outer     the Call whose handler returns the results of this one, or None
    handed    whether that one's handler returned this call's promise, and so gave it away
    active    whether its handler is under way
    dead      whether it must not arrive
    """

    cancelled = dropped = handed = dead = active = arrived = False
    thing = outcome = promise = task = waiting = None
    caps = params = refs = given = ()
    state = WAITING

    def __init__(self, world, number, ref, method, how, plan, outer):
        self.world = world
        self.number = number
        self.ref = ref
        self.method = method
        self.how = how
        self.plan = plan
        self.outer = outer
        self.seq = ref.seq

    def settled(self, promise):
        """The caller's promise is settled."""
        world = self.world
        if self.state != WAITING:
            world.fault("a call is settled twice", self.number)
        if promise.error is not None:
            self.state = FAILED
            if self.method == FLOW:
                world.flops.append(promise.error.reason)
            if not world.explains(self, promise.error):
                world.fault("unexpected error", self.number, str(promise.error))
        else:
            self.state = DONE
            if self.method == FLOW:
                return
            if self.dropped:  # cancelled, but the results were there before
                release(self.promise)
            elif not self.handed:
                world.returned(self, invariants.results_of(self.promise))


class Thing(MODEL.Server):
    """An object that is called."""

    def __init__(self, world, vat, number):
        self.world = world
        self.vat = vat
        self.number = number
        self.node = Node(self)

    uncancelled_ = ("stay",)

    def echo(self, n):
        self.world.arrives(self, n, None, None)
        return n

    async def flow(self, n):
        call = self.world.arrives(self, n, None, None)
        try:
            if call.plan[0] == LATER:
                call.waiting = Promise(self.world.bed.host)
                await call.waiting
        except Cancelled:
            self.ended(call, True)
            raise
        finally:
            self.world.over(call)

    def plain(self, n, a, b):
        world = self.world
        call = world.arrives(self, n, a, b)
        kind, x, y = call.plan
        try:
            if kind == LATER:
                call.waiting = Promise(world.bed.host)
                return call.waiting
            if kind == FORWARD:
                inner = world.forwards(call, x, y, True)
                if inner is not None:
                    return inner.promise
            return world.answers(call, kind, x, y)
        finally:
            world.over(call)  # whatever it still waits for, it does without its parameters

    async def task(self, n, a, b):
        return await self.serve(n, a, b, True)

    async def stay(self, n, a, b):
        return await self.serve(n, a, b, False)

    async def serve(self, n, a, b, may_end):
        world = self.world
        call = world.arrives(self, n, a, b)
        kind, x, y = call.plan
        inner = None
        try:
            if kind == LATER:
                call.waiting = Promise(world.bed.host)
                kind, x, y = await call.waiting
            if kind == FORWARD:
                inner = world.forwards(call, x, y, False)
                if inner is not None:
                    return await inner.promise
            return world.answers(call, kind, x, y)
        except Cancelled:
            self.ended(call, may_end)
            if inner is not None:
                world.drop(inner)  # its results may have come just now
            raise
        finally:
            world.over(call)

    def ended(self, call, may_end):
        """A handler is cancelled."""
        call.active = False
        if not may_end or not self.world.excused(call):
            self.world.fault("a call is cancelled that nobody cancelled", call.number)


class Vat:
    """One vat: its objects by number, and the Refs that it can use, by number."""

    def __init__(self, world, number):
        self.number = number
        self.refs = {}
        self.things = {}
        for k in range(2):
            self.things[k] = Thing(world, self, k)
