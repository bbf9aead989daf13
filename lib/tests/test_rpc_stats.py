# SPDX-License-Identifier: MIT
"""What a program can see of what goes on: Connection.stats, log_to, Connection.dump."""

from bed import ECHO, LATER, SELF, WAIT, Bed, Thing

import capnrpc_micro
from capnrpc_micro.log import DEBUG, ERROR, INFO, WARNING, log, log_to
from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.promise import OVERLOADED

NAMES = (
    "questions answers exports imports embargoes running call_bytes bytes_in bytes_out refused "
    "most_questions most_answers most_exports most_imports most_output"
)


def test_all_numbers():
    """Small integers, all of them, before and after the end."""
    bed = Bed()
    thing = Thing(bed)
    a, b = bed.link(None, thing)
    assert sorted(a.conn.stats()) == sorted(NAMES.split())
    assert set(a.conn.stats().values()) == {0}
    client = a.bootstrap()
    bed.get(client.echo(1))
    bed.cut()
    for end in (a, b):
        stats = end.conn.stats()
        assert sorted(stats) == sorted(NAMES.split())
        for name in NAMES.split():
            assert isinstance(stats[name], int) and 0 <= stats[name] < 1 << 29
            if name.split("_")[0] not in ("bytes", "most"):
                assert stats[name] == 0
    release(client)
    bed.check_empty(thing)


def test_what_is_in_the_tables():
    bed = Bed()
    thing = Thing(bed)
    mine = Thing(bed)
    a, b = bed.link(None, thing)
    client = a.bootstrap()
    bed.settle()
    calls = [client.wait(), client.wait(), client.keep(mine)]
    bed.settle()
    left, right = a.conn.stats(), b.conn.stats()
    assert (left["questions"], left["answers"], left["exports"], left["imports"]) == (2, 0, 1, 1)
    assert (right["questions"], right["answers"]) == (0, 2)
    assert (right["exports"], right["imports"], right["running"]) == (1, 1, 2)
    assert right["call_bytes"] > 0 and left["call_bytes"] == left["running"] == 0
    for waiting in thing.waiting:
        waiting.resolve(1)
    for call in calls:
        bed.get(call)
    held = client.hold(mine)
    first = held.thing.echo(1)
    bed.settle()
    thing.waiting[-1].resolve(None)
    bed.tasks()
    a.deliver()
    assert a.conn.stats()["embargoes"] == 1
    bed.get(first)
    release(held)
    release(thing.kept)
    release(client)
    bed.check_empty(thing, mine)
    for end in (a, b):
        stats = end.conn.stats()
        for name in ("questions", "answers", "exports", "imports", "embargoes", "running"):
            assert stats[name] == 0
        assert stats["call_bytes"] == 0


def test_the_most_there_ever_was():
    """It stays when the tables are empty, and does not grow by what comes later and is less."""
    bed = Bed()
    thing = Thing(bed)
    a, b = bed.link(None, thing)
    client = a.bootstrap()
    bed.settle()
    for count in (2, 5, 3):
        calls = [client.wait() for _ in range(count)] + [client.many(count)]
        bed.settle()
        for waiting in thing.waiting:
            waiting.resolve(1)
        thing.waiting = []
        for call in calls:
            bed.get(call)
        release(calls[-1])
        bed.settle()
    left, right = a.conn.stats(), b.conn.stats()
    assert (left["most_questions"], left["most_imports"]) == (6, 6)
    assert right["most_exports"] == 6
    assert right["most_answers"] in (5, 6)
    assert (left["most_answers"], left["most_exports"], right["most_imports"]) == (0, 0, 0)
    release(client)
    bed.check_empty(thing)
    assert a.conn.stats()["most_questions"] == 6 and b.conn.stats()["most_exports"] == 6


def test_bytes():
    """What one end has sent is what the other has received; they are counted modulo 2 ** 29."""
    bed = Bed()
    thing = Thing(bed)
    a, b = bed.link(None, thing)
    client = a.bootstrap()
    bed.get(client.blob(bytes(400)))
    for _ in range(2):
        left, right = a.conn.stats(), b.conn.stats()
        assert left["bytes_out"] == right["bytes_in"] > 400
        assert left["bytes_in"] == right["bytes_out"] > 400
        assert 400 < left["most_output"] < 600
        for end in (a, b):
            end.conn.bytes_in = end.conn.bytes_out = 0x1FFFFFFF - 100
        bed.get(client.blob(bytes(400)))
        assert 0 < a.conn.bytes_in < 1000 and 0 < a.conn.bytes_out < 1000
        for end in (a, b):
            end.conn.bytes_in = end.conn.bytes_out = 0
        bed.get(client.blob(bytes(400)))
    release(client)
    bed.check_empty(thing)


def test_what_was_refused():
    """By which side's limit, and whoever was told."""
    bed = Bed()
    thing = Thing(bed)
    a, b = bed.link(None, thing, {"questions": 3}, {"answers": 2})
    client = a.bootstrap()
    bed.settle()
    calls = [client.wait() for _ in range(5)]
    bed.settle()
    assert [a.conn.stats()["refused"], b.conn.stats()["refused"]] == [2, 1]
    assert [bed.error(call).type for call in calls[2:]] == [OVERLOADED] * 3
    for waiting in thing.waiting:
        waiting.resolve(1)
    release(client)
    bed.check_empty(thing)


# What is logged.


class Lines:
    """Logs into a list while it is a context."""

    def __init__(self, *least):
        self.lines = []
        self.least = least

    def __enter__(self):
        log_to(lambda level, text: self.lines.append((level, text)), *self.least)
        return self.lines

    def __exit__(self, *error):
        log_to(None)


def test_levels():
    levels = (DEBUG, INFO, WARNING, ERROR)
    assert levels == (10, 20, 30, 40), "those of the logging module"
    for k, least in enumerate(levels):
        with Lines(least) as lines:
            for level in levels:
                log(level, ValueError(level))
        assert lines == [(level, str(level)) for level in levels[k:]]
    with Lines() as lines:
        for level in levels:
            log(level, "x")
    assert lines == [(WARNING, "x"), (ERROR, "x")]
    log(ERROR, "nobody listens any more")
    assert len(lines) == 2
    assert capnrpc_micro.log_to is log_to


def test_what_is_logged():
    with Lines(DEBUG) as lines:
        bed = Bed()
        thing = Thing(bed)
        end, peer = bed.peer(thing, answers=1)
        export = peer.bootstrap()
        peer.call(1, export, WAIT)
        for method in (ECHO, LATER, SELF):
            peer.call(2, export, method)
            peer.exception(2)
        bed.cut("the cable")
    assert lines == [(WARNING, "limit reached: 1 answers")] * 3 + [
        (INFO, "disconnected: the cable")
    ]
    bed.check_empty(thing)


def test_nothing_is_logged_for_calls():
    with Lines(DEBUG) as lines:
        bed = Bed()
        thing = Thing(bed)
        bed.link(None, thing)
        client = bed.a.bootstrap()
        bed.get(client.echo(1))
        bed.error(client.fail(1))
        bed.get(client.keep(thing))
        release(thing.kept)
        release(client)
        bed.check_empty(thing)
    assert lines == []


# What is dumped.


def test_all_messages_are_dumped_once():
    """Whole messages, in both directions: what one end has sent is what the other has received."""
    bed = Bed()
    thing = Thing(bed)
    seen = {}
    ends = bed.link(None, thing)
    for k, end in enumerate(ends):
        seen[k, 0], seen[k, 1] = bytearray(), bytearray()
        end.conn.dump = lambda way, frames, k=k: seen[k, way].extend(bytes(frames))
    client = ends[0].bootstrap()
    for size in (1, 900, 3000):  # within one reading, and in several
        bed.get(client.blob(bytes(size)))
    bed.error(client.fail(1))
    release(client)
    bed.check_empty(thing)
    assert seen[0, 1] == seen[1, 0] and seen[0, 0] == seen[1, 1]
    for way in (0, 1):
        data = seen[0, way]
        at = count = 0
        while at < len(data):
            at += 8 + 8 * (data[at + 4] | data[at + 5] << 8)
            count += 1
        assert at == len(data) and count == len(ends[1 - way].sent)
