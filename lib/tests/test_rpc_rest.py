# SPDX-License-Identifier: MIT
"""Connections that give back their buffers when nothing has come for a while."""

from bed import ECHO, Bed, Thing
from byhand import frame, payload

from capnrpc_micro.objects.client import release


def _small(conn):
    return (len(conn.receiver.message.b), len(conn.out.b), conn._flight) == (8, 64, None)


def _rested(conn):
    """At rest now: time goes by until it is."""
    conn.tick(0)
    for _ in range(8):
        conn.tick(conn.limits.rest_ms >> 2)
    return _small(conn)


def test_after_a_while():
    bed = Bed()
    thing = Thing(bed)
    limits = {"rest_ms": 1000}
    a, b = bed.link(None, thing, limits, limits)
    main = a.bootstrap()
    assert bed.get(main.echo(1)).y == 1
    for conn in (a.conn, b.conn):
        assert conn.tick(0) == 999 and not _small(conn)
        assert conn.tick(998) == 250 and not _small(conn)
        conn.tick(1)
        assert _small(conn)
    for x in range(3):
        assert bed.get(main.echo(x)).y == x
    assert not _small(a.conn) and not _small(b.conn)
    assert _rested(a.conn) and _rested(b.conn)
    release(main)
    bed.check_empty(thing)


def test_not_if_it_may_not():
    bed = Bed()
    a, b = bed.link(None, Thing(bed), {"rest_ms": 0}, {})
    a.bootstrap()
    bed.settle()
    a.conn.tick(0)
    a.conn.tick(1 << 20)
    assert not _small(a.conn)
    a.conn.lost("closed")
    b.conn.lost("closed")


def test_messages_of_any_length_wake_it():
    """And of any number, cut anywhere."""
    bed = Bed()
    thing = Thing(bed)
    end, peer = bed.peer(thing, message_words=4096)
    export = peer.bootstrap()
    data = b""
    for k in range(3):
        more = {"questionId": k, "methodId": ECHO, "target": {"importedCap": export}}
        for j in range(4):
            more["i%d" % j] = thing.interface_.id_[2 * j] | thing.interface_.id_[2 * j + 1] << 8
        data += frame("call", dict(more, params=payload(k)))
    for cut in range(len(data)):
        assert _rested(end.conn)
        end.receive(data[:cut])
        end.conn.rest()  # nothing that has come is lost
        end.receive(data[cut:])
        bed.settle()
        for k in range(3):
            body = peer.read("return")
            assert body.answerId == k and body.results.content.x == k
            peer.finish(k)
    bed.settle()
    peer.release(export)
    bed.check_empty(thing)


def test_long_messages():
    bed = Bed()
    thing = Thing(bed)
    a, b = bed.link(None, thing)
    main = a.bootstrap()
    for size in (1, 100, 2000, 4000):
        bed.settle()
        assert _rested(a.conn) and _rested(b.conn)
        results = bed.get(main.blob(bytes([7]) * size))
        assert bytes(results.blob) == bytes([7]) * size
        release(results)
    release(main)
    bed.check_empty(thing)


def test_output_that_waits_stays():
    bed = Bed()
    thing = Thing(bed)
    a, b = bed.link(None, thing)
    main = a.bootstrap()
    call = main.echo(5)
    a.conn.rest()
    assert a.conn.out.hi
    view = a.conn.output()  # it is on its way
    a.conn.rest()
    b.receive(bytes(view))
    a.conn.output_sent()
    assert bed.get(call).y == 5
    release(main)
    bed.check_empty(thing)
