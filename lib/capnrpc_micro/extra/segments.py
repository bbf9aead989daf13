# SPDX-License-Identifier: MIT
"""Layer `message`: frames of several segments, and those that are refused. Loaded on demand.

Framing: https://capnproto.org/encoding.html#serialization-over-a-stream
"""

from ..message import MessageError


def receive(receiver, at, have):
    """Receiver.next() for any frame; it begins at `at`, and `have` words of 32 bits have come."""
    m = receiver.message
    h = m.h
    limits = receiver.limits
    k = at + at
    count = h[k] + 1
    if h[k + 1] or count > limits.segments:
        raise MessageError("message with more than %d segments" % limits.segments)
    size = (count + 2) & ~1  # of the header: the count and the sizes, padded to a word
    if have < size:
        return receiver.wait(size)
    most = size + 2 * limits.message_words
    segments = []
    for _ in range(count):
        k += 2
        segments.append(at + size)
        words = h[k + 1]
        size += (words << 16 | h[k]) << 1 if words < 0x1000 else 1 << 29
        if size > most:
            raise MessageError("message of more than %d words" % limits.message_words)
        segments.append(at + size)
    if segments[0] == segments[1]:
        raise MessageError("message without a root pointer")
    if have < size:
        return receiver.wait(size)
    m.lo = segments[0]
    m.hi = segments[1]
    m.segments = segments if count > 1 else None
    m.left = limits.traversal_words
    receiver.start = at + size
    return True
