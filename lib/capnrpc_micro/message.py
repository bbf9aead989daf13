# SPDX-License-Identifier: MIT
"""Layer `message`: frames, segments and limits; receiving into and building out of word buffers.

A position (`at`, `p`, `t`, `lo`, `hi`) counts 32-bit words from the start of a buffer; a Cap'n
Proto word is two of them. A framed message stands in one buffer, all its segments after one
another, so a position names a place in any segment.

Framing: https://capnproto.org/encoding.html#serialization-over-a-stream
"""

from .words import clear, new_views


class MessageError(ValueError):
    """Bytes that are not a valid message, or a message beyond a limit."""


class Message:
    """One message in place: views of its buffer, and the bounds of its segments.

    i, h, b   the views (see `words`)
    lo, hi    bounds of the first segment
    segments  None for a message of one segment, else [lo, hi, lo, hi, ...]
    left      traversal limit: words that may still be followed
    caps      the capabilities that the message's capability pointers index, or None
    nesting   how deep its pointers may nest
    """

    nesting = 64

    def __init__(self, views, lo=0, hi=0, segments=None, left=0):
        self.i, self.h, self.b = views
        self.lo = lo
        self.hi = hi
        self.segments = segments
        self.left = left
        self.caps = None

    def copy(self):
        """The same message in memory of its own, so that it outlives the receive buffer."""
        lo = self.lo
        end = self.segments[-1] if self.segments else self.hi
        views = new_views((end - lo) << 2)
        views[2][:] = self.b[lo << 2 : end << 2]
        segments = self.segments and [at - lo for at in self.segments]
        message = Message(views, 0, self.hi - lo, segments, self.left)
        message.caps = self.caps
        message.nesting = self.nesting
        return message

    def segment_of(self, at):
        """(lo, hi) of the segment that position `at` is in."""
        segments = self.segments
        for k in range(0, len(segments), 2):
            if segments[k] <= at < segments[k + 1]:
                return segments[k], segments[k + 1]
        raise MessageError("pointer outside the message")

    def segment(self, number):
        """(lo, hi) of a segment by its number."""
        segments = self.segments
        if segments is None:
            if not number:
                return self.lo, self.hi
        elif 2 * number < len(segments):
            return segments[2 * number], segments[2 * number + 1]
        raise MessageError("far pointer into a segment that the message has not")


class Receiver:
    """Splits a byte stream into messages, in place.

    The transport reads into `space()`, tells `filled(n)`, then calls `next()` until it is False;
    after each True the message stands in `self.message` until the next call.
    """

    def __init__(self, limits):
        self._limits = limits
        self._usual = new_views(limits.receive_bytes)
        self.message = Message(self._usual, left=limits.traversal_words)
        self.message.nesting = limits.nesting
        self._start = 0  # first position that is not yet a message
        self._fill = 0  # in bytes

    def space(self):
        """The free end of the buffer, a memoryview; never empty."""
        return self.message.b[self._fill :]

    def filled(self, n):
        """n bytes have been read into space()."""
        self._fill += n

    def next(self):
        """Whether a complete message stands in self.message now.

        Raises MessageError on a frame beyond the limits.
        """
        m = self.message
        at = self._start
        have = (self._fill >> 2) - at
        if have < 2:
            return self._wait(2)
        h = m.h
        k = at + at
        if h[k] or h[k + 1]:
            return self._next_segmented(at, have)
        words = h[k + 2]
        if h[k + 3]:
            words |= (h[k + 3] & 0xFFF) << 16
            if h[k + 3] > 0xFFF:
                words = 1 << 28
        if words > self._limits.message_words:
            self._too_large(words)
        if not words:
            raise MessageError("message without a root pointer")
        words += words + 2  # of 32 bits, with the frame header
        if have < words:
            return self._wait(words)
        m.lo = at + 2
        m.hi = self._start = at + words
        if m.segments is not None:
            m.segments = None
        if m.left != self._limits.traversal_words:
            m.left = self._limits.traversal_words
        return True

    def _next_segmented(self, at, have):
        m = self.message
        h = m.h
        limits = self._limits
        k = at + at
        count = h[k] + 1
        if h[k + 1] or count > limits.segments:
            raise MessageError("message with more than %d segments" % limits.segments)
        table = (count + 2) & ~1  # the count and the sizes, padded to a word
        if have < table:
            return self._wait(table)
        segments = []
        total = 0
        for s in range(1, count + 1):
            low = h[k + 2 * s]
            high = h[k + 2 * s + 1]
            if high > 0xFFF:
                self._too_large(1 << 28)
            lo = at + table + 2 * total
            total += high << 16 | low
            if total > limits.message_words:
                self._too_large(total)
            segments.append(lo)
            segments.append(at + table + 2 * total)
        if segments[0] == segments[1]:
            raise MessageError("message without a root pointer")
        n = table + 2 * total
        if have < n:
            return self._wait(n)
        m.lo = segments[0]
        m.hi = segments[1]
        m.segments = segments
        m.left = limits.traversal_words
        self._start = at + n
        return True

    def _too_large(self, words):
        raise MessageError(
            "message of %s%d words exceeds the limit of %d words"
            % ("at least " if words == 1 << 28 else "", words, self._limits.message_words)
        )

    def _wait(self, n):
        """Makes room for a frame of n 32-bit words that begins at _start; returns False."""
        m = self.message
        start = self._start << 2
        have = self._fill - start
        size = n << 2
        if have == 0:
            start = self._start = self._fill = 0
            if m.b is not self._usual[2]:
                m.i, m.h, m.b = self._usual
        if start + size > len(m.b):
            old = m.b
            if size <= len(self._usual[2]):
                m.i, m.h, m.b = self._usual
            elif size > len(old):
                m.i, m.h, m.b = new_views(size)
            m.b[:have] = old[start : start + have]  # they may overlap
            self._start = 0
            self._fill = have
        return False


class Builder(Message):
    """Builds messages of one segment one after another in one buffer, ready to be sent.

    Between begin() and end() lo..hi is the message being built; it can be read at any time. Memory
    beyond hi is zero. The buffer grows by moving: positions stay, views must be fetched anew after
    each alloc(). It never has more than limit_bytes.
    """

    def __init__(self, size, limit_bytes):
        Message.__init__(self, new_views(size))
        self._limit = limit_bytes
        self.caps = []
        self.building = False

    def begin(self):
        """Begins a message. Its root pointer is at lo."""
        self._begin(4)

    def begin_with(self, frame):
        """Begins a message with a copy of a whole frame. Returns the frame's position."""
        at = self._begin(len(frame) >> 2)
        self.b[at << 2 : self.hi << 2] = frame
        return at

    def _begin(self, n):
        if self.building:
            raise RuntimeError("a message is begun while another is being built")
        self.lo = self.hi + 2  # first, so that rollback() is right if alloc() fails
        at = self.alloc(n)
        self.left = 1 << 28  # our own may be read without limit
        self.building = True
        return at

    def alloc(self, n):
        """Position of n new 32-bit words of zeros (n is even)."""
        at = self.hi
        hi = at + n
        if hi << 2 > len(self.b):
            self._grow(hi << 2)
        self.hi = hi
        return at

    def _grow(self, size):
        if size > self._limit:
            raise MessageError("output of %d bytes exceeds its limit of %d" % (size, self._limit))
        try:
            views = new_views(min(max(size, 2 * len(self.b)), self._limit))
        except MemoryError:
            raise MessageError("no memory for output of %d bytes" % size)
        used = self.hi << 2
        views[2][:used] = self.b[:used]
        self.i, self.h, self.b = views

    def end(self, message_words=1 << 28):
        """Ends the message begun last by writing its frame header.

        Raises MessageError when it has more than message_words words.
        """
        words = (self.hi - self.lo) >> 1
        if words > message_words:
            raise MessageError(
                "message of %d words exceeds the limit of %d words" % (words, message_words)
            )
        k = 2 * self.lo - 2
        self.h[k] = words & 0xFFFF
        self.h[k + 1] = words >> 16
        self.building = False

    def rollback(self):
        """Drops the message begun last."""
        lo = self.lo - 2
        clear(self.b, lo << 2, self.hi << 2)
        self.hi = lo
        self.building = False

    def reset(self):
        """Drops everything that was built."""
        clear(self.b, 0, self.hi << 2)
        self.hi = 0
        self.building = False
