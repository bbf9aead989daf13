# SPDX-License-Identifier: MIT
"""Promises that wait for one another in rings of vats, and links of a row of vats that break."""

from bed import THING, Bed, Thing
from chain import Chain

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import equal, problem, promise
from capnrpc_micro.objects.promise import DISCONNECTED, FAILED, OVERLOADED


def _ring(length):
    bed = Bed()
    limits = {"questions": 8}  # the calls go round, too, and all vats share one heap
    things = [Thing(bed) for _ in range(length)]
    to_last = []
    for k in range(length):
        left, right = bed.link(things[k], things[(k + 1) % length], limits, limits)
        to_last.append(right.bootstrap())
    promises = [promise(THING, bed.host) for _ in range(length)]
    for k in range(length):
        bed.get(to_last[k].keep(promises[(k + 1) % length][0]))
    calls = [thing.kept.echo(1) for thing in things]
    for k in range(length):
        promises[k][1].resolve(things[k].kept)
    calls += [thing.kept.echo(2) for thing in things]
    for call in calls:
        assert bed.error(call).type in (FAILED, OVERLOADED)
    for k in range(length):
        assert problem(things[k].kept).type == FAILED
        release(things[k].kept)
        release(promises[k][0])
        release(to_last[k])
    bed.check_empty(*things)


def test_promises_that_wait_for_each_other_in_a_ring():
    """Each vat's promise is resolved to the next one's, whose vat does the same. No vat can see that; all
    of them end broken, and nothing goes round for ever or is left."""
    for length in (2, 3):
        _ring(length)


def _cut(length, cut, resolved):
    chain = Chain(length)
    bed = chain.bed
    mine, resolver = promise(THING, bed.host)
    kept = chain.hands(mine)
    calls = [kept.echo(1), chain.there.wait(), mine.echo(2)]
    bed.settle()
    if resolved:
        resolver.resolve(chain.there)
        bed.tasks()
        chain.links[0][1].deliver()
    for end in chain.links[cut]:
        end.inbox.clear()
        end.conn.lost("cut")
    bed.settle()
    if not resolved:
        resolver.resolve(chain.there)
    for call in calls:
        assert bed.error(call).type == DISCONNECTED or call._call.value is not None
    assert bed.error(kept.wait()).type == DISCONNECTED
    chain.done(mine)


def test_any_link_is_cut():
    """With a promise and calls through it on their way: all fails or goes on, nothing is left."""
    for length in (3, 4):
        for cut in range(length - 1):
            for resolved in (False, True):
                _cut(length, cut, resolved)


def test_what_a_promise_has_become_outlives_its_connection():
    """A promise of one vat that is resolved to an object of another does not need the first any more."""
    bed = Bed()
    thing, other, mine = Thing(bed), Thing(bed), Thing(bed)
    left, _ = bed.link(mine, thing)
    right, _ = bed.link(mine, other)
    there, elsewhere = left.bootstrap(), right.bootstrap()
    call = there.hold(elsewhere)
    results = call.thing
    kept = bed.get(there.keep(results)) and thing.kept
    bed.get(left.peer.bootstrap().keep(kept))
    promised = mine.kept
    assert equal(promised, elsewhere) is None
    thing.waiting[0].resolve(None)
    bed.settle()
    assert bed.get(promised.echo(1)).y == 1 and other.calls == [1]
    for end in (left, left.peer):
        end.inbox.clear()
        end.conn.lost("cut")
    bed.settle()
    assert bed.get(promised.echo(2)).y == 2 and other.calls == [1, 2]
    for client in (promised, kept, there, elsewhere, call):
        release(client)
    bed.check_empty(thing, other, mine)
