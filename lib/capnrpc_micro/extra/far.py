# SPDX-License-Identifier: MIT
"""Layer `layout`: far pointers, from one segment of a message into another. Loaded on demand.

Encoding: https://capnproto.org/encoding.html#inter-segment-pointers
"""

from ..layout import inside
from ..message import MessageError


def locate(m, p, kind):
    """As layout.follow(), for any pointer in any segment. Raises MessageError."""
    tag, t, lo, hi = _landing(m, p)
    if m.h[2 * tag] & 3 != kind:
        raise MessageError("pointer to another kind of object than expected")
    return inside(m, tag, t, lo, hi)


def kind_of(m, p):
    """What the pointer at p, which may be far, leads to: 0 a struct, 1 a list, 3 a capability."""
    kind = m.h[2 * _landing(m, p)[0]] & 3
    if kind == 2:
        raise MessageError("far pointer to a far pointer")
    return kind


def _landing(m, p):
    """(tag, content, lo, hi) of any pointer that is not null."""
    try:
        return _land(m, p)
    except OverflowError:
        raise MessageError("pointer out of bounds")


def _land(m, p):
    h = m.h
    v = m.i[p]
    if v & 3 != 2:
        lo, hi = _segment_of(m, p)
    else:
        lo, hi = _segment(m, h[2 * p + 3] << 16 | h[2 * p + 2])
        p = lo + (v >> 3 << 1)
        if v < 0 or p + (4 if v & 4 else 2) > hi:
            raise MessageError("far pointer out of bounds")
        if v & 4:
            v = m.i[p]
            if v & 7 != 2:
                raise MessageError("bad double-far pointer")
            lo, hi = _segment(m, h[2 * p + 3] << 16 | h[2 * p + 2])
            return p + 2, lo + (v >> 3 << 1), lo, hi
    return p, p + 2 + (m.i[p] >> 2 << 1), lo, hi


def _segment(m, number):
    """(lo, hi) of a segment by its number."""
    segments = m.segments or (m.lo, m.hi)
    number += number
    if number >= len(segments):
        raise MessageError("far pointer into a segment that the message has not")
    return segments[number], segments[number + 1]


def _segment_of(m, at):
    """(lo, hi) of the segment that position `at` is in."""
    segments = m.segments or (m.lo, m.hi)
    k = 0
    while not segments[k] <= at < segments[k + 1]:
        k += 2
    return segments[k], segments[k + 1]
