# SPDX-License-Identifier: MIT
"""Layer `rpc`: tables of ids, our own and the peer's."""

from ..message import MessageError


class ProtocolError(MessageError):
    """A valid message that the protocol does not allow here: the connection is aborted."""


def key(h, at):
    """A table key for the 32-bit number in halves at, at + 1 of the view h.

    A small int below 2**30, else its four bytes, so that no big integer is ever made.
    """
    high = h[at + 1]
    if high < 0x4000:
        return high << 16 | h[at]
    low = h[at]
    return bytes((low & 255, low >> 8, high & 255, high >> 8))


def put_key(h, at, key):
    """Writes a table key (see `key`) as the 32-bit number in halves at, at + 1 of the view h."""
    if isinstance(key, int):
        h[at] = key & 0xFFFF
        h[at + 1] = key >> 16
    else:
        h[at] = key[0] | key[1] << 8
        h[at + 1] = key[2] | key[3] << 8


class Slots:
    """A table keyed by ids that we give out: a list, ids that were freed last first.

    A list and not a dict, because a dict that a peer has made large once stays slow.
    """

    def __init__(self):
        self.items = []
        self._free = []

    def add(self, item):
        """Puts an item in. Returns its id."""
        if self._free:
            id = self._free.pop()
            self.items[id] = item
        else:
            id = len(self.items)
            self.items.append(item)
        return id

    def get(self, id):
        """The item with an id (a table key, see `key`), or None."""
        items = self.items
        return items[id] if isinstance(id, int) and id < len(items) else None

    def remove(self, id):
        """Takes an item out, so that its id can be given out again."""
        self.items[id] = None
        self._free.append(id)
        if len(self._free) == len(self.items):
            self.items = []
            self._free = []

    def __len__(self):
        return len(self.items) - len(self._free)

    def values(self):
        """The items, as a list."""
        return [item for item in self.items if item is not None]
