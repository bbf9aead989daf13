# SPDX-License-Identifier: MIT
"""A peer that does not know one kind of message and sends each back as Unimplemented, as rpc.capnp says.

What can be done without it goes on; nothing waits for ever, and what we hold for the peer is given back.
(Nobody is without Finish: its answers would be in the way of later calls with the same ids.)
"""

from bed import KINDS, THING, Bed, Thing
from byhand import frame

from capnrpc_micro.message import Message
from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import promise
from capnrpc_micro.objects.promise import UNIMPLEMENTED
from capnrpc_micro.rpc.wire import on_demand
from capnrpc_micro.words import new_views


class Old:
    """A link whose right end does not know a kind of message."""

    def __init__(self, kind):
        self.kind = kind
        self.bed = bed = Bed()
        self.left, self.right = Thing(bed), Thing(bed)
        self.a, self.b = bed.link(self.left, self.right)
        self.echoed = 0
        self.b.deliver = self.deliver

    def deliver(self):
        end = self.b
        if not end.inbox:
            return False
        data = end.inbox.pop(0)
        if KINDS[data[16]] == self.kind and end.conn.error is None:
            views = new_views(len(data))
            views[3][:] = data
            on_demand.echo(end.conn, Message(views, 2, len(data) >> 2, None, 1 << 20))
            end.flush()
            self.echoed += 1
        else:
            end.receive(data)
        return True

    def talk(self):
        """Something with all kinds of messages. What the calls of the left end have become."""
        bed = self.bed
        there = self.a.bootstrap()
        back = self.b.bootstrap()
        bed.settle()
        mine, resolver = promise(THING, bed.host)
        held = there.hold(self.left)
        calls = [
            there.echo(1),
            there.keep(mine),
            held.thing.echo(2),
            there.callMe(self.left, 3),
            there.many(2),
        ]
        theirs = [back.self(), back.callMe(self.right, 5), back.many(2)]
        bed.settle()
        resolver.resolve(self.left)
        bed.settle()
        resolved, second = promise(THING, bed.host)
        calls.append(there.keep(resolved))
        bed.settle()
        second.resolve(Thing(bed))
        for waiting in self.right.waiting:
            waiting.resolve(None)
        bed.settle()
        cancelled = there.wait()
        bed.settle()
        cancelled.cancel_()
        bed.settle()
        calls.append(there.echo(6))
        bed.settle()
        for call in calls + [held]:
            # Who knows no Return never gets the results of its own calls.
            assert call._call.settled or call in calls[2:4] and self.kind == "return"
        errors = [call._call.error and call._call.error.type for call in calls]
        for call in calls + theirs + [held]:
            release(call)
        for client in (there, mine, resolved):
            release(client)
        bed.settle()
        return errors

    def done(self):
        """The left end is empty but for what the right end has never given back."""
        self.bed.cut()
        for thing in (self.left, self.right):
            if thing.kept is not None:
                thing.kept = None
        for end in (self.a, self.b):
            assert end.counts() == (0, 0, 0, 0, 0, 0)


def _count(kind):
    old = Old(kind)
    errors = old.talk()
    assert old.echoed, kind
    return old, errors


def test_it_is_known():
    old = Old(None)
    assert old.talk() == [None] * 7
    assert {"resolve", "disembargo", "finish", "release", "bootstrap"} <= set(old.a.sent)
    old.done()


def test_bootstrap():
    old, errors = _count("bootstrap")
    assert errors == [UNIMPLEMENTED] * 7 and old.a.conn.error is None
    assert old.a.counts()[0] == 0
    old.done()


def test_call():
    old, errors = _count("call")
    assert errors == [UNIMPLEMENTED] * 7 and old.a.conn.error is None
    # What was sent in parameters has come back. The right end refers to the main object.
    assert old.a.counts()[0] == 0 and old.a.counts()[2] <= 1
    old.done()


def test_return():
    old, errors = _count("return")
    assert errors[0] is None and old.a.conn.error is None
    assert old.a.counts()[1] == 0
    old.done()


def test_release():
    old, errors = _count("release")
    assert errors == [None] * 7 and old.a.conn.error is None
    assert old.a.counts()[3] == 0
    old.done()


def test_resolve():
    """The peer goes on using the promise; the object that was sent in the Resolve is given back."""
    old, errors = _count("resolve")
    assert errors == [None] * 7 and old.a.conn.error is None
    call = old.right.kept.echo(9)
    assert old.bed.get(call).y == 9
    old.done()


def test_disembargo():
    """Without it nothing tells when the order is safe: what waits for it breaks."""
    old, errors = _count("disembargo")
    assert errors == [None] * 7 and old.a.conn.error is None
    assert old.a.counts()[4] == 0
    old.done()


def test_calls_that_wait_for_a_disembargo():
    old = Old("disembargo")
    bed = old.bed
    there = old.a.bootstrap()
    held = there.hold(old.left)
    first = held.thing.echo(1)
    bed.settle()
    old.right.waiting[0].resolve(None)
    bed.tasks()
    old.a.deliver()
    second = held.thing.echo(2)
    assert bed.error(second).type == UNIMPLEMENTED
    assert bed.get(first).y == 1 and old.left.calls == [1]
    release(held)
    release(there)
    bed.check_empty(old.left, old.right)


def test_a_tail_call():
    """Who sends them must know them: there is no other way to go on."""
    old = Old("call")
    bed = old.bed
    mine, resolver = promise(THING, bed.host)
    there = old.a.bootstrap()
    old.kind = None
    bed.get(there.keep(mine))
    resolver.resolve(there)
    old.a.conn.tails = True
    seen = old.right.kept
    call = seen.echo(1)
    old.kind = "call"
    bed.settle()
    assert "must implement" in old.a.conn.error.reason
    assert call._call.settled
    release(mine)
    release(there)
    old.done()


def test_unimplemented():
    """A peer that does not even know that: there is nothing that could be done about it."""
    old = Old("unimplemented")
    old.a.receive(frame("join", {"questionId": 1}))
    old.bed.settle()
    assert old.echoed == 1 and "must implement" in old.a.conn.error.reason
    old.done()


def test_of_a_call_whose_results_are_here():
    """A peer that has named them and then says it does not know the call: it contradicts itself."""
    bed = Bed()
    thing = Thing(bed)
    end, peer = bed.peer(thing)
    export = peer.bootstrap()
    client = peer.client({"senderHosted": 0})
    call = client.wait()
    peer.read("call")
    peer.call(7, export, 6, sendTo=1)  # wait
    bed.tasks()
    peer.send("return", {"answerId": 0, "takeFromOtherQuestion": 7})
    peer.send("unimplemented", {"call": {"questionId": 0}})
    assert "must implement" in peer.aborted()[1]
    assert call._call.settled
    release(client)
    bed.check_empty(thing)
