# SPDX-License-Identifier: MIT
"""Whether the peer is still there: Connection.tick, told the time by hand."""

from bed import ECHO, LATER, SELF, WAIT, Bed, Thing

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import when_broken
from capnrpc_micro.objects.promise import DISCONNECTED, OVERLOADED
from capnrpc_micro.rpc.captable import send_release

PING, DEAD = 1000, 600


def _bed(first=0, **limits):
    bed = Bed()
    thing = Thing(bed)
    limits.setdefault("ping_ms", PING)
    limits.setdefault("dead_ms", DEAD)
    limits.setdefault("rest_ms", 0)
    end, peer = bed.peer(thing, **limits)
    end.conn.first_ms = end.conn.limits.first_ms = first
    end.conn.tick(0)
    return bed, thing, end, peer


def _pass(end, ms):
    """Lets time go by as a host does: it calls tick() when that asks for it. Returns the ms that were
    left when the connection ended, or None."""
    while ms > 0 and end.conn.error is None:
        step = end.conn.tick(0)
        assert step >= 1
        step = min(step, ms)
        ms -= step
        if end.conn.tick(step) is None:
            end.flush()  # an Abort, as a host does
            end.bed.tasks()
            assert end.conn.tick(step) is None
            return ms
        end.bed.tasks()
    return None


def _finished(bed, thing, end, peer, export=None):
    if export is not None:
        peer.release(export)
    bed.check_empty(thing)


# A peer that is quiet, and there.


def test_a_quiet_peer_is_asked_once_in_each_quiet_time():
    """Whatever it answers shows that it is alive, and leaves nothing behind."""
    bed, thing, end, peer = _bed()
    for round in range(8):
        _pass(end, PING - 10)
        peer.nothing()
        _pass(end, 10 + PING // 4)  # when exactly something came is known to a quarter only
        question = peer.read("bootstrap").questionId
        _pass(end, DEAD // 2)
        peer.nothing()
        if round % 4 == 0:
            data = {"answerId": question, "releaseParamCaps": False}
            data["results"] = {"capTable": [{"senderHosted": 5}]}
            peer.send("return", data)
            assert peer.read("finish").questionId == question
            assert peer.read("release").id == 5
        elif round % 4 == 1:
            error = {"reason": "no bootstrap interface", "type": 0}
            peer.send("return", {"answerId": question, "exception": error})
            assert peer.read("finish").questionId == question
        elif round % 4 == 2:
            peer.send("unimplemented", {"bootstrap": {"questionId": question}})
        else:
            error = {"reason": "", "type": OVERLOADED}
            data = {"answerId": question, "exception": error, "noFinishNeeded": True}
            peer.send("return", data)
        bed.tasks()
        assert end.counts()[:4] == (0, 0, 0, 0)
    peer.nothing()
    _finished(bed, thing, end, peer)


def test_a_peer_that_sends_something_is_not_asked():
    bed, thing, end, peer = _bed()
    for _ in range(20):
        _pass(end, PING - 100)
        peer.finish(77)  # of no question: it is ignored, but it came
    peer.nothing()
    _pass(end, PING - 100)
    peer.nothing()
    _finished(bed, thing, end, peer)


def test_a_peer_that_sends_anything_else_than_an_answer():
    """It is there. It is asked no second question while it owes the answer to the first."""
    bed, thing, end, peer = _bed()
    for _ in range(6):
        _pass(end, PING + DEAD - 100)
        peer.finish(77)
    assert peer.read("bootstrap").questionId == 0
    peer.nothing()
    assert end.counts()[0] == 1
    # At last it answers, and is asked again in time.
    peer.results(0, 0)
    peer.read("finish")
    _pass(end, PING + PING // 4)
    peer.read("bootstrap")
    bed.cut()
    bed.check_empty(thing)


def test_a_part_of_a_message_is_a_sign():
    """A peer that takes its time for a long message is not lost."""
    bed, thing, end, peer = _bed()
    for byte in b"\0\0\0\0\2\0\0\0\0\0\0\0":
        _pass(end, PING - 100)
        end.receive(bytes([byte]))
    peer.nothing()
    assert end.conn.error is None
    bed.cut()
    bed.check_empty(thing)


def test_the_time_that_it_takes_to_answer():
    """An answer that comes just in time is in time; one that comes later is not."""
    bed, thing, end, peer = _bed()
    assert end.conn.tick(PING) == PING // 4
    bed.tasks()
    question = peer.read("bootstrap").questionId
    assert end.conn.tick(DEAD - 1) == 1
    peer.send("return", {"answerId": question, "exception": {"reason": "x"}})
    peer.read("finish")
    assert end.conn.tick(1) == PING // 4
    assert end.conn.tick(PING) == PING // 4
    bed.tasks()
    peer.read("bootstrap")
    assert end.conn.tick(DEAD - 1) == 1
    assert end.conn.tick(1) is None
    assert end.conn.error.type == DISCONNECTED
    bed.check_empty(thing)


def test_a_tick_that_comes_much_too_late():
    """A program that was busy for long has not asked in that time, so nobody is lost for it."""
    bed, thing, end, peer = _bed()
    assert end.conn.tick(100 * PING) == PING // 4
    bed.tasks()
    peer.results(peer.read("bootstrap").questionId)
    peer.read("finish")
    assert end.conn.tick(100 * PING) == PING // 4
    _finished(bed, thing, end, peer)


def test_what_tick_returns():
    """When it wants to be called again: the earliest of its times, at most a quarter of one of them."""
    for limits, first, left in (
        ({"ping_ms": 0}, 0, 1 << 28),
        ({"ping_ms": 1000}, 0, 250),
        ({"ping_ms": 0}, 300, 300),
        ({"ping_ms": 1000}, 300, 250),
        ({"ping_ms": 1000, "idle_ms": 400}, 0, 100),
        ({"ping_ms": 0, "idle_ms": 400}, 0, 100),
        ({"ping_ms": 1, "dead_ms": 1}, 0, 1),
    ):
        bed, thing, end, peer = _bed(first, **limits)
        assert end.conn.tick(0) == left, (limits, first, end.conn.tick(0))
    bed, thing, end, peer = _bed()
    assert end.conn.tick(700) == 250
    assert end.conn.tick(200) == 99
    assert end.conn.tick(99) == 250, "nobody tells it when the answer has come"
    bed.tasks()
    assert end.conn.tick(DEAD - 150) == 150
    peer.finish(77)
    assert end.conn.tick(5) == 250
    bed.cut()
    assert end.conn.tick(1) is None


def test_times_are_small_integers_for_ever():
    bed, thing, end, peer = _bed(ping_ms=0, idle_ms=0)
    for _ in range(12):
        assert end.conn.tick((1 << 28) - 1) == 1 << 28
    bed.cut()
    bed, thing, end, peer = _bed(ping_ms=(1 << 28) - 1, dead_ms=(1 << 28) - 1)
    for _ in range(5):
        assert 0 < end.conn.tick(1 << 26) <= 1 << 28
    bed.tasks()
    peer.read("bootstrap")
    for _ in range(5):
        end.conn.tick(1 << 26)
    assert "has not answered" in end.conn.error.reason


# A peer that is gone.


def test_all_that_waits_on_a_dead_peer_breaks():
    """Calls, pipelines, imports, promises, embargoes: at most a quarter of ping_ms later than said."""
    bed, thing, end, peer = _bed()
    export = peer.bootstrap()
    client = peer.client({"senderHosted": 3})
    promised = peer.client({"senderPromise": 4})
    promise = client.self()
    pipelined = promise.thing
    first = promised.echo(1)
    calls = [client.wait(), pipelined.echo(1)]
    peer.call(1, export, WAIT)
    peer.call(2, export, SELF)
    # An embargo: the promise, through which a call is on its way, is an object of ours.
    peer.send("resolve", {"promiseId": 4, "cap": {"receiverHosted": export}})
    calls.append(promised.echo(2))
    told = []
    for broken in (client, pipelined, promised):
        when_broken(broken, told.append)
    bed.tasks()
    assert end.counts() == (4, 2, 1, 1, 1, end.conn.call_bytes) and end.conn.call_bytes
    left = _pass(end, 2 * (PING + DEAD))
    assert left >= PING + DEAD - PING // 4
    assert end.conn.error.reason == "the peer has not answered for %d ms" % (PING + DEAD)
    assert not end.conn.aborted and end.ended == 1
    for call in [first, promise] + calls:
        error = bed.error(call)
        assert error.type == DISCONNECTED and "not answered" in error.reason
    assert [error.type for error in told] == [DISCONNECTED] * 3
    assert thing.calls == ["cancelled"]
    for broken in (client, promised):
        release(broken)
    assert [kind for kind in end.sent if kind in ("abort", "bootstrap")][-1] == "bootstrap"
    bed.check_empty(thing)


def test_a_peer_that_never_said_a_word():
    bed, thing, end, peer = _bed()
    left = _pass(end, PING + DEAD + 10)
    assert left is not None and end.conn.error.type == DISCONNECTED
    peer.read("bootstrap")
    peer.nothing()
    bed.check_empty(thing)


def test_asking_when_the_table_of_questions_is_full():
    """The calls in it may be what waits in vain."""
    bed, thing, end, peer = _bed(questions=2)
    client = peer.client({"senderHosted": 3})
    calls = [client.wait(), client.wait()]
    assert bed.error(client.echo(1)).type == OVERLOADED
    bed.tasks()
    for _ in calls:
        peer.read("call")
    _pass(end, PING + PING // 4)
    assert peer.read("bootstrap").questionId == 2
    peer.results(2, 0)
    assert peer.read("finish").questionId == 2
    _pass(end, PING)
    peer.read("bootstrap")
    assert bed.error(client.echo(1)).type == OVERLOADED
    _pass(end, DEAD + PING)
    for call in calls:
        assert bed.error(call).type == DISCONNECTED
    release(client)
    bed.check_empty(thing)


def test_no_room_for_the_question():
    """Output that is full: the connection ends, as for any message that must not be left out."""
    bed, thing, end, peer = _bed(output_bytes=512, send_bytes=512)
    client = peer.client({"senderHosted": 3})
    call = client.echo(1)
    while end.conn.out.hi < 120:  # 480 bytes wait to be sent
        send_release(end.conn, 9, 1)
    end.conn.tick(0)
    end.conn.tick(PING)
    assert end.conn.error is None
    bed.tasks()
    assert end.conn.error.type == OVERLOADED and bed.error(call).type == OVERLOADED
    release(client)
    bed.check_empty(thing)


# The other times.


def test_first_ms():
    """The first call has to come in time; parts of it do not count."""
    bed, thing, end, peer = _bed(first=300)
    assert end.conn.tick(200) == 100
    end.conn.received(0)
    assert end.conn.tick(98) == 2
    assert end.conn.tick(2) is None
    end.flush()
    type, reason = peer.aborted()
    assert (type, reason) == (DISCONNECTED, "no message came within 300 ms")
    bed.check_empty(thing)

    bed, thing, end, peer = _bed(first=300)
    end.conn.tick(290)
    export = peer.bootstrap()
    assert end.conn.tick(290) == 250 and end.conn.tick(290) == 250
    _finished(bed, thing, end, peer, export)


def test_idle_ms():
    """Without a call for so long it is ended, and the peer is told so."""
    bed, thing, end, peer = _bed(idle_ms=3000)
    export = peer.bootstrap()
    for method in (ECHO, LATER):  # the short way and the usual one
        peer.call(1, export, method, 5)
        peer.read("return")
        bed.tasks()
        left = 0
        for _ in range(2):
            left += PING + PING // 4
            _pass(end, PING + PING // 4)
            question = peer.read("bootstrap").questionId
            peer.results(question)
            peer.read("finish")
        assert end.conn.error is None and left < 3000
    client = peer.client({"senderHosted": 3})
    _pass(end, 200)
    call = client.echo(1)
    bed.tasks()
    for _ in range(10):
        _pass(end, 500)
        peer.finish(77)
    assert peer.read("call").questionId == 0
    peer.results(0, 1)
    peer.read("finish")
    assert bed.get(call).y == 1
    peer.call(2, export, WAIT)
    for _ in range(10):
        _pass(end, 500)
        peer.finish(77)
    assert end.conn.error is None, "calls were under way"
    peer.finish(2)
    peer.read("return")
    for _ in range(10):
        if end.conn.error is None:
            _pass(end, 500)
            peer.finish(77)  # is no call
    type, reason = peer.aborted()
    assert (type, reason) == (DISCONNECTED, "nothing was called for 3000 ms")
    release(client)
    bed.check_empty(thing)


def test_results_that_are_kept_are_no_call():
    bed, thing, end, peer = _bed(idle_ms=1000, ping_ms=0)
    export = peer.bootstrap()
    peer.call(1, export, SELF)
    peer.read("return")
    assert _pass(end, 1500) is not None
    assert "nothing was called" in peer.aborted()[1]
    bed.check_empty(thing)


def test_two_of_ours_ask_each_other():
    """Neither takes the other's question for a call, nor is anything left of them."""
    bed = Bed()
    left, right = Thing(bed), Thing(bed)
    limits = {"ping_ms": 100, "dead_ms": 50, "idle_ms": 2000}
    a, b = bed.link(left, right, limits, limits)
    client = a.bootstrap()
    assert bed.get(client.echo(1)).y == 1
    for _ in range(4000):
        for end in (a, b):  # b is told a little later, when a's question may be there
            if end.conn.tick(1) is None:
                end.flush()
            bed.settle()
    asked = [end.sent.count("bootstrap") for end in (a, b)]
    assert sum(asked) > 15 and max(asked) < 25, asked
    for end in (a, b):
        assert "nothing was called" in end.conn.error.reason
        assert end.counts() == (0, 0, 0, 0, 0, 0)
    release(client)
    bed.check_empty(left, right)


def test_a_call_of_ours_asks_nothing():
    """What waits for an answer of the peer's is no question whether it is there: it may take hours."""
    bed, thing, end, peer = _bed()
    client = peer.client({"senderHosted": 3})
    call = client.wait()
    bed.tasks()
    assert peer.read("call").questionId == 0
    for _ in range(5):
        _pass(end, PING + PING // 4)
        peer.results(peer.read("bootstrap").questionId)
        peer.read("finish")
    assert not call._call.settled
    _pass(end, 2 * (PING + DEAD))
    assert bed.error(call).type == DISCONNECTED
    release(client)
    bed.check_empty(thing)
