# SPDX-License-Identifier: MIT
"""Layer `vat`: what ids lead to, without a loader."""

from bed import THING, Bed, Thing
from wirekit import raises

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import client
from capnrpc_micro.objects.promise import FAILED, UNKNOWN_ID, Error, Promise
from capnrpc_micro.vat.restorer import Nothing, Single, Table


class Restored:
    """A vat with a restorer, and a connection to it."""

    def __init__(self, restorer):
        self.before = Promise.host
        self.bed = Bed()
        Promise.host = self.bed.host
        self.here, self.there = self.bed.link(None, restorer.restore)

    def get(self, id):
        return self.here.conn.bootstrap(THING, id)

    def works(self, id):
        thing = self.get(id)
        assert self.bed.get(thing.echo(5)).y == 5
        release(thing)

    def fails(self, id, text=UNKNOWN_ID):
        thing = self.get(id)
        try:
            self.bed.get(thing.echo(5))
            raise AssertionError("it was restored")
        except Error as error:
            assert (error.reason, error.type) == (text, FAILED), error
        release(thing)

    def done(self, *things):
        """All is let go, and each of the things was released once."""
        self.bed.settle()
        self.bed.check_empty(*things)
        for thing in things:
            assert thing.released == 1, thing.released
        Promise.host = self.before


def test_nothing():
    vat = Restored(Nothing())
    for id in (b"", b"main"):
        vat.fails(id, "This vat has no restorer")
    vat.done()


def test_single():
    bed = Bed()
    thing = Thing(bed)
    for id in (b"", b"main"):
        thing = Thing(bed)
        restorer = Single(id, thing)
        vat = Restored(restorer)
        for _ in range(2):
            vat.works(id)
            vat.fails(b"other")
            assert not thing.released
        restorer.clear()
        restorer.clear()
        vat.fails(id)
        vat.done(thing)


def test_table():
    table = Table()
    vat = Restored(table)
    things = [Thing(vat.bed) for _ in range(3)]
    for k in range(3):
        table.add(bytes([65 + k]), things[k])
    assert len(table) == 3
    for _ in range(2):
        vat.works(b"A")
        vat.works(b"C")
    vat.fails(b"D")
    raises(ValueError, "already", table.add, b"B", things[0])
    raises(TypeError, "a capability is expected", table.add, b"E", 5)
    table.remove(b"B")
    assert things[1].released == 1
    vat.fails(b"B")
    try:
        table.remove(b"secret")
        raise AssertionError("it was removed")
    except KeyError as error:
        assert "not in the table" in str(error) and "secret" not in str(error)
    table.add(b"B", things[2])
    vat.works(b"B")
    table.clear()
    assert not len(table)
    for id in (b"A", b"B", b"C"):
        vat.fails(id)
    vat.done(*things)


def test_a_table_holds_references_of_its_own():
    table = Table()
    vat = Restored(table)
    thing = Thing(vat.bed)
    ours = client(thing)
    table.add(b"A", ours)
    release(ours)
    vat.works(b"A")
    got = vat.get(b"A")
    vat.bed.settle()
    table.remove(b"A")
    assert vat.bed.get(got.echo(3)).y == 3  # who has it keeps it
    assert not thing.released
    release(got)
    vat.done(thing)


def test_what_was_given_out_can_be_taken_back():
    table = Table()
    vat = Restored(table)
    thing = Thing(vat.bed)
    table.add(b"A", thing, revocable=True)
    table.add(b"B", thing)
    kept = [vat.get(id) for id in (b"A", b"A", b"B")]
    for got in kept:
        assert vat.bed.get(got.echo(3)).y == 3
    raises(ValueError, "was not made revocable", table.remove, b"B", True)
    vat.works(b"B")
    table.remove(b"A", True)
    vat.bed.settle()
    for got in kept[:2]:
        try:
            vat.bed.get(got.echo(4))
            raise AssertionError("it was not taken back")
        except Error as error:
            assert "revoked" in error.reason, error
    vat.fails(b"A")
    assert vat.bed.get(kept[2].echo(5)).y == 5
    for got in kept:
        release(got)
    table.clear()
    vat.done(thing)


def test_who_has_it_keeps_it_though_it_could_be_taken_back():
    table = Table()
    vat = Restored(table)
    thing = Thing(vat.bed)
    table.add(b"A", thing, revocable=True)
    got = vat.get(b"A")
    vat.bed.settle()
    table.remove(b"A")
    assert vat.bed.get(got.echo(3)).y == 3
    release(got)
    vat.done(thing)


def test_lookups_are_by_digest():
    """An id is nowhere in the table: how long it takes to compare it tells nothing."""
    table = Table()
    vat = Restored(table)
    table.add(b"the secret", Thing(vat.bed))
    for digest in table._entries:
        assert len(digest) == 32 and digest != b"the secret"
    table.clear()
    vat.done()


def test_forms_of_ids_on_the_wire():
    """Null, Text and Data; nothing but a last zero byte tells the last two apart."""
    seen = []

    def restore(id):
        seen.append(id)
        if id in (b"", b"main", b"zero\0"):
            return thing
        raise Error(UNKNOWN_ID)

    class Any:
        pass

    any = Any()
    any.restore = restore
    vat = Restored(any)
    thing = Thing(vat.bed)
    end, peer = vat.bed.peer()
    end.conn.restore = restore
    question = 0
    for sent, asked in (
        (None, [b""]),
        ("", [b""]),
        (b"", [b""]),
        ("main", [b"main"]),
        (b"main", [b"main"]),
        (b"zero\0", [b"zero", b"zero\0"]),
        ("zero\0", [b"zero\0"]),
        ("what", [b"what", b"what\0"]),
        (b"what", [b"what"]),
    ):
        seen.clear()
        peer.send("bootstrap", {"questionId": question, "deprecatedObjectId": sent})
        vat.bed.settle()
        assert seen == asked, (sent, seen)
        question += 1
    end.conn.lost("closed")
    vat.done()
