# SPDX-License-Identifier: MIT
"""Layer `net`: serving and connecting, over TCP or Unix sockets."""

from ..limits import Limits
from ..objects.capability import hook_of
from ..objects.promise import DISCONNECTED, OVERLOADED, Error
from ..rpc.connection import Connection, abort_frame
from ..words import MICROPYTHON
from .host import HOST, tell_time

if MICROPYTHON:
    from . import streams as pump
else:
    from . import protocol as pump


_UNIX = "unix:"  # what addresses of Unix sockets begin with
_LEAVING = 4  # peers that are told at the same time that they are not admitted; others are not


def default_limits():
    """Limits for a board on MicroPython, for a host on CPython."""
    return Limits() if MICROPYTHON else Limits.host()


def only(main):
    """A `restore` function for a vat that has one object: `main`, a server object or a Client."""

    def restore(id):
        if main is None:
            raise Error("this vat has no bootstrap object")
        if id:
            raise Error("Unknown persistent service ID")
        return main

    return restore


class Server:
    """Serves an object to everybody who connects.

    links     the connections, as Links
    refused   how many were turned away: `limits.connections` were open, or there was no memory
    """

    def __init__(self, links):
        self.links = []
        self.refused = 0
        self._leaving = 0  # of those refused, how many are still being told
        self._accepted = 0
        self._new = links
        self._listener = None

    async def start(self, host, port):
        """Begins to listen. Raises OSError."""
        # As many may knock as may be inside, and one to be told that they are too many.
        backlog = self._new.limits.connections + 1
        if host.startswith(_UNIX):
            from . import unix

            path = host[len(_UNIX) :]
            self._listener = await unix.start_server(self._accept, path, backlog)
        else:
            self._listener = await pump.start_server(self._accept, host, port, backlog)

    def _accept(self, stream):
        limits = self._new.limits
        limit = limits.connections
        if len(self.links) >= limit:
            why = "too many connections: the limit is %d" % limit
        else:
            try:
                link = self._new.link(stream, self.links.remove, str(self._accepted))
                link.conn.first_ms = limits.first_ms
                self.links.append(link)
                self._accepted += 1
                return
            except MemoryError:
                why = "no memory for another connection"
        self.refused += 1
        if self._leaving < _LEAVING:
            try:
                HOST.start(self._refuse(stream, abort_frame(Error(why, OVERLOADED))))
                return
            except MemoryError:
                pass  # not even for telling so
        pump.drop(stream)

    async def _refuse(self, stream, frame):
        self._leaving += 1
        await pump.refuse(stream, frame)
        self._leaving -= 1

    async def close(self):
        """Stops listening and ends all connections, telling the peers."""
        self._listener.close()
        for link in list(self.links):
            link.conn.abort(Error("the vat is shut down", DISCONNECTED))
        for link in list(self.links):
            await link.closed.wait()

    async def wait_closed(self):
        """Waits until close() has been called and is done: forever on most boards."""
        await self._listener.wait_closed()


class Links:
    """How connections are made: what serve() and connect() were told."""

    def __init__(self, main, limits, tails, dump):
        self.limits = limits or default_limits()
        self._restore = only(main)
        self._tails = tails
        self._dump = dump

    def link(self, stream, on_closed, name):
        """A Link, with a connection of this name on a new stream; on_closed(link) is called in the end."""
        conn = Connection(HOST, self.limits, self._restore)
        conn.tails = self._tails
        if self._dump is not None:
            conn.dump = self._dump(name)
        clock = HOST.start(tell_time(conn))

        def closed(link):
            HOST.cancel(clock)
            on_closed(link)

        try:
            return pump.run_link(conn, stream, closed)
        except MemoryError:
            conn.lost("no memory")  # which ends the clock, too
            raise


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
    hook_of(main, HOST)
    server = Server(Links(main, limits, tails, dump))
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
    if host.startswith(_UNIX):
        from . import unix

        stream = await unix.connect(host[len(_UNIX) :])
    else:
        stream = await pump.connect(host, port)
    return Peer(Links(main, limits, tails, dump).link(stream, _nothing, ""))


def _nothing(link):
    pass
