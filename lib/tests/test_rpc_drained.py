# SPDX-License-Identifier: MIT
"""Tables that were large and are small again."""

from bed import Bed, Thing
from invariants import check

from capnrpc_micro.objects.client import release

MANY = 80  # what fits a board's heap, and is more than captable keeps


def test_drained_tables():
    """They are replaced by small ones: a removed entry would cost time for ever."""
    bed = Bed()
    thing = Thing(bed)
    a, b = bed.link(None, thing)
    main = a.bootstrap()
    held = [bed.get(main.many(10)) for _ in range(MANY // 10)]
    assert len(a.conn.imports) > MANY and a.conn.import_room > MANY < b.conn.export_room
    while held:
        release(held.pop())
        bed.settle()
        check(a)
        check(b)
    assert a.conn.import_room < MANY > b.conn.export_room
    last = bed.get(main.many(1))
    assert bed.get(last.things[0].echo(5)).y == 5
    release(last)
    release(main)
    bed.check_empty(thing)
