# SPDX-License-Identifier: MIT
"""Layer `vat`: capabilities that tell their own sturdy ref, over a connection."""

from bed import THING, Bed, Thing

from capnrpc_micro.identity.address import Address
from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.membrane import revocable, subset
from capnrpc_micro.objects.operations import broken, client, problem, promise
from capnrpc_micro.objects.promise import FAILED, UNIMPLEMENTED, Promise
from capnrpc_micro.types import Text
from capnrpc_micro.vat.persistence import persistent, save
from capnrpc_micro.vat.persistent_capnp import Persistent
from capnrpc_micro.vat.sturdy_ref import SturdyRef

URI = "capnp://insecure@localhost:7000/c2VjcmV0"


class Vat:
    def sturdy_ref(self, service):
        return SturdyRef(self, Address.parse(service.as_(Text)))


REF = SturdyRef(None, Address.parse(URI))


class Reached:
    """Something that is served, and a reference to it from the other side."""

    def __init__(self):
        self.before = Promise.host
        self.bed = Bed()
        Promise.host = self.bed.host

    def serve(self, capability):
        self.here, self.there = self.bed.link(None, lambda id: capability)
        self.thing = self.here.conn.bootstrap(THING, b"main")

    def saves(self):
        assert self.bed.get(save(self.thing, Vat())) == REF
        assert self.bed.get(self.thing.echo(5)).y == 5

    def fails(self, kind, text):
        error = self.bed.error(save(self.thing, Vat()))
        assert error.type == kind and text in error.reason, error

    def done(self, *things):
        release(self.thing)
        self.bed.settle()
        self.bed.check_empty(*things)
        for thing in things:
            assert thing.released == 1
        Promise.host = self.before


def test_ids_are_those_of_others():
    assert Persistent.id_ == b"\x91\x56\x9f\xcd\x2f\x21\xcb\xc8"  # 0xc8cb212fcd9f5691
    assert Persistent.find_("save") == (Persistent, 0)


def test_saved_and_used():
    vat = Reached()
    thing = Thing(vat.bed)
    lasting = persistent(thing, REF)
    vat.serve(lasting)
    for _ in range(2):
        vat.saves()
    # Whom it is sealed for is ignored, and the answer is a Text.
    call = vat.thing.cast_as(Persistent).save("somebody")
    results = vat.bed.get(call)
    assert results.sturdyRef.as_(Text) == URI
    release(results)
    release(lasting)
    vat.done(thing)


def test_other_methods_of_the_interface_are_not_there():
    vat = Reached()
    thing = Thing(vat.bed)
    lasting = persistent(thing, REF)
    vat.serve(lasting)
    # An interface with the same id, and more methods than we know of.
    more = Persistent.__class__("More", Persistent.id_)
    table = Persistent.table_[1:3]
    more.methods_("save", table[0], table[1], "other", table[0], table[1])
    assert vat.bed.error(vat.thing.cast_as(more).other()).type == UNIMPLEMENTED
    release(lasting)
    vat.done(thing)


def test_what_has_no_sturdy_ref():
    vat = Reached()
    thing = Thing(vat.bed)
    vat.serve(thing)
    vat.fails(UNIMPLEMENTED, "")
    vat.done(thing)


class Tells(Persistent.Server):
    """Implements `save` itself."""

    def __init__(self, answer):
        self.answer = answer

    def save(self, sealFor):
        return self.answer


def test_a_class_that_saves_itself():
    for answer, works in ((URI, True), (None, False), ("capnp://nonsense", False)):
        vat = Reached()
        vat.serve(Tells(answer))
        try:
            assert vat.bed.get(save(vat.thing, Vat())) == REF and works
        except ValueError as error:
            assert not works and "nonsense" not in str(error), error
        vat.done()  # what the answers held is released, too


def test_a_promise_that_is_settled_later():
    vat = Reached()
    inner, resolver = promise(THING)
    lasting = persistent(inner, REF)
    release(inner)
    vat.serve(lasting)
    # It is known already where it will be.
    assert vat.bed.get(save(vat.thing, Vat())) == REF
    echo = vat.thing.echo(1)
    vat.bed.settle()
    thing = Thing(vat.bed)
    resolver.resolve(thing)
    assert vat.bed.get(echo).y == 1
    vat.saves()
    release(lasting)
    vat.done(thing)


def test_what_is_broken_stays_broken():
    vat = Reached()
    inner, resolver = promise(THING)
    lasting = persistent(inner, REF)
    release(inner)
    vat.serve(lasting)
    resolver.reject("it burned down")
    vat.fails(FAILED, "it burned down")
    assert problem(lasting).reason == "it burned down"
    release(lasting)
    gone = broken("no such thing", THING)
    lasting = persistent(gone, REF)
    assert problem(lasting).reason == "no such thing"
    release(gone)
    release(lasting)
    vat.done()


def test_with_less_authority():
    vat = Reached()
    thing = Thing(vat.bed)
    inner = client(thing)
    lasting = persistent(inner, REF)
    release(inner)
    # Who gives less away does not give away the reference that lasts, either.
    less = subset(lasting, THING, "echo")
    vat.serve(less)
    vat.fails(UNIMPLEMENTED, "does not allow")
    assert vat.bed.get(vat.thing.echo(5)).y == 5
    release(vat.thing)
    release(less)
    # Nor is there one once it has been revoked.
    guarded, revoke = revocable(lasting)
    release(lasting)
    vat.serve(guarded)
    vat.saves()
    revoke("no more")
    vat.fails(FAILED, "no more")
    release(guarded)
    vat.done(thing)
