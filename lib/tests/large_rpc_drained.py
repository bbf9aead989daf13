# SPDX-License-Identifier: MIT
"""A table of answers that was large and is small again: see test_rpc_drained."""

from bed import Bed, Thing
from invariants import check

from capnrpc_micro.objects.client import release


def test_drained_answers():
    bed = Bed()
    thing = Thing(bed)
    limits = {"answers": 100, "running": 100, "questions": 100}
    a, b = bed.link(None, thing, limits, limits)
    main = a.bootstrap()
    waiting = [main.wait() for _ in range(72)]
    bed.settle()
    assert len(b.conn.answers) == 72 <= b.conn.answer_room
    while thing.waiting:
        thing.waiting.pop().resolve(3)
        bed.settle()
        check(b)
    assert b.conn.answer_room < 10
    assert [bed.get(call).y for call in waiting] == [3] * 72
    release(main)
    bed.check_empty(thing)
