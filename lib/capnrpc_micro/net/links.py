# SPDX-License-Identifier: MIT
"""Layer `net`: how connections are made, to whom we connect and who connects to us."""

from ..limits import Limits
from ..rpc.connection import Connection
from ..words import MICROPYTHON
from .host import HOST

if MICROPYTHON:
    from . import streams as pump
else:
    from . import protocol as pump

UNIX = "unix:"  # what addresses of Unix sockets begin with


def default_limits():
    """Limits for a board on MicroPython, for a host on CPython."""
    return Limits() if MICROPYTHON else Limits.host()


class Links:
    """What all connections of a vat have in common.

    restore   fn(id: bytes), see Connection
    limits    a Limits; None: the defaults
    tails     whether all peers are known to understand tail calls
    dump      fn(name of the connection) that gives a function for Connection.dump; or None
    secure    fn(the digest of the peer's key that is expected, or None) that gives identity's Pinned
              for TLS with it, or None; None: no TLS
    unused_ms   of connections that we make, see Connection; 0 until it is set
    """

    unused_ms = 0

    def __init__(self, restore, limits=None, tails=False, dump=None, secure=None):
        self.limits = limits or default_limits()
        self.restore = restore
        self.secure = secure
        self._tails = tails
        self._dump = dump

    async def open(self, stream, name, on_closed, server, digest=None):
        """A Link on a stream that is connected; on_closed(link) is called in the end.

        server   whether the peer has connected to us
        digest   of the peer's key, if no other is accepted

        Raises OSError, and MemoryError.
        """
        tls = None if self.secure is None else self.secure(digest)

        def connection():
            conn = Connection(HOST, self.limits, self.restore)
            conn.tails = self._tails
            if self._dump is not None:
                conn.dump = self._dump(name)
            if server:
                conn.first_ms = self.limits.first_ms
            else:
                conn.unused_ms = self.unused_ms
            return conn

        return await pump.open_link(stream, tls, server, digest, connection, on_closed)

    async def dial(self, host, port):
        """A stream to a server at a host and a port, or at "unix:" and a path. Raises OSError."""
        if host.startswith(UNIX):
            from . import unix

            return await unix.connect(host[len(UNIX) :])
        return await pump.connect(host, port)

    async def connect(self, host, port, on_closed, digest=None):
        """A Link to such a server, see open(). Raises OSError."""
        stream = await self.dial(host, port)
        try:
            return await self.open(stream, "", on_closed, False, digest)
        except BaseException:
            pump.drop(stream)
            raise
