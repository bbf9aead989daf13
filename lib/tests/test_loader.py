# SPDX-License-Identifier: MIT
"""Layer `vat`: services that are loaded when somebody asks for them."""

from hashlib import sha256

from bed import Thing
from test_restorer import Restored
from wirekit import raises

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import client
from capnrpc_micro.objects.promise import UNKNOWN_ID, Error, Promise
from capnrpc_micro.vat.restorer import Table


class Loading:
    """A vat whose table loads services as `kind` says: "at once", "later", or "client", which hands over
    a reference.

    things   what was loaded, in order
    told     what the loader was called with
    error    what it raises instead, if that is set
    """

    def __init__(self, kind="at once", revocable=False):
        self.kind = kind
        self.things = []
        self.told = []
        self.waiting = []
        self.error = None
        self.table = Table(lambda id: ("ref", len(id)), self.load, revocable)
        self.vat = Restored(self.table)

    def load(self, digest, sturdy_ref):
        self.told.append((digest, sturdy_ref))
        if self.kind == "later":
            return self.load_later()
        if self.error is not None:
            raise self.error
        thing = self.new()
        return client(thing) if self.kind == "client" else thing

    async def load_later(self):
        promise = Promise(self.vat.bed.host)
        self.waiting.append(promise)
        await promise
        if self.error is not None:
            raise self.error
        return self.new()

    def new(self):
        self.things.append(Thing(self.vat.bed))
        return self.things[len(self.things) - 1]

    def go(self):
        """Lets all loads end that have begun."""
        self.vat.bed.settle()
        while self.waiting:
            self.waiting.pop(0).resolve(None)
            self.vat.bed.settle()

    def done(self):
        self.vat.done(*self.things)


def test_what_the_loader_gets():
    """The digest of the id and a sturdy ref, and not the id, which is a secret."""
    one = Loading()
    one.vat.works(b"an id")
    assert one.told == [(sha256(b"an id").digest(), ("ref", 5))]
    one.done()


def test_one_load_however_many_ask():
    for kind in ("at once", "later", "client"):
        for revocable in (False, True):
            one = Loading(kind, revocable)
            got = [one.vat.get(b"A") for _ in range(4)]
            calls = [thing.echo(7) for thing in got]
            one.go()
            assert len(one.things) == len(one.told) == 1, kind
            for call in calls:
                assert one.vat.bed.get(call).y == 7
            one.vat.works(b"A")  # it is there: nothing is loaded
            other = one.vat.get(b"B")
            one.go()
            assert len(one.things) == len(one.told) == 2, kind
            assert one.vat.bed.get(other.echo(8)).y == 8
            release(other)
            while got:
                release(got.pop())
            one.done()


def test_it_is_loaded_again_when_nobody_has_it():
    for kind in ("at once", "later", "client"):
        one = Loading(kind)
        for times in range(1, 4):
            got = one.vat.get(b"A")
            one.go()
            assert len(one.things) == times, kind
            release(got)
            one.vat.bed.settle()
            assert one.things[times - 1].released == 1, kind
        got = one.vat.get(b"B")  # what is gone is no longer remembered
        one.go()
        assert len(one.table._loaded.entries) == 1
        release(got)
        one.done()


def test_errors_are_not_remembered():
    for kind in ("at once", "later"):
        one = Loading(kind)
        for error, text in (
            (Error("no flash"), "no flash"),
            (ValueError("odd"), "ValueError: odd"),
        ):
            one.error = error
            got = one.vat.get(b"A")
            call = got.echo(1)
            one.go()
            raises(Error, text, one.vat.bed.get, call)
            release(got)
        one.error = None
        got = one.vat.get(b"A")
        one.go()
        assert one.vat.bed.get(got.echo(1)).y == 1 and len(one.told) == 3
        release(got)
        one.done()


def test_there_is_no_such_service():
    for kind in ("at once", "later"):
        one = Loading(kind)
        one.new = lambda: None
        got = one.vat.get(b"A")
        call = got.echo(1)
        one.go()
        raises(Error, UNKNOWN_ID, one.vat.bed.get, call)
        release(got)
        one.done()


def test_what_was_added_comes_first():
    one = Loading()
    thing = Thing(one.vat.bed)
    one.table.add(b"A", thing)
    one.vat.works(b"A")
    assert not one.told
    one.table.remove(b"A")
    one.vat.works(b"A")
    assert len(one.told) == 1
    one.things.append(thing)
    one.done()


def test_removed_while_somebody_has_it():
    """Who has it keeps it; who asks next gets what the loader says then."""
    one = Loading()
    got = one.vat.get(b"A")
    one.go()
    one.table.remove(b"A")
    one.error = Error(UNKNOWN_ID)
    one.vat.fails(b"A")
    assert one.vat.bed.get(got.echo(1)).y == 1
    release(got)
    raises(KeyError, "not in the table", one.table.remove, b"B")
    one.done()


def test_removed_while_it_is_loaded():
    one = Loading("later")
    got = one.vat.get(b"A")
    one.vat.bed.settle()
    one.table.remove(b"A")
    again = one.vat.get(b"A")
    one.go()
    assert len(one.things) == 2
    for thing in (got, again):
        assert one.vat.bed.get(thing.echo(1)).y == 1
        release(thing)
    one.done()


def test_what_was_loaded_can_be_taken_back():
    for kind in ("at once", "later"):
        one = Loading(kind, revocable=True)
        got = one.vat.get(b"A")
        one.go()
        assert one.vat.bed.get(got.echo(1)).y == 1
        one.table.remove_digest(sha256(b"A").digest(), revoke=True)
        raises(Error, "revoked", one.vat.bed.get, got.echo(1))
        release(got)
        again = one.vat.get(b"A")
        one.go()
        assert one.vat.bed.get(again.echo(2)).y == 2 and len(one.things) == 2
        release(again)
        one.done()
