# SPDX-License-Identifier: MIT
"""Layer `words`: memory as bytes, 16-bit halves and 32-bit words; what differs by interpreter.

Everything above sees a buffer through a list of views, one for each kind of number but those of 64-bit
integers (see `layout`), so that it is the same source on CPython and MicroPython. A view is made when it
is first needed, three always. They have names:

    b   bytes (a memoryview)
    h   unsigned 16-bit halves: any value that a peer chooses fits a small integer of every board
    i   signed 32-bit words: fastest, for pointers, whose valid values fit 31 bits. Where the
        interpreter has no big integers a word outside that range raises OverflowError on reading;
        `layout` turns that, and the same range elsewhere, into the malformed-message error.

All machines that we know of and that run MicroPython are little-endian, as the wire format is.
"""

import sys

MICROPYTHON = sys.implementation.name == "micropython"

# Of numbers by kind (see `layout`): the format of `struct`, and the binary logarithm of their bits.
FORMAT = (None, None, "b", "B", "h", "H", "i", "I", "q", "Q", "f", "d")
SHIFT = b"\0\0\3\3\4\4\5\5\6\6\5\6\0\0\0\0\0\0\0\4"

if MICROPYTHON:
    import uctypes
    from micropython import const

    _TYPES = (
        uctypes.INT8,
        uctypes.UINT8,
        uctypes.INT16,
        uctypes.UINT16,
        uctypes.INT32,
        uctypes.UINT32,
        0,
        0,
        uctypes.FLOAT32,
        uctypes.FLOAT64,
    )

    def view(v, kind):
        """Makes and returns the view of a kind, which the list v has not yet."""
        b = v[3]
        size = len(b) << 3 >> SHIFT[kind]
        v[kind] = uctypes.struct(
            uctypes.addressof(b), (uctypes.ARRAY | 0, _TYPES[kind - 2] | size)
        )
        return v[kind]

else:

    def const(value):
        """MicroPython's compiler folds const(); elsewhere it is the identity."""
        return value

    def view(v, kind):
        """Makes and returns the view of a kind, which the list v has not yet."""
        v[kind] = v[3].cast(FORMAT[kind])
        return v[kind]


def views(buffer):
    """The views of a bytearray, which they keep alive; its length is in Cap'n Proto words."""
    v = [None] * 12
    v[3] = memoryview(buffer)
    view(v, 5)
    view(v, 6)
    return v


def new_views(size):
    """The views of `size` zero bytes; `size` is rounded up to a multiple of 8."""
    return views(bytearray((size + 7) & ~7))


_ZEROS = memoryview(bytes(256))


def clear(b, start, end):
    """Sets bytes start..end of the view b to zero."""
    try:
        while start < end:
            n = min(end - start, 256)
            b[start : start + n] = _ZEROS[:n]
            start += n
    except MemoryError:
        while start < end:
            b[start] = 0
            start += 1


def load(module, name):
    """What has a name in a module. When there is no memory for it the next attempt begins anew."""
    try:
        return getattr(__import__(module, None, None, (name,)), name)
    except MemoryError:
        # MicroPython may have entered the name, of this module or of one that it imports, but no module.
        for entered in list(sys.modules):
            if sys.modules.get(entered) is None:
                sys.modules.pop(entered, None)
        raise


class OnDemand:
    """Functions and classes that few programs need: each is loaded when it is first used.

    package   where the modules are, "rpc." for example
    modules   names of the functions by module, in one string: "module: name name, module: name"
    """

    def __init__(self, package, modules):
        self._package = "capnrpc_micro." + package
        self._modules = modules

    def __getattr__(self, name):
        for module in self._modules.split(", "):
            module, names = module.split(": ")
            if name in names.split(" "):
                value = load(self._package + module, name)
                setattr(self, name, value)
                return value
        raise AttributeError("nothing is named " + name)

    def load_all_(self):
        """Loads all of it, before memory gets short."""
        for module in self._modules.split(", "):
            for name in module.split(": ")[1].split(" "):
                getattr(self, name)
