# SPDX-License-Identifier: MIT
"""Layer `layout`: AnyPointer, what may point to anything. Loaded on demand."""

from ..layout import pointee
from ..words import const

_TEXT = const(12)
_GROUP = const(18)


class AnyReader:
    """What an AnyPointer (AnyStruct, AnyList, a type parameter) that is not null points to."""

    def __init__(self, m, p, left):
        self._m = m
        self._p = p
        self._left = left

    def as_(self, type):
        """The value as a Struct, an Interface, or a type of `types`: Text, List(Int16) ...

        Raises MessageError if it is something else.
        """
        kind, extra = type.kind_
        if not _TEXT <= kind < _GROUP:
            raise TypeError("no pointer leads to a number: as_() takes a struct, List, Text ...")
        return pointee(self._m, self._p, self._left, kind, extra)

    def __repr__(self):
        return "<any pointer>"
