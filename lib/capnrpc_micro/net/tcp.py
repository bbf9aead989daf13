# SPDX-License-Identifier: MIT
"""Layer `net`: serving and connecting, over TCP or Unix sockets."""

from ..objects.capability import hook_of
from ..objects.promise import UNKNOWN_ID, Error
from .host import HOST
from .links import Links


def only(main):
    """A `restore` function for a vat that has one object: `main`, a server object or a Client."""

    def restore(id):
        if main is None:
            raise Error("this vat has no bootstrap object")
        if id:
            raise Error(UNKNOWN_ID)
        return main

    return restore


async def serve(main, host="0.0.0.0", port=7000, limits=None, tails=False, dump=None):
    """Serves the object `main` (a Server object or a Client) to everybody who connects.

    Returns a Server; its close() ends it. Raises OSError when it cannot listen, TypeError when
    `main` is none of these.

    host    an address or name for TCP, or "unix:" and a path, whose file is removed by close()
    tails   whether all peers are known to understand tail calls (Go's do not): a call that comes
            from a peer and goes back to it is then answered without its results coming here. A
            peer that sends one is known to understand them, too
    dump    dump.to_console, to print what goes over the wire, or any fn(number of the connection, str)
            that gives a function for Connection.dump
    """
    from .server import Server

    hook_of(main, HOST)
    server = Server(Links(only(main), limits, tails, dump))
    await server.start(host, port)
    return server


class Peer:
    """A connection to another vat."""

    def __init__(self, link):
        self._link = link

    def bootstrap(self, interface):
        """The peer's main object as a Client, usable at once: calls wait for it to arrive."""
        return self._link.conn.bootstrap(interface)

    @property
    def error(self):
        """The Error that ended the connection, or None while it lives."""
        return self._link.conn.error

    def stats(self):
        """What is in the tables, and what has been transferred: see Connection.stats."""
        return self._link.conn.stats()

    async def close(self):
        """Ends the connection: calls that wait break with `disconnected`."""
        self._link.conn.lost("closed")
        await self._link.closed.wait()

    async def wait_closed(self):
        """Waits until the connection has ended, whoever ended it."""
        await self._link.closed.wait()


async def connect(host, port=7000, main=None, limits=None, tails=False, dump=None):
    """Connects over TCP, or to "unix:" and a path. Returns a Peer. Raises OSError.

    main    the object that the peer gets when it asks for ours
    tails   whether the peer is known to understand tail calls, see serve()
    dump    as for serve(); the number is ""
    """
    links = Links(only(main), limits, tails, dump)
    return Peer(await links.connect(host, port, _nothing))


def _nothing(link):
    pass
