# SPDX-License-Identifier: MIT
"""Layer `schema`: the types that have no declaration, to read an AnyPointer as. Loaded on demand.

`value.as_(Text)`, `value.as_(List(Int16))`, `value.as_(List(Some.Struct))`; also `init_(name, ...)`.
"""


class _Type:
    def __init__(self, kind, extra=None):
        self.kind_ = (kind, extra)


Void = _Type(0)
Bool = _Type(1)
Int8 = _Type(2)
UInt8 = _Type(3)
Int16 = _Type(4)
UInt16 = _Type(5)
Int32 = _Type(6)
UInt32 = _Type(7)
Int64 = _Type(8)
UInt64 = _Type(9)
Float32 = _Type(10)
Float64 = _Type(11)
Text = _Type(12)
Data = _Type(13)
AnyPointer = _Type(17)


def List(of):
    """The type of lists of a type."""
    return _Type(14, of.kind_)
