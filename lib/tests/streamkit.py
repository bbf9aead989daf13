# SPDX-License-Identifier: MIT
"""Objects to stream to: what the tests of streaming calls and of cancellation share.

SINK    an interface with two methods that are declared `-> stream` and one that is not
Sink    serves them by plain methods, Slow by coroutines that the test lets go on, Later by plain
        methods that return coroutines
"""

from bed import Cancelled
from kinds import DATA, INT32, INTERFACE

from capnrpc_micro.objects.promise import Error, Promise
from capnrpc_micro.schema import EMPTY, STREAM, Interface, Struct

# fmt: off
SINK = Interface("Sink", b"\x81\x92\xa3\xb4\xc5\xd6\xe8\xf8")
_SINK = Struct("", 0, 1, ("sink", INTERFACE | 0 << 5, SINK))
_X = Struct("", 1, 0, ("x", INT32 | 0 << 5, None))
_Y = Struct("", 1, 0, ("y", INT32 | 0 << 5, None))
_DATA = Struct("", 0, 1, ("data", DATA | 0 << 5, None))
_BOTH = Struct("", 1, 1, ("x", INT32 | 0 << 5, None, "sink", INTERFACE | 0 << 5, SINK))
SINK.methods_(
    "write", _X, STREAM,  # fails below 0
    "blob", _DATA, STREAM,
    "read", EMPTY, _Y,  # how many were written
    "open", EMPTY, _SINK,  # another one
    "with", _BOTH, STREAM,  # as write, with a capability
)
# fmt: on


class Sink(SINK.Server):
    """Takes what is written at once.

    got   what was written, in order; "r" for a call of read
    """

    def __init__(self, bed):
        self.host = bed.host
        self.got = []
        self.released = 0
        self.opened = []
        self.waiting = []

    def released_(self):
        self.released += 1

    def put(self, x):
        self.got.append(x)
        if x < 0:
            raise Error("no %d" % x)

    def write(self, x):
        self.put(x)

    def blob(self, data):
        self.put(len(data))

    def read(self):
        self.got.append("r")
        return len(self.got) - 1

    def open(self):
        self.opened.append(type(self)(self))
        return self.opened[-1]

    def with_(self, x, sink):
        self.put(x)

    async def pause(self, x):
        """Waits until the test says go(), or goes on with an error."""
        promise = Promise(self.host)
        self.waiting.append(promise)
        try:
            await promise
        except Cancelled:
            self.got.append("cancelled")
            raise
        self.put(x)

    def go(self, error=None):
        """Lets the first that waits go on."""
        if error is None:
            self.waiting.pop(0).resolve(None)
        else:
            self.waiting.pop(0).reject(error)


class Slow(Sink):
    """Each write waits until the test says so."""

    async def write(self, x):
        await self.pause(x)

    async def blob(self, data):
        await self.pause(len(data))

    async def with_(self, x, sink):
        await self.pause(x)


class Later(Sink):
    """The same by plain methods that return coroutines."""

    def write(self, x):
        return self.pause(x)

    def blob(self, data):
        return self.pause(len(data))

    def with_(self, x, sink):
        return self.pause(x)
