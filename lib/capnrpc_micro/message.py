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

    v         the list of views (see `words`), three of which are also
    i, h, b   signed words, halves and bytes
    lo, hi    bounds of the first segment
    segments  None for a message of one segment, else [lo, hi, lo, hi, ...]
    left      traversal limit: words that may still be followed
    caps      the capabilities that the message's capability pointers index, or None
    nesting   how deep its pointers may nest
    """

    nesting = 64

    def __init__(self, v, lo=0, hi=0, segments=None, left=0):
        self.use(v)
        self.lo = lo
        self.hi = hi
        self.segments = segments
        self.left = left
        self.caps = None

    def use(self, v):
        """Stands in other memory from now on."""
        self.v = v
        self.b = v[3]
        self.h = v[5]
        self.i = v[6]

    def copy(self):
        """The same message in memory of its own, so that it outlives the receive buffer."""
        lo = self.lo
        segments = self.segments
        end = segments[-1] if segments else self.hi
        v = new_views((end - lo) << 2)
        v[3][:] = self.b[lo << 2 : end << 2]
        segments = segments and [at - lo for at in segments]
        message = Message(v, 0, self.hi - lo, segments, self.left)
        message.caps = self.caps
        message.nesting = self.nesting
        return message


class Receiver:
    """Splits a byte stream into messages, in place.

    The transport reads into `space()`, tells `filled(n)`, then calls `next()` until it is False;
    after each True the message stands in `self.message` until the next call.
    """

    def __init__(self, limits):
        self.limits = limits
        self._usual = new_views(limits.receive_bytes)
        self.message = Message(self._usual, left=limits.traversal_words)
        self.message.nesting = limits.nesting
        self.start = 0  # first position that is not yet a message
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
        at = self.start
        have = (self._fill >> 2) - at
        if have < 2:
            return self.wait(2)
        h = m.h
        k = at + at
        n = h[k + 2]
        if h[k] or h[k + 1] or h[k + 3] or not 0 < n <= self.limits.message_words:
            from .extra.segments import receive

            return receive(self, at, have)
        n += n + 2  # of 32 bits, with the frame header
        if have < n:
            return self.wait(n)
        m.lo = at + 2
        m.hi = self.start = at + n
        if m.segments is not None:
            m.segments = None
        if m.left != self.limits.traversal_words:
            m.left = self.limits.traversal_words
        return True

    def wait(self, n):
        """Makes room for a frame of n 32-bit words that begins at start; returns False."""
        m = self.message
        start = self.start << 2
        have = self._fill - start
        if not have:
            start = self.start = self._fill = 0
            if m.v is not self._usual:
                m.use(self._usual)
        size = n << 2
        old = m.b
        if start + size > len(old):
            v = self._usual
            if len(v[3]) < self.limits.receive_bytes:  # it was at rest
                v = self._usual = new_views(self.limits.receive_bytes)
            if size > len(v[3]):
                v = m.v if size <= len(old) else new_views(size)
            m.use(v)
            m.b[:have] = old[start : start + have]  # they may overlap
            self.start = 0
            self._fill = have
        return False

    def rest(self):
        """Gives back the buffer, unless there is something in it, until the next message comes."""
        if not self._fill:
            self._usual = new_views(8)  # for the frame header
            self.message.use(self._usual)


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

    def begin(self, n=4):
        """Begins a message with n 32-bit words, the frame header included. Returns their position.

        The root pointer is at lo.
        """
        if self.building:
            raise RuntimeError("a message is being built")
        self.lo = self.hi + 2  # first, so that rollback() is right if alloc() fails
        at = self.alloc(n)
        self.left = 1 << 28  # our own may be read without limit
        self.building = True
        return at

    def begin_with(self, frame):
        """Begins a message with a copy of a whole frame. Returns the frame's position."""
        at = self.begin(len(frame) >> 2)
        self.b[at << 2 : self.hi << 2] = frame
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
            raise MessageError("output of more than %d bytes" % self._limit)
        v = new_views(min(max(size, 3 * len(self.b) >> 1), self._limit))
        used = self.hi << 2
        v[3][:used] = self.b[:used]
        self.use(v)

    def end(self, message_words=1 << 28):
        """Ends the message begun last by writing its frame header.

        Raises MessageError when it has more than message_words words.
        """
        words = (self.hi - self.lo) >> 1
        if words > message_words:
            raise MessageError("message of more than %d words" % message_words)
        k = 2 * self.lo - 2
        self.h[k] = words & 0xFFFF
        self.h[k + 1] = words >> 16
        self.building = False

    def rollback(self):
        """Drops the message begun last."""
        self._drop(self.lo - 2)

    def reset(self):
        """Drops everything that was built."""
        self._drop(0)

    def _drop(self, hi):
        clear(self.b, hi << 2, self.hi << 2)
        self.hi = hi
        self.building = False
