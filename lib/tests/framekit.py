# SPDX-License-Identifier: MIT
"""What the tests of files share: frames made by hand, and streams that give little at a time."""

from wirekit import word


def table(*sizes):
    """The segment table of segments of these sizes in words."""
    numbers = [len(sizes) - 1]
    numbers.extend(sizes)
    if len(numbers) % 2:
        numbers.append(0)
    return b"".join(word(numbers[k], 0, numbers[k + 1]) for k in range(0, len(numbers), 2))


def frame(*sizes):
    """A frame whose segments have these sizes; its words have various numbers of zero bytes."""
    words = b"".join(word(k * (k & 1), k * (k & 2), 0x101 * k, k * (k & 4)) for k in range(64))
    count = sum(sizes)
    return table(*sizes) + words * (count // 64) + words[: count % 64 * 8]


def shape(m):
    """The bytes of each segment of a message."""
    bounds = m.segments or [m.lo, m.hi]
    return [bytes(m.b[4 * bounds[k] : 4 * bounds[k + 1]]) for k in range(0, len(bounds), 2)]


class Stream:
    """A stream that reads and writes at most `step` bytes at a time."""

    def __init__(self, data=b"", step=1):
        self.data = data
        self.step = step
        self.taken = 0  # how many bytes have been read
        self.written = b""

    def read(self, n):
        piece = self.data[self.taken : self.taken + min(n, self.step)]
        self.taken += len(piece)
        return piece

    def write(self, view):
        n = min(len(view), self.step)
        self.written += bytes(view[:n])
        return n
