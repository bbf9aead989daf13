# SPDX-License-Identifier: MIT
"""The wire dump: lines that have every byte of every message, each message on lines of its own."""

from binascii import unhexlify

from bed import Bed, Thing
from framekit import frame

from capnrpc_micro import dump


class Lines:
    """A text file; the first `flushed` of its lines would be left of it after a crash."""

    def __init__(self):
        self.lines = []
        self.flushed = 0

    def write(self, text):
        self.lines.append(text)

    def flush(self):
        self.flushed = len(self.lines)

    def parts(self):
        """(mark, bytes) of each line, continued lines joined."""
        found = []
        assert self.flushed == len(self.lines)
        for line in self.lines:
            assert line[-1] == "\n" and line.count("\n") == 1
            mark, text = line[:-1].split(" ")
            data = unhexlify(text)
            assert 0 < len(data) <= 64
            if mark[-1] == "+":
                assert mark[:-1] == found[-1][0] and len(found[-1][1]) % 64 == 0
                data = found.pop()[1] + data
                mark = mark[:-1]
            found.append((mark, data))
        return found


def dumped(direction, data, name=""):
    """The parts of one call of a dump."""
    lines = Lines()
    dump.to_file(lines, name)(direction, memoryview(data))
    return lines.parts()


def test_one_message():
    data = frame(3)
    assert dumped(0, data) == [("<", data)]
    assert dumped(1, data) == [(">", data)]
    assert dumped(0, data, "kitchen2") == [("<kitchen2", data)]


def test_long_messages_are_split():
    for words in (6, 7, 8, 14, 15, 16, 64):
        data = frame(words)
        assert dumped(1, data) == [(">", data)], words


def test_several_messages_begin_lines_of_their_own():
    frames = [frame(1), frame(7), frame(9), frame(2), frame(40)]
    assert dumped(0, b"".join(frames)) == [("<", data) for data in frames]


def test_segments():
    for sizes in ((1, 1), (2, 0, 3), (1, 2, 3, 4), (1,) * 29):
        data = frame(*sizes)
        assert dumped(0, data + frame(1)) == [("<", data), ("<", frame(1))], sizes


def test_a_conversation():
    """What one end dumps is what goes over the wire, in order; the other end dumps the same."""
    bed = Bed()
    thing = Thing(bed)
    a, b = bed.link(None, thing)
    files = Lines(), Lines()
    a.conn.dump = dump.to_file(files[0])
    b.conn.dump = dump.to_file(files[1])
    client = a.bootstrap()
    assert bed.get(client.echo(5)).y == 5
    assert bed.get(client.blob(bytes(range(200)))).blob == bytes(range(200))
    promises = [client.echo(x) for x in range(3)]
    bed.settle()
    assert promises
    ours, theirs = files[0].parts(), files[1].parts()
    for mark, other in ((">", "<"), ("<", ">")):
        sent = [data for found, data in ours if found == mark]
        assert sent == [data for found, data in theirs if found == other]
        kinds = (a if mark == ">" else b).sent
        assert len(sent) == len(kinds) >= 6
    a.conn.dump = b.conn.dump = None
    before = len(files[0].lines)
    bed.get(client.echo(6))
    assert len(files[0].lines) == before
    bed.cut()


def test_several_segments_and_an_abort_are_dumped():
    """A message is dumped before it is handled, so that the one that ends the connection is there."""
    bed = Bed()
    end, peer = bed.peer(None)
    lines = Lines()
    end.conn.dump = dump.to_file(lines)
    data = frame(1, 1)
    end.receive(data)
    assert end.conn.error is not None
    parts = lines.parts()
    assert parts[0] == ("<", data)
    assert parts[1:] == [(">", peer.frame())]
    peer.nothing()
