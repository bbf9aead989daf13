# SPDX-License-Identifier: MIT
"""Measures how the cost of a call grows with what a connection's tables hold. Runs on MicroPython.

Two pairs of connections in memory, without sockets: the tables of `one` hold one entry, those of
`many` thousands. The same calls are timed on both right after one another, once a round; a figure
is the median of the rounds' ratios, of the kind of call that has grown most. 1.00 is no growth.

Both pairs live in the same heap, which is collected before each timed part and not in it. So what
lies in the heap costs both the same, and what is left is the cost of the tables: a collection takes
longer the more there is, whoever refers to it.

    cost_growth_exports    5000 exports (and imports, at the other end) against one
    cost_growth_questions  500 calls under way (and answers, at the other end) against one
    cost_growth_drained    after all but one of either are gone again, in the worst of three orders
"""

import gc
import random
import sys
import time

sys.path[1:1] = [sys.path[0] + "/..", sys.path[0] + "/../../lib"]

from in_memory import Host, pause, process, pump

import capnrpc_micro as capnp
from capnrpc_micro.limits import Limits
from capnrpc_micro.rpc.connection import Connection
from capnrpc_micro.schema import EMPTY, Interface, Struct

# Kinds of fields.
INT32 = 6
INTERFACE = 16

ROUNDS = 15
SLICE_US = 20000  # of one measurement, at least
EXPORTS = 5000
QUESTIONS = 500

_Number = Struct("", 1, 0, ("x", INT32, None))
_Thing = Interface("Thing", b"\xa2\xd6\xd2\x6f\xbd\x4b\x3d\xec")
_Thing.methods_(
    *("echo", _Number, _Number),
    *("open", EMPTY, Struct("", 0, 1, ("thing", INTERFACE, _Thing))),
    *("wait", _Number, _Number),
)


class Thing(_Thing.Server):
    def echo(self, x):
        return x

    def open(self):
        return Thing()

    async def wait(self, x):
        await pause()
        return x


# Orders in which tables are drained: the index of the one of n that goes next.
ORDERS = {
    "oldest first": lambda n: 0,
    "newest first": lambda n: n - 1,
    "at random": random.randrange,
}


def limits():
    """Limits above what is measured."""
    room = {
        "exports": EXPORTS + 8,
        "imports": EXPORTS + 8,
        "questions": QUESTIONS + 8,
        "answers": QUESTIONS + 8,
        "call_bytes": 1 << 20,
    }
    if hasattr(Limits, "running"):
        room["running"] = QUESTIONS + 8
    return Limits(**room)


def result(promise):
    """What a settled promise of a call gives who awaits it."""
    try:
        next(promise.__iter__())
    except StopIteration as end:
        return end.value
    raise AssertionError("the call has not returned")


class Pair:
    """A client and a server with one export, `thing`, and whatever grow() adds."""

    def __init__(self):
        self.host = Host()
        self.server = Connection(self.host, limits(), lambda id: Thing())
        self.client = Connection(self.host, limits(), lambda id: None)
        main = self.client.bootstrap(_Thing)
        self.opened = [self.call(main.open)]
        self.asked = []
        capnp.release(main)
        self.exchange()
        self.check(1, 0)

    @property
    def thing(self):
        return self.opened[-1].thing

    def exchange(self):
        """Hands over all messages, and what they are answered with."""
        pump(self.client, self.server, process)
        pump(self.server, self.client, process)
        pump(self.client, self.server, process)

    def call(self, method):
        """The results of a call without parameters."""
        promise = method()
        self.exchange()
        return result(promise)

    def check(self, exports, questions):
        """Checks how many entries the tables have."""
        server = self.server
        client = self.client
        found = len(server.exports), len(client.imports)
        assert found == (exports, exports), found
        found = len(client.questions), len(server.answers), len(self.host.waiting)
        assert found == (questions, questions, questions), found

    def ask(self, count):
        """Makes calls that do not return until answer()."""
        for _ in range(count):
            self.asked.append(self.thing.wait(5))
            self.exchange()

    def answer(self, order):
        """Lets those calls return, all but the newest. `order` is one of ORDERS."""
        waiting = self.host.waiting
        while len(waiting) > 1:
            self.host.go_on(waiting.pop(order(len(waiting) - 1)))
            self.exchange()

    def open(self, count):
        """Has more objects exported."""
        for _ in range(count):
            self.opened.append(self.call(self.thing.open))

    def close(self, order):
        """Lets the objects go, all but the newest. `order` is one of ORDERS."""
        while len(self.opened) > 1:
            capnp.release(self.opened.pop(order(len(self.opened) - 1)))
            self.exchange()

    # What is timed.

    def plain_calls(self, count):
        """Calls with a number for a number."""
        echo = self.thing.echo
        for _ in range(count):
            promise = echo(5)
            self.exchange()
        assert result(promise).x == 5

    def capability_calls(self, count):
        """Calls whose result is a new object, which is let go: an entry comes and goes."""
        thing = self.thing
        for _ in range(count):
            capnp.release(self.call(thing.open))
            self.exchange()


def timed(fn, count):
    """Microseconds that fn(count) takes without a garbage collection."""
    gc.collect()
    gc.disable()
    start = time.ticks_us()
    fn(count)
    taken = time.ticks_diff(time.ticks_us(), start)
    gc.enable()
    return taken


def growth(what, one, many):
    """The ratio of what a call costs on `many` to what it costs on `one`."""
    worst = 0
    for kind in ("plain_calls", "capability_calls"):
        on_one = getattr(one, kind)
        on_many = getattr(many, kind)
        count = 1 + 100 * SLICE_US // timed(on_one, 100)
        ratios = []
        for k in range(ROUNDS):
            if k & 1:
                base = timed(on_one, count)
                ratios.append(timed(on_many, count) / base)
            else:
                grown = timed(on_many, count)
                ratios.append(grown / timed(on_one, count))
        ratio = sorted(ratios)[ROUNDS // 2]
        print("%s, %s: %.2f" % (what, kind.replace("_", " "), ratio))
        worst = max(worst, ratio)
    return worst


def main():
    random.seed(1)
    one = Pair()
    drained = []
    for name, order in ORDERS.items():
        many = Pair()
        many.open(EXPORTS - 1)
        many.check(EXPORTS, 0)
        if not drained:
            exports = growth("%d exports" % EXPORTS, one, many)
        many.close(order)
        many.check(1, 0)
        drained.append(growth("exports drained " + name, one, many))
    one.ask(1)
    one.check(1, 1)
    for name, order in ORDERS.items():
        many = Pair()
        many.ask(QUESTIONS)
        many.check(1, QUESTIONS)
        if len(drained) == len(ORDERS):
            questions = growth("%d questions" % QUESTIONS, one, many)
        many.answer(order)
        many.check(1, 1)
        drained.append(growth("questions drained " + name, one, many))
    print("figure cost_growth_exports %.2f" % exports)
    print("figure cost_growth_questions %.2f" % questions)
    print("figure cost_growth_drained %.2f" % max(drained))


main()
