# SPDX-License-Identifier: MIT
"""Damages messages: at random, and where it hurts: in pointers, sizes and the segment table."""

import struct


def struct_pointer(offset, data, pointers):
    """The word of a struct pointer; of a list's tag when `offset` is its count."""
    return struct.pack("<IHH", (offset & 0x3FFFFFFF) << 2, data, pointers)


def list_pointer(offset, code, count):
    """The word of a list pointer; `count` is in words when the code is 7."""
    return struct.pack("<II", (offset & 0x3FFFFFFF) << 2 | 1, (count & 0x1FFFFFFF) << 3 | code)


def far_pointer(segment, offset, double):
    """The word of a far pointer."""
    return struct.pack("<II", (offset & 0x1FFFFFFF) << 3 | double << 2 | 2, segment)


def hostile(rng):
    """A word that is a pointer to somewhere, often nearly right."""
    offset = rng.choice((rng.randrange(-20, 20), rng.randrange(-20, 20), rng.getrandbits(30)))
    small = rng.randrange(8)
    size = rng.choice((0, 1, 2, small, small, 0xFFFF, 0x8000))
    other = rng.choice((0, 0, 1, rng.randrange(8), 0xFFFF))
    count = rng.choice((0, 1, small, rng.randrange(300), 1 << 28, (1 << 29) - 1))
    return rng.choice(
        (
            lambda: struct_pointer(offset, size, other),
            lambda: struct_pointer(count, size, other),
            lambda: list_pointer(offset, rng.randrange(8), count),
            lambda: list_pointer(offset, rng.randrange(8), small),
            lambda: far_pointer(rng.choice((0, 1, small, 1 << 31)), abs(offset), rng.randrange(2)),
            lambda: struct.pack("<II", 3, small),
            lambda: struct.pack("<II", 3 | rng.getrandbits(30) << 2, rng.getrandbits(32)),
        )
    )()


def words_at(frame):
    """Where the words begin, after the segment table."""
    return (struct.unpack_from("<I", frame)[0] // 2 + 1) * 8


def damage(frame, other, rng):
    """The frame with one to four faults; `other` is a frame from which words may come."""
    frame = bytearray(frame)
    start = words_at(frame)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        rng.choice(_WAYS)(frame, other, start, rng)
    if rng.random() < 0.03:
        del frame[rng.randrange(0, len(frame), 8) :]
    return bytes(frame)


def _word(frame, start, rng):
    return rng.randrange(start, len(frame), 8)


def _pointer(frame, start, rng):
    """Where a word is that may be a pointer, if one is found soon."""
    for _ in range(8):
        at = _word(frame, start, rng)
        low, high = struct.unpack_from("<iI", frame, at)
        if (low or high) and (low & 3 == 2 or abs(low >> 2) < 1000):
            break
    return at


def _flip(frame, other, start, rng):
    at = rng.randrange(start, len(frame))
    frame[at] ^= 1 << rng.randrange(8)


def _byte(frame, other, start, rng):
    at = rng.randrange(start, len(frame))
    frame[at] = rng.choice((0, 1, 2, 6, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def _hostile(frame, other, start, rng):
    at = rng.choice((_word, _pointer))(frame, start, rng)
    frame[at : at + 8] = hostile(rng)


def _random(frame, other, start, rng):
    at = _word(frame, start, rng)
    frame[at : at + 8] = rng.randbytes(8)


def _from_elsewhere(frame, other, start, rng):
    source = rng.choice((frame, other))
    there = _word(source, 8, rng)
    at = _pointer(frame, start, rng)
    frame[at : at + 8] = source[there : there + 8]


def _splice(frame, other, start, rng):
    at = _word(frame, start, rng)
    there = _word(other, 8, rng)
    n = min(len(frame) - at, len(other) - there, 8 * rng.randrange(1, 30))
    frame[at : at + n] = other[there : there + n]


def _offset(frame, other, start, rng):
    at = _pointer(frame, start, rng)
    low = struct.unpack_from("<I", frame, at)[0]
    low += rng.choice((-8, -4, 4, 8, 4 * rng.randrange(-9, 9)))
    struct.pack_into("<I", frame, at, low & 0xFFFFFFFF)


def _kind(frame, other, start, rng):
    at = _pointer(frame, start, rng)
    frame[at] = frame[at] & 0xFC | rng.randrange(4)


def _sizes(frame, other, start, rng):
    at = _pointer(frame, start, rng) + 4
    low, high = struct.unpack_from("<HH", frame, at)
    low = (low + rng.choice((-8, -1, 0, 1, 2, 8, 64, 1 << 15))) & 0xFFFF
    high = (high + rng.choice((-1, 0, 0, 1, 2, 1 << 15))) & 0xFFFF
    struct.pack_into("<HH", frame, at, low, high)


def _element(frame, other, start, rng):
    at = _pointer(frame, start, rng) + 4
    frame[at] = frame[at] & 0xF8 | rng.randrange(8)


def _swap(frame, other, start, rng):
    a, b = _word(frame, start, rng), _word(frame, start, rng)
    frame[a : a + 8], frame[b : b + 8] = frame[b : b + 8], frame[a : a + 8]


def _cut(frame, other, start, rng):
    """Ends the last segment early: what points behind its end is refused."""
    at = 4 * struct.unpack_from("<I", frame)[0] + 4
    less = rng.randrange((len(frame) - start) // 8)
    if at < start and less <= struct.unpack_from("<I", frame, at)[0]:
        struct.pack_into("<I", frame, at, struct.unpack_from("<I", frame, at)[0] - less)
        del frame[len(frame) - 8 * less :]


def _table(frame, other, start, rng):
    at = 4 * rng.randrange(start // 4)
    value = struct.unpack_from("<I", frame, at)[0] + rng.choice((-2, -1, 1, 2, 1 << 31))
    struct.pack_into("<I", frame, at, value & 0xFFFFFFFF)


_WAYS = (
    [_flip, _byte, _random, _splice, _swap, _cut]
    + [_hostile, _offset, _sizes, _from_elsewhere] * 3
    + [_kind, _element] * 2
    + [_table]
)
