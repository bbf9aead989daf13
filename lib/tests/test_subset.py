# SPDX-License-Identifier: MIT
"""References on which only some methods can be called."""

from bed import EMPTY, OTHER, THING, Thing
from kinds import INT32
from vatkit import alone, connected, error_of, everywhere, raised

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.membrane import revocable, subset
from capnrpc_micro.objects.operations import (
    broken,
    client,
    equal,
    problem,
    promise,
    settled,
    when_broken,
)
from capnrpc_micro.objects.promise import DISCONNECTED, FAILED, OVERLOADED, UNIMPLEMENTED, Error
from capnrpc_micro.schema import Interface, Struct

# An interface that extends two others, with methods of the same ordinals, and a keyword.
_N = Struct("", 1, 0, ("n", INT32 | 0 << 5, None))
BASE = Interface("Base", b"\x11\x92\xa3\xb4\xc5\xd6\xe7\x01")
BASE.methods_("get", EMPTY, _N, "put", _N, EMPTY)
SIDE = Interface("Side", b"\x11\x92\xa3\xb4\xc5\xd6\xe7\x02")
SIDE.methods_("left", EMPTY, _N, "right", EMPTY, _N)
BOTH = Interface("Both", b"\x11\x92\xa3\xb4\xc5\xd6\xe7\x03")
BOTH.supers_(BASE, SIDE)
BOTH.methods_("both", EMPTY, _N, "import", EMPTY, _N)


class Both(BOTH.Server):
    def __init__(self):
        self.n = 1
        self.released = 0

    def released_(self):
        self.released += 1

    def get(self):
        return self.n

    def put(self, n):
        self.n = n

    def left(self):
        return 2

    async def right(self):
        return 3

    def both(self):
        return 4

    def import_(self):
        return 5


def _allowed(vats, one):
    """The names of the methods that can be called."""
    found = []
    for name in ("get", "left", "right", "both", "import"):
        method = getattr(one.cast_as(BOTH), name)
        try:
            vats.bed.get(method())
            found.append(name)
        except Error as error:
            assert error.type == UNIMPLEMENTED and "does not allow" in error.reason
    return " ".join(found)


@everywhere
def test_only_these_methods(vats):
    thing = Thing(vats.bed)
    there = vats.client(thing)
    some = subset(there, THING, "echo", "self", "later")
    bed = vats.bed
    assert some._interface is THING and equal(some, there) is not True
    assert [bed.get(call).y for call in (some.echo(1), some.later(2), some.echo(3))] == [1, 2, 3]
    type, reason = error_of(vats, some.fail(OVERLOADED))
    assert type == UNIMPLEMENTED and reason == "the reference does not allow method 5"
    call = some.self()
    assert bed.get(call.thing.echo(4)).y == 4
    assert error_of(vats, some.same(thing).thing.echo(5))[0] == UNIMPLEMENTED
    assert error_of(vats, some.cast_as(OTHER).other())[0] == UNIMPLEMENTED
    assert thing.calls == [1, 2, 3, 4]
    results = bed.get(call)
    assert error_of(vats, results.thing.fail(OVERLOADED))[0] == OVERLOADED, "results are not less"
    for one in (results, some, there):
        release(one)
    vats.done(thing)


@everywhere
def test_inherited_interfaces(vats):
    """Methods of the same ordinal in different interfaces are told apart."""
    for names in (
        "get",
        "left",
        "both",
        "right",
        "import",
        "get right",
        "left both",
        "get left right both import",
    ):
        thing = Both()
        there = vats.client(thing)
        some = subset(there, BOTH, *names.split())
        assert _allowed(vats, some) == names
        release(there)
        release(some)
        vats.done(thing)


@everywhere
def test_two_interfaces(vats):
    """Whoever needs methods of two interfaces names one that extends both, or makes two references."""
    thing = Both()
    there = vats.client(thing)
    one, two = subset(there, BASE, "get"), subset(there, SIDE, "left")
    assert _allowed(vats, one) == "get" and _allowed(vats, two) == "left"
    assert one._interface is BASE and two._interface is SIDE
    assert equal(one, two) is not True
    less = subset(one.cast_as(BOTH), BOTH, "get", "left")
    assert _allowed(vats, less) == "get", "less of less is not more"
    for some in (less, one, two, there):
        release(some)
    vats.done(thing)


@alone
def test_names(vats):
    thing = Both()
    for interface, names in ((BOTH, ("get", "nothing")), (BASE, ("left",)), (SIDE, ("get",))):
        error = raised(subset, thing, interface, *names, kind=AttributeError)
        assert names[-1] in str(error)
    assert thing.cap_ is None
    some = subset(thing, BOTH, "import_")
    assert _allowed(vats, some) == "import"
    release(some)
    none = subset(thing, BOTH)
    assert _allowed(vats, none) == ""
    release(none)
    raised(subset, 5, BOTH, "get", kind=TypeError)
    assert thing.released == 2 and thing.cap_ is None


@everywhere
def test_a_subset_of_a_promise(vats):
    bed = vats.bed
    thing = Thing(bed)
    there = vats.client(thing)
    ours, resolver = promise(THING)
    some = subset(ours, THING, "echo", "later")
    calls = [some.echo(0), some.later(1)]
    refused = some.fail(OVERLOADED)
    waiting = bed.spawn(settled(some))
    bed.settle()
    assert not waiting.done and equal(some, there) is None
    resolver.resolve(there)
    calls += [some.echo(2), some.later(3)]
    assert [bed.get(call).y for call in calls] == [0, 1, 2, 3] == thing.calls
    assert error_of(vats, refused)[0] == UNIMPLEMENTED == error_of(vats, some.fail(1))[0]
    assert waiting.done and waiting.error is None and equal(some, there) is False
    for one in (ours, some, there):
        release(one)
    vats.done(thing)


@everywhere
def test_a_subset_of_what_breaks(vats):
    bed = vats.bed
    ours, resolver = promise(THING)
    some = subset(vats.given(ours), THING, "echo")
    seen = []
    when_broken(some, seen.append)
    call = some.echo(1)
    bed.settle()
    resolver.reject("no")
    assert error_of(vats, call) == (FAILED, "no") == error_of(vats, some.echo(2))
    assert problem(some).reason == "no" and seen == [problem(some)]
    assert error_of(vats, some.fail(1)) == (FAILED, "no")
    dead = broken("gone")
    none = subset(dead, THING, "echo")
    assert error_of(vats, none.echo(1)) == (FAILED, "gone")
    for one in (dead, none):
        release(one)


@connected
def test_a_subset_over_a_connection_that_is_lost(vats):
    bed = vats.bed
    thing = Thing(bed)
    there = vats.client(thing)
    some = subset(there, THING, "wait")
    seen = []
    when_broken(some, seen.append)
    call = some.wait()
    bed.settle()
    vats.cut()
    assert error_of(vats, call)[0] == DISCONNECTED and thing.calls == ["cancelled"]
    assert [error.type for error in seen] == [DISCONNECTED] == [problem(some).type]
    release(some)
    release(there)
    vats.done(thing)


@everywhere
def test_a_subset_in_another_vat(vats):
    """It calls what is allowed, and passing the reference back and forth adds nothing."""
    bed = vats.bed
    mine = Thing(bed)
    own = client(mine)
    some = subset(own, THING, "echo", "wait")
    thing = Thing(bed)
    there = vats.client(thing)
    bed.get(there.keep(some))
    kept = thing.kept
    assert bed.get(kept.echo(1)).y == 1
    assert error_of(vats, kept.later(2))[0] == UNIMPLEMENTED
    results = bed.get(there.same(some))
    assert equal(results.thing, some) is True
    assert error_of(vats, results.thing.later(3))[0] == UNIMPLEMENTED
    call = kept.wait()
    bed.settle()
    call.cancel_()
    bed.settle()
    assert mine.calls == [1, "cancelled"]
    for one in (results, kept, there, some, own):
        release(one)
    vats.done(mine, thing)


@everywhere
def test_a_subset_behind_a_membrane_and_a_membrane_behind_a_subset(vats):
    bed = vats.bed
    thing = Thing(bed)
    there = vats.client(thing)
    some = subset(there, THING, "echo")
    outer, revoke = revocable(some)
    less = subset(outer, THING, "echo", "fail")
    for one in (outer, less):
        assert bed.get(one.echo(1)).y == 1
        assert error_of(vats, one.fail(1))[0] == UNIMPLEMENTED
    seen = []
    when_broken(less, seen.append)
    revoke("over")
    assert [error.reason for error in seen] == ["over"]
    assert error_of(vats, less.echo(2)) == (FAILED, "over") == error_of(vats, less.fail(1))
    assert bed.get(some.echo(3)).y == 3
    for one in (less, outer, some, there):
        release(one)
    vats.done(thing)


@everywhere
def test_a_subset_that_was_released(vats):
    """Its calls fail; it can be taken up again only by who had it."""
    thing = Thing(vats.bed)
    there = vats.client(thing)
    some = subset(there, THING, "echo")
    release(some)
    assert "released" in error_of(vats, some.echo(1))[1]
    release(some)
    assert vats.bed.get(there.echo(2)).y == 2
    release(there)
    vats.done(thing)


@alone
def test_a_call_runs_later_however_it_gets_to_its_object(vats):
    """As one over the wire does: a program that calls is not called back before its call has returned."""
    thing = Thing(vats.bed)
    there = client(thing)
    waiting, resolver = promise(THING)
    within = subset(waiting, THING, "echo")
    resolver.resolve(there)
    outer, _ = revocable(there)
    both, _ = revocable(within)
    for ref in (there, waiting, within, outer, both):
        call = ref.echo(7)
        assert thing.calls == [], ref
        assert vats.bed.get(call).y == 7
        assert thing.calls.pop() == 7 and not thing.calls
    for ref in (both, outer, within, waiting, there):
        release(ref)
    vats.done(thing)


@alone
def test_of_what_is_broken(vats):
    there = broken("no more", THING)
    within = subset(there, THING, "echo")
    assert problem(within).reason == "no more"
    told = []
    when_broken(within, lambda error: told.append(error.reason))
    vats.bed.settle()
    assert told == ["no more"]
    release(within)
    release(there)
    vats.done()
