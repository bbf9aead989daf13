# SPDX-License-Identifier: MIT
"""Layer `identity`: DER, the encoding of keys and certificates (X.690): as little as they need."""

INTEGER = 0x02
BITS = 0x03
OCTETS = 0x04
NULL = 0x05
OID = 0x06
SEQUENCE = 0x30
_CONTEXT = 0xA0


def context(n):
    """The tag of a constructed element with the context-specific number n."""
    return _CONTEXT | n


class Reader:
    """Reads elements one after the other.

    Strict: a length is definite and as short as can be, and nothing reaches beyond what encloses
    it. Each method raises ValueError for what it does not find as it must be.
    """

    def __init__(self, data, start=0, end=None):
        self.data = data
        self.at = start
        self.end = len(data) if end is None else end

    def bad(self):
        """The error for what stands here."""
        return ValueError("bad DER at byte %d" % self.at)

    def has(self, tag):
        """Whether an element with this tag is the next."""
        return self.at < self.end and self.data[self.at] == tag

    def finish(self):
        """Checks that nothing is left."""
        if self.at != self.end:
            raise self.bad()

    def enter(self, tag):
        """Passes an element; returns a Reader of its contents."""
        data = self.data
        at = self.at + 2
        end = self.end
        if not self.has(tag) or at > end:
            raise self.bad()
        size = data[at - 1]
        if size > 127:
            count = size & 127
            # Without a count the length is indefinite, with more than three it is absurd.
            if not 0 < count < 4 or count > end - at or data[at] == 0:
                raise self.bad()
            size = 0
            for _ in range(count):
                size = size << 8 | data[at]
                at += 1
            if size < 128:
                raise self.bad()
        if size > end - at:
            raise self.bad()
        self.at = at + size
        return Reader(data, at, self.at)

    def content(self, tag):
        """Passes an element; returns its contents as bytes."""
        inside = self.enter(tag)
        return bytes(self.data[inside.at : inside.end])

    def whole(self, tag):
        """Passes an element; returns it, head included, as bytes."""
        start = self.at
        self.enter(tag)
        return bytes(self.data[start : self.at])

    def number(self):
        """Passes an INTEGER that is not negative; returns it as bytes, high byte first."""
        start = self.at
        data = self.content(INTEGER)
        if not data or data[0] > 127 or (len(data) > 1 and data[0] == 0 and data[1] < 128):
            self.at = start
            raise self.bad()
        return data[1:] if data[0] == 0 else data


def element(tag, *contents):
    """The encoding of an element with these bytes as contents."""
    content = b"".join(contents)
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    if size < 256:
        return bytes((tag, 0x81, size)) + content
    return bytes((tag, 0x82, size >> 8, size & 255)) + content


def sequence(*contents):
    """The encoding of a SEQUENCE of encoded elements."""
    return element(SEQUENCE, *contents)


def number(data):
    """The encoding of an INTEGER that is not negative, given as bytes, high byte first."""
    data = data.lstrip(b"\0")
    return element(INTEGER, b"\0" + data if not data or data[0] > 127 else data)


def bits(data):
    """The encoding of a BIT STRING of whole bytes."""
    return element(BITS, b"\0", data)
