# SPDX-License-Identifier: MIT
"""The limit `running`: how many methods of a connection's calls run as tasks at a time."""

from bed import CALL_ME, ECHO, LATER, SELF, THING, WAIT, Bed, Thing

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import promise
from capnrpc_micro.objects.promise import OVERLOADED


def _bed(thing=Thing, **limits):
    bed = Bed()
    thing = thing(bed)
    end, peer = bed.peer(thing, running=2, **limits)
    return bed, thing, end, peer, peer.bootstrap()


def _refused(peer, question):
    type, reason = peer.exception(question, False)
    assert (type, reason) == (OVERLOADED, "limit reached: 2 running")
    peer.finish(question)


def test_tasks_above_the_limit():
    """They are refused, and everything else goes on: plain methods, and tasks once there is room."""
    bed, thing, end, peer, export = _bed()
    peer.call(1, export, WAIT)
    peer.call(2, export, WAIT)
    for method in (WAIT, LATER, CALL_ME):
        peer.call(3, export, method)
        _refused(peer, 3)
    peer.call(3, export, ECHO, 5)
    assert peer.read("return").results.content.x == 5
    peer.call(3, export, SELF)
    assert peer.read("return").which_() == "results"
    peer.finish(3)
    assert end.conn.stats()["running"] == 2 and end.conn.stats()["refused"] == 3
    thing.waiting[0].resolve(7)
    assert peer.read("return").results.content.x == 7
    peer.call(3, export, LATER, 6)
    assert peer.read("return").results.content.x == 6
    peer.finish(2)  # cancelled
    assert peer.read("return").which_() == "canceled"
    for question in (1, 2):
        peer.call(question, export, WAIT)
    assert len(thing.waiting) < 5
    for question in (1, 2):
        peer.finish(question)
        peer.read("return")
    peer.release(export)
    bed.check_empty(thing)
    assert end.conn.running == 0


def test_cancelled_before_it_has_begun():
    bed, thing, end, peer, export = _bed()
    for question in range(6):
        peer.call(question, export, LATER, 1)
        peer.send("finish", {"questionId": question, "requireEarlyCancellationWorkaround": False})
        assert peer.read("return").which_() == "canceled"
    assert end.conn.running == 0 and thing.calls == []
    peer.release(export)
    bed.check_empty(thing)


def test_tasks_of_plain_methods():
    """A plain method that returns a coroutine needs a task, too; what it returned is closed else."""

    class Slow(Thing):
        def echo(self, x):
            return self.pause()

    bed, thing, end, peer, export = _bed(Slow)
    for question in (1, 2):
        peer.call(question, export, ECHO)
    peer.call(3, export, ECHO)
    _refused(peer, 3)
    assert len(thing.waiting) == 2 and end.conn.running == 2
    thing.waiting[1].resolve(4)
    assert peer.read("return").results.content.x == 4
    peer.call(3, export, ECHO)
    peer.nothing()
    bed.cut()
    assert end.conn.running == 0
    bed.check_empty(thing)


def test_calls_that_are_passed_on_need_no_task():
    """A method that returns the promise of a call with the same results; with others it needs one, and
    the call is cancelled when there is none."""

    class Front(Thing):
        def echo(self, x):
            return self.kept.wait()

        def blob(self, blob):
            return self.kept.wait()

    bed = Bed()
    behind = Thing(bed)
    front = Front(bed)
    end, peer = bed.peer(front, running=1)
    near, _ = bed.link(None, behind)
    front.kept = near.bootstrap()
    bed.settle()
    export = peer.bootstrap()
    for question in range(1, 5):
        peer.call(question, export, ECHO)
    bed.settle()
    assert len(behind.waiting) == 4 and end.conn.running == 0
    for waiting in behind.waiting:
        waiting.resolve(5)
    bed.settle()
    for _ in range(4):
        assert peer.read("return").results.content.x == 5
    for question in (1, 2):
        peer.call(question, export, 8)  # blob
        bed.settle()
    assert peer.exception(2, False)[0] == OVERLOADED
    peer.finish(2)
    assert behind.calls == ["cancelled"]
    peer.finish(1)
    assert peer.read("return").which_() == "canceled"
    bed.settle()
    assert behind.calls == ["cancelled"] * 2
    release(front.kept)
    front.kept = None
    peer.release(export)
    bed.check_empty(front, behind)


def test_calls_that_have_waited():
    """For a promise: they are counted when their tasks begin."""
    bed = Bed()
    thing = Thing(bed)
    mine, resolver = promise(THING, bed.host)
    end, peer = bed.peer(mine, running=2)
    peer.send("bootstrap", {"questionId": 0})
    export = peer.read("return").results.capTable[0].senderPromise
    peer.finish(0, False)
    for question in range(1, 6):
        peer.call(question, export, WAIT)
    peer.nothing()
    assert end.conn.running == 0
    resolver.resolve(thing)
    bed.tasks()
    assert len(thing.waiting) == 2 and end.conn.running == 2
    for question in (3, 4, 5):
        assert peer.exception(question, False)[0] == OVERLOADED
        peer.finish(question)
    peer.read("resolve")
    bed.cut()
    release(mine)
    bed.check_empty(thing)
    assert end.conn.running == 0


def test_results_that_stay_here():
    """A refusal stays here, too."""
    bed, thing, end, peer, export = _bed()
    for question in (1, 2):
        peer.call(question, export, WAIT)
    peer.call(3, export, WAIT, sendTo=1)
    assert peer.read("return").which_() == "resultsSentElsewhere"
    peer.finish(3)
    bed.cut()
    bed.check_empty(thing)


def test_our_own_calls_are_not_counted():
    """They are the program's own affair."""
    bed, thing, end, peer, export = _bed()
    results = [thing.cap_.call(THING, WAIT, (), {}) for _ in range(5)]
    bed.tasks()
    assert len(thing.waiting) == 5 and end.conn.running == 0
    for waiting in thing.waiting:
        waiting.resolve(3)
    assert [bed.get(call).y for call in results] == [3] * 5
    peer.release(export)
    bed.check_empty(thing)
