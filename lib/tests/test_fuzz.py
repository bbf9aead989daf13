# SPDX-License-Identifier: MIT
"""Layers `message` and `layout`: damaged messages are refused cleanly, whatever is damaged.

Valid messages are mutated at random but repeatably, received, read completely and copied.
"""

from kinds import LIST, STRUCT
from wirekit import (
    ALL,
    LISTS,
    NODE,
    SHAPE,
    Cap,
    built,
    list_ptr,
    message,
    names,
    struct_ptr,
    tag,
    word,
)

from capnrpc_micro.extra.copy import copy_pointer
from capnrpc_micro.layout import ListReader, StructReader, struct_at
from capnrpc_micro.limits import Limits
from capnrpc_micro.message import Builder, MessageError, Receiver
from capnrpc_micro.schema import Struct

# What reading may raise; see `layout`. AttributeError belongs to unions, which the walk respects.
ALLOWED = (MessageError, OverflowError)

LIMITS = Limits(message_words=256, receive_bytes=512, segments=8, traversal_words=2000, nesting=20)


class Random:
    """Numbers that are the same on every interpreter, from a generator that needs 31 bits."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        """A number of 0..n-1; n is below 2**15."""
        self.state = (self.state * 16807 + 11) % 32749
        return self.state % n


WORLD = Struct("World", 0, 4)
WORLD.fields_(
    # fmt: off
    (
        "all",
        STRUCT | 0 << 5,
        ALL,
        "lists",
        STRUCT | 1 << 5,
        LISTS,
        "shapes",
        LIST | 2 << 5,
        (STRUCT, SHAPE),
        "world",
        STRUCT | 3 << 5,
        WORLD,
    ),
    # fmt: on
)

VALUE = {
    "all": {
        "flag": True,
        "i32": -5,
        "f64": 2.5,
        "text": "some text",
        "data": b"\xff\0",
        "node": {"value": 1, "name": "n", "next": {"name": "m"}},
        "numbers": [1, 2, 3],
        "cap": Cap("one"),
    },
    "lists": {
        "voids": [None] * 5,
        "bools": [True] * 9,
        "u16s": [1, 2, 3],
        "texts": ["a", "bc"],
        "nodes": [{"value": 1, "name": "a"}, {"value": 2, "next": {}}],
        "caps": [Cap("two")],
        "grid": [[[1, 2], [3]], []],
    },
    "shapes": [{"label": "x"}, {"child": {}, "group": {"inner": {"b": "y"}}}, {"size": 1}],
    "world": {"all": {"text": "deep"}},
}


def walk(value, seen):
    """Reads everything that a reader leads to. Returns how many values came out."""
    if isinstance(value, StructReader):
        for name in names(value._type):
            if seen > 5000:
                return seen
            at = value._type.find_(name)
            if at >= value._type.union_at_ and value.which_() != name:
                continue
            try:
                field = getattr(value, name)
            except ALLOWED:
                continue
            # Null structs have null structs for ever.
            if not isinstance(field, StructReader) or field._d or field._n:
                seen = walk(field, seen + 1)
    elif isinstance(value, ListReader):
        k = 0
        while k < len(value) and k < 50 and seen < 5000:
            try:
                seen = walk(value[k], seen + 1)
            except ALLOWED:
                pass
            k += 1
    return seen


def survives(data):
    """Receives bytes as a stream and reads and copies the messages in it. Returns values read."""
    receiver = Receiver(LIMITS)
    seen = 0
    try:
        while data:
            space = receiver.space()
            n = min(len(space), len(data))
            space[:n] = data[:n]
            data = data[n:]
            receiver.filled(n)
            while receiver.next():
                seen += read_all(receiver.message)
    except MessageError:
        pass
    return seen


def read_all(m):
    m.caps = [Cap("a"), None]
    seen = 0
    try:
        seen = walk(struct_at(m, m.lo, LIMITS.nesting, WORLD), 0)
    except ALLOWED:
        pass
    assert m.left >= 0
    m.left = LIMITS.traversal_words
    out = OUT
    out.reset()
    out.caps = []
    try:
        out.begin()
        copy_pointer(out, out.lo, m, m.lo)
    except MessageError:
        out.rollback()
    else:
        # What could be copied is valid, though a pointer may lead to something of another kind.
        out.left = LIMITS.traversal_words
        walk(struct_or_none(out), 0)
    return seen


OUT = Builder(4096, 4096)


def struct_or_none(m):
    try:
        return struct_at(m, m.lo, LIMITS.nesting, WORLD)
    except MessageError:
        return None


def frame():
    m = built(WORLD, VALUE)
    return bytes(m.b[: 4 * m.hi])


def test_the_message_itself_is_read_completely():
    assert survives(frame()) == survives(frame() * 3) // 3 > 50


def mutated(data, random):
    """A copy with one to four changes of the sorts that hurt."""
    data = bytearray(data)
    size = len(data)
    for _ in range(1 + random.below(4)):
        at = random.below(size)
        what = random.below(6)
        if what == 0:
            data[at] ^= 1 << random.below(8)
        elif what == 1:
            data[at] = random.below(256)
        elif what == 2:
            data[at] = (0, 1, 2, 3, 6, 0x7F, 0x80, 0xFF)[random.below(8)]
        elif what == 3:  # a word from elsewhere
            at &= ~7
            other = random.below(size) & ~7
            data[at : at + 8] = data[other : other + 8]
        elif what == 4:  # a word that is a pointer to nearby
            at &= ~7
            offset = random.below(32) - 16
            data[at : at + 8] = (
                struct_ptr(offset, random.below(8), random.below(8)),
                list_ptr(offset, random.below(8), random.below(30)),
                tag(random.below(8), random.below(4), random.below(4)),
                word(6 if random.below(2) else 2, 0, random.below(2)),
            )[random.below(4)]
        else:  # a half of a pointer in another quarter
            at &= ~1
            data[at : at + 2] = bytes(
                (random.below(256), (0x3F, 0x40, 0x80, 0xFF)[random.below(4)])
            )
    return data


def test_mutated_messages():
    whole = frame()
    count = survives(whole)
    worse = 0
    for seed in range(1, 400):
        worse += survives(mutated(whole, Random(seed * 7))) != count
    assert worse > 100


def test_mutated_messages_of_several_segments():
    # The same content in two segments: the root is far, the rest follows in the second.
    content = frame()[8:]
    words = len(content) // 8
    head = word(1, 0, 1, 0) + word(words, 0, 0, 0) + word(2, 0, 1)
    assert survives(head + content) == survives(frame())
    for seed in range(1, 300):
        survives(mutated(head + content, Random(seed * 11)))


def test_truncated_messages():
    content = frame()[8:]
    for words in range(1, len(content) // 8):
        survives(word(0, 0, words) + content[: 8 * words])


def test_random_words():
    for seed in range(1, 300):
        random = Random(seed * 13)
        data = b"".join(
            [
                struct_ptr(random.below(12) - 3, random.below(6), random.below(6))
                if random.below(3)
                else list_ptr(random.below(12) - 3, random.below(8), random.below(40))
                for _ in range(30)
            ]
        )
        survives(word(0, 0, 30) + data)


def test_random_bytes():
    for seed in range(1, 200):
        random = Random(seed * 17)
        data = bytes([random.below(256) for _ in range(80)])
        survives(data)
        survives(word(0, 0, 10) + data)
        read_all(message(data, left=LIMITS.traversal_words))


def test_text_of_any_bytes():
    kind = NODE
    for seed in range(1, 100):
        random = Random(seed * 19)
        data = bytes([random.below(256) for _ in range(7)]) + b"\0"
        m = message(struct_ptr(0, 1, 2) + word() + list_ptr(1, 2, 8) + word() + data)
        try:
            assert isinstance(struct_at(m, m.lo, 64, kind).name, str)
        except MessageError as error:
            assert "UTF-8" in str(error)
