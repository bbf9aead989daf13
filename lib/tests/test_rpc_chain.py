# SPDX-License-Identifier: MIT
"""Capabilities and promises that go through other vats."""

from bed import THING
from chain import Chain

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import equal, problem, promise
from capnrpc_micro.objects.promise import OVERLOADED, Error


def _led_to(client):
    return getattr(client._hook.resolved(), "server", None)


def test_an_object_comes_back_as_itself():
    for length in (3, 4):
        chain = Chain(length)
        bed = chain.bed
        mine = chain.things[0]
        results = bed.get(chain.there.same(mine))
        assert _led_to(results.thing) is mine
        release(results)
        # Theirs, sent back to them.
        results = bed.get(chain.there.self())
        assert _led_to(chain.hands(results.thing)) is chain.things[-1]
        release(results)
        assert bed.get(chain.there.callMe(mine, 5)).y == 5 and mine.calls == [5]
        assert equal(chain.there, chain.mains[0]) is True
        chain.done()


def _object_of(chain, vat):
    """A Client, in the first vat, of the object of another, passed on by those between."""
    passed = [chain.things[vat]]
    for k in range(vat):
        link = chain.links[vat - k - 1]
        link[1].conn.restore = lambda id, k=k: passed[k]
        passed.append(link[0].bootstrap())
        chain.bed.settle()
    for client in passed[1:-1]:
        release(client)
    return passed[-1]


def _becomes_known(length, owner, used):
    chain = Chain(length)
    bed = chain.bed
    mine, resolver = promise(THING, bed.host)
    kept = chain.hands(mine)
    assert equal(kept, chain.there) is None
    calls = []
    if used:
        calls = [kept.echo(k) for k in range(3)] + [mine.echo(10)]
        bed.settle()
    thing = chain.things[owner]
    if owner == 0:
        resolver.resolve(thing)
    elif owner == length - 1:
        resolver.resolve(chain.there)
    else:
        client = _object_of(chain, owner)
        resolver.resolve(client)
        release(client)
    calls += [kept.echo(k) for k in range(3, 6)] + [mine.echo(11)]
    bed.settle()
    for call in calls:
        bed.get(call)
    seen = [x for x in thing.calls if x < 10]
    assert seen == list(range(0 if used else 3, 6)), (owner, thing.calls)
    assert [x for x in thing.calls if x > 9] == ([10, 11] if used else [11])
    for client, vat in ((kept, length - 1), (mine, 0)):
        sent = chain.sent()
        assert bed.get(client.echo(20)).y == 20
        assert (chain.sent() == sent) == (owner == vat)
        assert (_led_to(client) is thing) == (owner == vat)
    chain.done(mine)


def test_what_a_promise_turns_out_to_be():
    """An object of any vat on the way, the promise's own included. The vat whose object it is makes its
    calls without a message."""
    for length in (3, 4):
        for owner in range(length):
            for used in (False, True):
                _becomes_known(length, owner, used)


def test_a_promise_that_breaks():
    for length in (3, 4):
        chain = Chain(length)
        bed = chain.bed
        mine, resolver = promise(THING, bed.host)
        kept = chain.hands(mine)
        calls = [kept.echo(1), mine.echo(2)]
        bed.settle()
        resolver.reject(Error("no more", OVERLOADED))
        calls.append(kept.echo(3))
        for call in calls:
            error = bed.error(call)
            assert (error.type, error.reason) == (OVERLOADED, "no more")
        assert problem(kept).reason == "no more"
        chain.done(mine)


def test_a_promise_of_a_promise():
    """Resolved first to a promise that came the other way, then that to the first vat's object."""
    for length in (3, 4):
        chain = Chain(length)
        bed = chain.bed
        mine, resolver = promise(THING, bed.host)
        kept = chain.hands(mine)
        held = chain.there.hold(None)  # the promise of what the last vat will return
        theirs = held.thing
        calls = [kept.echo(0), theirs.echo(10)]
        bed.settle()
        resolver.resolve(theirs)
        calls += [kept.echo(1), theirs.echo(11), mine.echo(20)]
        bed.settle()
        chain.things[-1].waiting[0].resolve(chain.things[-1])
        calls += [kept.echo(2), theirs.echo(12), mine.echo(21)]
        bed.settle()
        calls += [kept.echo(3), theirs.echo(13), mine.echo(22)]
        assert [bed.get(call).y % 10 for call in calls] == [0, 0, 1, 1, 0, 2, 2, 1, 3, 3, 2]
        served = chain.things[-1].calls
        for first in (0, 10, 20):
            seen = [x for x in served if x // 10 == first // 10]
            assert seen == sorted(seen) and len(seen) >= 3, served
        assert _led_to(kept) is chain.things[-1]
        chain.done(mine, held)
