# SPDX-License-Identifier: MIT
"""Peers that speak the protocol wrongly (see malicious), and two vats that flood each other."""

from bed import ECHO, Bed, Thing
from byhand import frame
from invariants import check
from malicious import LIMITS, attack, replay
from test_rpc_fuzz import Chance

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.promise import OVERLOADED
from capnrpc_micro.words import MICROPYTHON

ROUNDS = 12 if MICROPYTHON else 200
STEPS = 40 if MICROPYTHON else 200


def test_malicious_peers():
    sent = 0
    for seed in range(ROUNDS):
        sent += attack(seed, STEPS, Chance(seed + 1))
    assert sent > 3 * ROUNDS


def test_results_whose_references_are_gone():
    """Finish gives back a reference to an export for a second time: the results go all the same."""
    replay(
        [
            frame("bootstrap", {"questionId": 2}),
            frame("release", {"id": 0, "referenceCount": 1}),
            frame("finish", {"questionId": 2, "releaseResultCaps": True}),
        ]
    )


def test_a_peer_that_does_not_read():
    """Output stays within its limit, however much is asked; then nothing more is read."""
    bed = Bed()
    thing = Thing(bed)
    end, peer = bed.peer(thing, **LIMITS)
    export = peer.bootstrap()
    sent = []
    end.receive = sent.append
    peer.call(1, export, ECHO, 5)
    conn = end.conn
    more = False
    while not more:
        space = conn.receiver.space()
        space[: len(sent[0])] = sent[0]
        conn.received(len(sent[0]))
        more = conn.process()
        assert conn.error is None and 4 * conn.out.hi <= LIMITS["output_bytes"]
    assert 4 * conn.out.hi > LIMITS["output_mark"]
    bed.cut("the peer does not read our output")
    check(end)


class Caller(Thing):
    """Answers a call of callMe with two more, to whom it came from."""

    left = 40
    refused = 0
    peer = None

    async def callMe(self, thing, x):
        for _ in range(2):
            if self.left:
                self.left -= 1
                call = self.peer.callMe(self, x + 1)
                call.then_(self.told)
        await thing.echo(x)
        return x

    def told(self, call):
        if call.error is not None:
            assert call.error.type == OVERLOADED, call.error
            self.refused += 1


def test_two_that_flood_each_other():
    """Calls and callbacks in all directions, more than the limits allow: each returns or is refused."""
    bed = Bed()
    things = Caller(bed), Caller(bed)
    limits = {"questions": 5, "answers": 4, "running": 2, "exports": 6, "imports": 6}
    a, b = bed.link(things[0], things[1], limits, limits)
    things[0].peer = a.bootstrap()
    things[1].peer = b.bootstrap()
    calls = [thing.peer.callMe(thing, 0) for thing in things for _ in range(8)]
    bed.settle()
    done = 0
    for call in calls:
        assert call._call.settled, "it waits for ever"
        done += call._call.error is None
        release(call)
    assert done or sum([thing.refused for thing in things])
    assert a.conn.error is None and b.conn.error is None
    check(a)
    check(b)
    for thing in things:
        release(thing.peer)
    bed.host.failed.clear()
    bed.settle()
    assert a.counts() == b.counts() == (0, 0, 0, 0, 0, 0), (
        a.counts(),
        b.counts(),
    )
