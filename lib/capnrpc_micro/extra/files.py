# SPDX-License-Identifier: MIT
"""Layer `message`: whole messages from and to bytes, segments and blocking binary streams.

A stream is anything with read(n) or write(bytes-like), such as an open file. A message that is
read has memory of its own; a size is checked against the limits before memory is taken for it.
Limits that are not given are those of a board on MicroPython and those of a host on CPython. For
packed messages give `packed.unpack` as `fill` and `packed.pack` as `pack`.
"""

from array import array

from ..limits import Limits
from ..message import MessageError, Receiver
from ..words import MICROPYTHON

_LIMITS = Limits() if MICROPYTHON else Limits.host()


def fill(stream, view, end=False):
    """Fills the view from a stream.

    Returns False at the end of the file if that may be before the first byte (`end`), else True.
    Raises MessageError if the file ends elsewhere.
    """
    while len(view):
        piece = stream.read(min(len(view), 2048))  # takes that much memory
        n = len(piece)
        if not n:
            if end:
                return False
            raise MessageError("end inside a message")
        end = False
        view[:n] = piece
        view = view[n:]
    return True


class _Bytes:
    """A stream that reads bytes; `rest` is the memoryview of what has not been read yet."""

    def read(self, n):
        piece = self.rest[:n]
        self.rest = self.rest[n:]
        return piece


class _Frame(Receiver):
    """Receives one message; `size` is how many bytes of it are wanted next, from its start."""

    def wait(self, n):
        self.size = n << 2
        return Receiver.wait(self, n)


def read(stream, limits=None, fill=fill, end=True):
    """Reads one framed message, a Message, and no byte more.

    Returns None at the end of the file. Raises MessageError on a frame that is cut off, malformed
    or beyond the limits, and at the end of the file unless it may be there (`end`).
    """
    frame = _Frame(limits or _LIMITS)
    have = 0
    while not frame.next():
        n = frame.size - have
        if not fill(stream, frame.space()[:n], end):
            return None
        end = False
        frame.filled(n)
        have += n
    message = frame.message
    return message.copy() if have < len(message.b) else message


def from_bytes(data, limits=None, fill=fill):
    """The framed message, a Message, that bytes-like data is.

    Raises MessageError, also for bytes after the message.
    """
    stream = _Bytes()
    stream.rest = memoryview(data)
    message = read(stream, limits, fill, False)
    n = len(stream.rest)
    if n:
        raise MessageError("%d bytes after the message" % n)
    return message


def from_segments(segments, limits=None):
    """The Message of these segments, a list of one or more bytes-like objects.

    Raises MessageError.
    """
    return from_bytes(_join(segments, None), limits)


def to_segments(message):
    """The segments of a message, a list of memoryviews, valid until the message is changed."""
    bounds = iter(message.segments or (message.lo, message.hi))
    views = []
    for lo in bounds:
        views.append(message.b[lo << 2 : next(bounds) << 2])
    return views


def _write(write, segments, pack):
    table = array("I", [len(segments) - 1])
    for segment in segments:
        table.append(len(segment) >> 3)
    if len(table) & 1:
        table.append(0)
    for piece in [bytes(table)] + segments:
        for view in pack(piece) if pack else (piece,):
            while len(view):
                n = write(view)
                if n is None:  # from what always takes all
                    break
                view = view[n:]


def _join(segments, pack):
    parts = []
    _write(parts.append, segments, pack)
    return b"".join(map(bytes, parts))


def write(stream, message, pack=None):
    """Writes a message, framed."""
    _write(stream.write, to_segments(message), pack)


def to_bytes(message, pack=None):
    """The message, framed."""
    return _join(to_segments(message), pack)
