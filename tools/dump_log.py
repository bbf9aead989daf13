# SPDX-License-Identifier: MIT
"""From the lines of a wire dump (lib/capnrpc_micro/dump.py) in a log to the messages in them."""

import re
import struct

_LINE = re.compile(r"(.*?)([<>])(\w*)(\+?) ([0-9a-f]{16,})\s*", re.I)
_LIKE_ONE = re.compile(r"([<>])(\w*)\+? [0-9a-f]{16}", re.I)
_SEGMENTS = 512


class Frame:
    """A message of the log.

    start      what stood in its first line before it
    name       the connection's
    direction  "<" received, ">" sent
    data       its bytes
    """

    def __init__(self, start, name, direction, data):
        self.start = start
        self.name = name
        self.direction = direction
        self.data = data

    def size(self):
        """How many bytes it should have; None as long as that is not known. Raises ValueError."""
        count = struct.unpack_from("<I", self.data)[0] + 1
        if count > _SEGMENTS:
            raise ValueError(f"no message begins with {self.data[:8].hex()}")
        table = 4 * count + 11 & ~7
        if len(self.data) < table:
            return None
        return table + 8 * sum(struct.unpack_from(f"<{count}I", self.data, 4))


class Damage(Frame):
    """Something in the log that cannot be a message: `why`. `data` is empty."""

    def __init__(self, frame, why):
        super().__init__(frame.start, frame.name, frame.direction, b"")
        self.why = why


class Log:
    """Takes a log's lines; gives the Frames in it, what is damaged, and all other lines."""

    def __init__(self):
        self._begun = {}  # frames that are not complete, by name and direction

    def line(self, text):
        """A list of what a line completes: Frame, Damage, or the line itself if it is no dump's."""
        found = _LINE.fullmatch(text)
        if not found:
            found = _LIKE_ONE.search(text)
            if not found:
                return [text]
            where = Frame(text[: found.start()], found[2], found[1], b"")
            return [Damage(where, "a line of the dump with something behind it")]
        start, direction, name, more, digits = found.groups()
        key = name, direction
        data = bytes.fromhex(digits[: len(digits) & ~1])
        result = []
        if more:
            frame = self._begun.get(key)
            if frame is None:
                where = Frame(start, name, direction, b"")
                return [Damage(where, "a line goes on with what has no beginning")]
            frame.data += data
        else:
            result = self._cut_off(key)
            frame = self._begun[key] = Frame(start, name, direction, data)
        try:
            size = frame.size()
            if size is not None and len(frame.data) > size:
                raise ValueError(f"{len(frame.data) - size} bytes after the end of a message")
        except ValueError as error:
            del self._begun[key]
            return [*result, Damage(frame, str(error))]
        if len(frame.data) == size:
            del self._begun[key]
            result.append(frame)
        return result

    def end(self):
        """What is left at the end of the log."""
        return [damage for key in list(self._begun) for damage in self._cut_off(key)]

    def _cut_off(self, key):
        frame = self._begun.pop(key, None)
        if frame is None:
            return []
        size = frame.size() or "?"
        return [Damage(frame, f"{len(frame.data)} of a message's {size} bytes are in the log")]
