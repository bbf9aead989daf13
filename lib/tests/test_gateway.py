# SPDX-License-Identifier: MIT
"""Layer `vat`: the gateway, over a connection whose bootstrap leads to it."""

from bed import THING, Bed, Thing

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import promise
from capnrpc_micro.objects.promise import FAILED, UNKNOWN_ID, Promise
from capnrpc_micro.vat.gateway import GatewayServer
from capnrpc_micro.vat.gateway_capnp import Gateway
from capnrpc_micro.vat.restorer import Nothing, Table


class Reached:
    """A vat whose gateway is asked over a connection."""

    def __init__(self, restorer):
        self.before = Promise.host
        self.bed = Bed()
        Promise.host = self.bed.host
        self.here, self.there = self.bed.link(None, GatewayServer(restorer))
        self.gateway = self.here.conn.bootstrap(Gateway, b"")

    def fails(self, id, text):
        error = self.bed.error(self.gateway.restore(id))
        assert (error.type, error.reason) == (FAILED, text), error

    def done(self, *things):
        release(self.gateway)
        self.bed.settle()
        self.bed.check_empty(*things)
        Promise.host = self.before


def test_ids_are_on_the_wire_as_they_are():
    # What programs in other languages were built with.
    assert Gateway.id_ == b"\xe1\xc6\xdd\xf4\xa4\xa3\xc3\xb2"  # 0xb2c3a3a4f4ddc6e1
    assert Gateway.find_("restore") == (Gateway, 0)


def test_services_by_their_ids():
    table = Table()
    vat = Reached(table)
    # All bytes of an id count, and nobody takes them for text.
    ids = (b"main", b"\x00\xff\xfe", b"main\x00", b"", b"x" * 300)
    things = [Thing(vat.bed) for _ in ids]
    for k, id in enumerate(ids):
        table.add(id, things[k])
    for k, id in enumerate(ids):
        thing = things[k]
        call = vat.gateway.restore(id)
        assert vat.bed.get(call.cap.cast_as(THING).echo(3)).y == 3  # not waited for
        results = vat.bed.get(call)
        assert vat.bed.get(results.cap.cast_as(THING).echo(4)).y == 4
        assert thing.calls == [3, 4], id
        release(results)
    vat.bed.settle()
    assert [thing.released for thing in things] == [0] * len(things)  # the table's own
    table.clear()
    vat.bed.settle()
    assert [thing.released for thing in things] == [1] * len(things)
    vat.done(*things)


def test_what_is_not_there():
    table = Table()
    vat = Reached(table)
    thing = Thing(vat.bed)
    table.add(b"main", thing)
    for id in (b"", b"mai", b"main\x00", b"x" * 300):
        vat.fails(id, UNKNOWN_ID)
    assert UNKNOWN_ID == "Unknown persistent service ID"
    table.remove(b"main")
    vat.fails(b"main", UNKNOWN_ID)
    vat.done(thing)


def test_a_vat_that_restores_nothing():
    vat = Reached(Nothing())
    vat.fails(b"main", "This vat has no restorer")
    vat.done()


def test_a_service_that_is_there_later():
    client, resolver = promise(THING)

    class Later:
        def restore(self, id):
            return client

    vat = Reached(Later())
    call = vat.gateway.restore(b"later")
    echo = call.cap.cast_as(THING).echo(5)
    vat.bed.settle()
    thing = Thing(vat.bed)
    resolver.resolve(thing)
    assert vat.bed.get(echo).y == 5
    release(vat.bed.get(call))
    release(client)
    vat.done(thing)
    assert thing.released == 1
