# SPDX-License-Identifier: MIT
"""The end of a connection, at any time: everything on it breaks, nothing is left."""

from bed import Bed, Thing

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.promise import DISCONNECTED, OVERLOADED, Error
from capnrpc_micro.rpc.connection import abort_frame


class _Scenario:
    """A conversation in which every kind of message is used."""

    def __init__(self, **limits):
        self.bed = Bed()
        self.left = Thing(self.bed)
        self.right = Thing(self.bed)
        self.bed.link(self.left, self.right, left_limits=limits, right_limits=limits)
        self.clients = [self.bed.a.bootstrap(), self.bed.b.bootstrap()]
        self.promises = []

    def start(self):
        """Makes the calls, as far as they can be made at once."""
        there, back = self.clients
        held = there.hold(self.left)
        self.promises += [
            there.echo(1),
            there.later(2),
            there.callMe(self.left, 3),
            there.self(),
            held,
            held.thing.echo(4),
            held.thing.later(5),
            there.keep(held.thing),
            there.pair(),
            there.fail(1),
            there.bare(),
            there.wait(),
            back.echo(6),
            back.hold(self.left),
            back.many(2),
            back.blob(b"x" * 100),
        ]
        self.promises[-5].cancel_()
        self.promises.append(there.self().thing.self())

    def settle_waits(self):
        """What waits goes on."""
        for thing in (self.left, self.right):
            for promise in thing.waiting:
                promise.resolve(None)
            thing.waiting = []

    def finish(self):
        """Everything breaks; the program lets go of what it has. Checks that nothing is left."""
        bed = self.bed
        bed.cut()
        self.settle_waits()
        bed.tasks()
        for promise in self.promises:
            assert promise._call.settled, "a call waits for ever"
            release(promise)
        for client in self.clients:
            bed.error(client.echo(1))
            release(client)
        if self.right.kept is not None:
            release(self.right.kept)
        bed.check_empty(self.left, self.right)


def _count_steps():
    """How many messages the scenario has."""
    scenario = _Scenario()
    scenario.start()
    steps = _run(scenario, 1000)
    scenario.bed.settle()
    scenario.finish()
    return steps


def _run(scenario, steps):
    """Delivers this many messages. Returns how many there were."""
    bed = scenario.bed
    done = 0
    waited = False
    while done < steps:
        bed.tasks()
        if bed.a.deliver() or done < steps - 1 and bed.b.deliver():
            done += 1
        elif bed.b.deliver():
            done += 1
        elif waited:
            break
        else:
            waited = True
            scenario.settle_waits()
    return done


def test_disconnect_after_any_message():
    total = _count_steps()
    assert total > 40
    for steps in range(total):
        scenario = _Scenario()
        scenario.start()
        assert _run(scenario, steps) == steps
        scenario.finish()


def test_abort_after_any_message():
    """By us, with the Abort delivered to the other end."""
    for steps in range(_count_steps()):
        scenario = _Scenario()
        scenario.start()
        _run(scenario, steps)
        bed = scenario.bed
        bed.b.conn.abort(Error("enough", OVERLOADED))
        assert bed.b.conn.aborted
        bed.b.flush()
        assert bed.b.sent[-1] == "abort"
        while bed.a.inbox:
            bed.a.deliver()
        assert bed.a.conn.error.type == OVERLOADED and "enough" in bed.a.conn.error.reason
        scenario.finish()


def test_cut_at_every_byte():
    """The bytes that one end receives stop anywhere: its tables are empty afterwards."""
    recorded = _record()
    size = sum([len(data) for data in recorded])
    assert size > 1000
    for stop in range(0, size, 3):
        scenario = _Scenario()
        scenario.start()
        bed = scenario.bed
        left = stop
        for data in recorded:
            bed.tasks()
            bed.b.flush()
            bed.b.receive(data[:left])
            left -= len(data)
            if left <= 0:
                break
        bed.b.conn.lost("cut")
        assert bed.b.counts() == (0, 0, 0, 0, 0, 0)
        scenario.finish()


def _record():
    """What the right end receives, message by message."""
    scenario = _Scenario()
    scenario.start()
    recorded = []
    bed = scenario.bed
    waited = 0
    while waited < 2:
        bed.tasks()
        if bed.b.inbox:
            recorded.append(bed.b.inbox[0])
            bed.b.deliver()
        elif not bed.a.deliver():
            scenario.settle_waits()
            waited += 1
    scenario.finish()
    return recorded


def test_output_full_at_any_size():
    """Whatever the limit of output: the scenario ends in errors, and nothing is left."""
    for size in range(1024, 4096, 96):
        scenario = _Scenario(output_bytes=size, output_mark=size // 2, send_bytes=256)
        try:
            scenario.start()
        except ValueError:
            pass  # the program is told at once that its call does not fit
        _run(scenario, 1000)
        scenario.finish()


def test_calls_after_the_end():
    bed = Bed()
    thing = Thing(bed)
    a, _ = bed.link(None, thing)
    client = a.bootstrap()
    bed.get(client.echo(1))
    bed.cut("the cable is out")
    for promise in (client.echo(2), client.self().thing.echo(3), a.bootstrap().echo(4)):
        error = bed.error(promise)
        assert error.type == DISCONNECTED and error.reason == "the cable is out"
    release(client)
    bed.check_empty(thing)


def test_release_and_cancel_after_the_end():
    """They send nothing and do no harm."""
    bed = Bed()
    thing = Thing(bed)
    a, b = bed.link(None, thing)
    client = a.bootstrap()
    results = bed.get(client.self())
    waiting = client.wait()
    bed.settle()
    bed.cut()
    waiting.cancel_()
    release(waiting)
    release(results)
    release(client)
    assert a.conn.output() is None and b.conn.output() is None
    bed.check_empty(thing)


def test_what_was_passed_on_breaks():
    """A vat in the middle loses one side: calls through it break, the other side lives."""
    bed = Bed()
    far = Thing(bed)
    middle, there = bed.link(None, far)
    client = middle.bootstrap()
    bed.settle()
    near, _ = bed.link(None, client)
    passed = near.bootstrap()
    promise = passed.wait()
    bed.settle()
    assert len(far.waiting) == 1
    there.conn.lost("power failure")
    middle.conn.lost("power failure")
    error = bed.error(promise)
    assert error.type == DISCONNECTED and error.reason == "power failure"
    assert bed.error(passed.echo(1)).type == DISCONNECTED
    assert near.conn.error is None
    release(passed)
    release(client)
    bed.check_empty(far)


def test_the_end_while_a_handler_runs():
    """A handler whose connection ends is cancelled; what it returns is dropped."""

    class Ends(Thing):
        async def echo(self, x):
            self.conn.lost("over")
            return x

        async def self(self):
            self.conn.lost("over")
            return self

        def same(self, thing):
            self.conn.abort(Error("over"))
            return thing

        def pair(self):
            self.conn.abort(Error("over"))
            return self.pause()

    arguments = {"echo": 1, "same": "client"}
    for method in ("echo", "self", "same", "pair"):
        bed = Bed()
        thing = Ends(bed)
        bed.link(None, thing)
        thing.conn = bed.b.conn
        client = bed.a.bootstrap()
        given = [arguments[method]] if method in arguments else []
        promise = getattr(client, method)(*[client if x == "client" else x for x in given])
        bed.settle()
        bed.a.conn.lost("over")
        assert "over" in bed.error(promise).reason
        release(client)
        for waiting in thing.waiting:
            waiting.resolve(None)
        bed.check_empty(thing)


def test_the_first_reason_counts():
    bed = Bed()
    thing = Thing(bed)
    a, _ = bed.link(None, thing)
    a.conn.lost("first")
    a.conn.lost("second")
    a.conn.abort(Error("third"))
    assert a.conn.error.reason == "first" and not a.conn.aborted and a.ended == 1
    assert a.conn.output() is None


def test_an_error_of_ours_ends_the_connection():
    """A bug in this library would be told to the peer as an internal error, and to the caller."""
    bed = Bed()
    end, peer = bed.peer(None)
    end.conn._handle = None
    try:
        peer.send("release", {"id": 1})
    except TypeError:
        end.flush()
    else:
        raise AssertionError("TypeError was expected")
    assert "internal error: TypeError" in peer.aborted()[1]
    bed.check_empty()


def test_memory_runs_out():
    """While a message is handled: the connection ends as overloaded."""

    def handle(m):
        raise MemoryError("none left")

    bed = Bed()
    end, peer = bed.peer(None)
    end.conn._handle = handle
    peer.send("release", {"id": 1})
    assert peer.aborted()[0] == OVERLOADED
    bed.check_empty()


def test_abort_for_a_peer_that_is_not_admitted():
    bed = Bed()
    end, peer = bed.peer(None)
    peer.inbox.append(abort_frame(Error("too many connections", OVERLOADED)))
    body = peer.read("abort")
    assert (body.type, body.reason) == (OVERLOADED, "too many connections")
    assert end.conn.error is None
