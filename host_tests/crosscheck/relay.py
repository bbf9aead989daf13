# SPDX-License-Identifier: MIT
"""Lays out the objects of a message anew: another valid message with the same values.

Neither library writes what every reader has to take: objects in any order, in any segment, with
gaps between them, pointers that go backwards, far and double-far pointers where near ones would
do, structs longer and shorter than the schema says, wider numbers and structs where lists have
narrow ones. This module does, from its own reading of the encoding.
"""

import dataclasses
import struct

_BIT, _BYTE, _POINTER, _COMPOSITE = 1, 2, 6, 7
_BITS = (0, 1, 8, 16, 32, 64, 64)  # of an element, by size code

MOST_SEGMENTS = 6


@dataclasses.dataclass
class Struct:
    """A struct: its data, in whole words, and what its pointers lead to."""

    data: bytes
    pointers: list


@dataclasses.dataclass
class Numbers:
    """A list without pointers, with its element size code."""

    code: int
    count: int
    data: bytes


@dataclasses.dataclass
class Pointers:
    """A list of pointers."""

    pointers: list


@dataclasses.dataclass
class Structs:
    """A list of structs, which need not be of one size; at least `data` bytes and `pointers`."""

    items: list
    data: int = 0
    pointers: int = 0


# A null pointer is None. Capability pointers are not understood.


class Message:
    """A valid frame, to be taken apart."""

    def __init__(self, frame):
        count = struct.unpack_from("<I", frame)[0] + 1
        sizes = struct.unpack_from(f"<{count}I", frame, 4)
        at = (count // 2 + 1) * 8
        self.segments = []
        for size in sizes:
            self.segments.append(frame[at : at + 8 * size])
            at += 8 * size

    def root(self):
        """What the root pointer leads to."""
        return self.at(0, 0)

    def word(self, segment, at):
        return struct.unpack_from("<iI", self.segments[segment], 8 * at)

    def at(self, segment, at):
        """What the pointer in word `at` of a segment leads to."""
        low, high = self.word(segment, at)
        if not low and not high:
            return None
        if low & 3 != 2:
            return self.object(low, high, segment, at + 1 + (low >> 2))
        segment, at = high, (low & 0xFFFFFFFF) >> 3
        if not low & 4:
            return self.at(segment, at)
        far, content = self.word(segment, at)
        return self.object(*self.word(segment, at + 1), content, far >> 3)

    def object(self, low, high, segment, at):
        if not low & 3:
            return self.struct(segment, at, high & 0xFFFF, high >> 16)
        assert low & 3 == 1
        code = high & 7
        count = high >> 3
        if code == _POINTER:
            return Pointers([self.at(segment, at + k) for k in range(count)])
        if code < _POINTER:
            data = self.segments[segment][8 * at :][: (count * _BITS[code] + 7) // 8]
            return Numbers(code, count, data)
        count, sizes = self.word(segment, at)
        data, pointers = sizes & 0xFFFF, sizes >> 16
        starts = range(at + 1, at + 1 + (count >> 2) * (data + pointers), data + pointers or 1)
        if not data + pointers:
            starts = [at + 1] * (count >> 2)
        items = [self.struct(segment, start, data, pointers) for start in starts]
        # An older program may read the first word or the first pointer of each, so both stay.
        return Structs(items, min(8, 8 * data), min(1, pointers))

    def struct(self, segment, at, data, pointers):
        content = self.segments[segment][8 * at : 8 * (at + data)]
        at += data
        return Struct(content, [self.at(segment, at + k) for k in range(pointers)])


def vary(thing, rng):
    """The same value with objects of other sizes, for a reader that knows the same fields."""
    if isinstance(thing, Struct):
        return _vary_struct(thing, rng)
    if isinstance(thing, Pointers):
        items = [vary(item, rng) for item in thing.pointers]
        if rng.random() < 0.3:  # a newer schema has structs that begin with this pointer
            data = rng.randbytes(8 * rng.randrange(3))
            return Structs([Struct(data, [item]) for item in items], pointers=1)
        return Pointers(items)
    if isinstance(thing, Structs):
        items = [_vary_struct(item, rng) for item in thing.items]
        return Structs(items, thing.data, thing.pointers)
    if isinstance(thing, Numbers) and rng.random() < 0.3:
        return _widen(thing, rng)
    return thing


def _vary_struct(thing, rng):
    data = thing.data
    pointers = [vary(pointer, rng) for pointer in thing.pointers]
    how = rng.random()
    if how < 0.3:  # an older program, or one that leaves out what is zero
        while data and not any(data[-8:]) and rng.random() < 0.9:
            data = data[:-8]
        while pointers and pointers[-1] is None and rng.random() < 0.9:
            pointers.pop()
    elif how < 0.6:  # a newer program
        data += rng.randbytes(8 * rng.randrange(3))
        pointers += [_unknown(rng) for _ in range(rng.randrange(3))]
    return Struct(data, pointers)


def _unknown(rng):
    """Something that a newer program has put where ours knows of nothing."""
    return rng.choice(
        [
            None,
            Numbers(_BYTE, 5, b"text\0"),
            Struct(rng.randbytes(8), [Numbers(0, 3, b"")]),
            Structs([Struct(b"", [None]), Struct(b"", [Struct(b"", [])])]),
        ]
    )


def _widen(thing, rng):
    """Numbers of 16 bits and more as wider ones, or as the first fields of structs.

    Bytes stay what they are: they may be Text or Data, which are never anything else.
    """
    if thing.code in (_BIT, _BYTE):
        return thing
    size = _BITS[thing.code] // 8
    items = [thing.data[k * size :][:size] for k in range(thing.count)]
    if rng.random() < 0.5:
        code = rng.choice([code for code in (3, 4, 5) if _BITS[code] >= 8 * size])
        room = _BITS[code] // 8 - size
        data = b"".join(item + rng.randbytes(room) for item in items)
        return Numbers(code, thing.count, data)
    words = rng.randrange(1 if size else 0, 3)
    pointers = [_unknown(rng) for _ in range(rng.randrange(2))]
    rest = [rng.randbytes(8 * words - size) for _ in items]
    items = [Struct(item + more, pointers) for item, more in zip(items, rest, strict=True)]
    return Structs(items, data=8 * words)


@dataclasses.dataclass
class Block:
    """Words to be placed: the content of an object, or a landing pad."""

    words: list
    segment: int
    at: int = 0


class Layout:
    """Places objects in segments. `fars` is how often a pointer is far without need."""

    def __init__(self, rng, segments, fars, gaps):
        self.rng = rng
        self.count = segments
        self.fars = fars
        self.gaps = gaps
        self.blocks = [Block([None], 0)]
        self.pointers = []  # (block, index, kind, target block, upper half)

    def frame(self, root):
        """The message whose root is `root`."""
        first = self.blocks[0]
        self.point(first, 0, root)
        self.add_pads()
        others = self.blocks[1:]
        self.rng.shuffle(others)
        segments = [[] for _ in range(self.count)]
        for block in [first, *others]:
            place = segments[block.segment]
            if not block.words and not place:  # pycapnp refuses pointers into an empty segment
                place.append(bytes(8))
            if block is not first and self.rng.random() < self.gaps:
                for _ in range(self.rng.randrange(1, 4)):
                    place.append(self.rng.randbytes(8))
            block.at = len(place)
            place.extend(block.words)
        for block, index, pointer in self.pointers:
            segments[block.segment][block.at + index] = pointer(block, index)
        sizes = [len(place) for place in segments]
        head = struct.pack(f"<{self.count + 1}I", self.count - 1, *sizes)
        return head + bytes(-len(head) % 8) + b"".join(b"".join(place) for place in segments)

    def block(self, words):
        block = Block(words, self.rng.randrange(self.count))
        self.blocks.append(block)
        return block

    def point(self, source, index, thing):
        """Makes word `index` of a block a pointer to `thing`."""
        if thing is None:
            source.words[index] = bytes(8)
            return
        if isinstance(thing, Struct):
            data = [thing.data[k : k + 8] for k in range(0, len(thing.data), 8)]
            block = self.block(data + [None] * len(thing.pointers))
            self.point_all(block, len(data), thing.pointers)
            kind, upper = 0, len(data) | len(thing.pointers) << 16
        elif isinstance(thing, Pointers):
            block = self.block([None] * len(thing.pointers))
            self.point_all(block, 0, thing.pointers)
            kind, upper = 1, _POINTER | len(thing.pointers) << 3
        elif isinstance(thing, Numbers):
            data = thing.data + bytes(-len(thing.data) % 8)
            block = self.block([data[k : k + 8] for k in range(0, len(data), 8)])
            kind, upper = 1, thing.code | thing.count << 3
        else:
            block = self.structs(thing)
            kind, upper = 1, _COMPOSITE | len(block.words) - 1 << 3
        self.pointers.append((source, index, (kind, block, upper)))

    def point_all(self, block, index, things):
        for thing in things:
            self.point(block, index, thing)
            index += 1

    def structs(self, thing):
        data = max([thing.data, *(len(item.data) for item in thing.items)])
        pointers = max([thing.pointers, *(len(item.pointers) for item in thing.items)])
        block = self.block([struct.pack("<IHH", len(thing.items) << 2, data // 8, pointers)])
        for item in thing.items:
            content = item.data + bytes(data - len(item.data))
            block.words += [content[k : k + 8] for k in range(0, data, 8)]
            index = len(block.words)
            block.words += [bytes(8)] * pointers
            self.point_all(block, index, item.pointers)
        return block

    def add_pads(self):
        """Decides which pointers are far, and turns pointers into functions that encode them."""
        wanted = self.pointers
        self.pointers = []
        for source, index, (kind, target, upper) in wanted:
            encode = self.near(kind, target, upper)
            if source.segment != target.segment or self.rng.random() < self.fars:
                if self.rng.random() < 0.5:
                    pad = self.block([None])
                    pad.segment = target.segment
                    self.pointers.append((pad, 0, encode))
                    encode = self.far(pad, 2)
                else:
                    pad = self.block([None, struct.pack("<II", kind, upper)])
                    self.pointers.append((pad, 0, self.far(target, 2)))
                    encode = self.far(pad, 6)
            self.pointers.append((source, index, encode))

    def near(self, kind, target, upper):
        def encode(block, index):
            offset = target.at - (block.at + index + 1)
            return struct.pack("<iI", offset << 2 | kind, upper)

        return encode

    def far(self, target, kind):
        return lambda block, index: struct.pack("<II", target.at << 3 | kind, target.segment)


def relay(frame, rng, sizes=True):
    """A frame with the same values laid out at random; `sizes` of objects may change, too."""
    root = Message(frame).root()
    if sizes:
        root = vary(root, rng)
    segments = rng.choice((1, 1, 2, 3, MOST_SEGMENTS))
    fars = rng.choice((0, 0, 0.2, 1))
    gaps = rng.choice((0, 0.3))
    return Layout(rng, segments, fars, gaps).frame(root)
