# SPDX-License-Identifier: MIT
"""Layer `net`: the pump between a connection and a socket, on MicroPython's asyncio.

One task reads and one writes, as asyncio streams bear no more. What a batch of messages is
answered with is written in one piece by the reader itself; the writer task takes over when the
socket does not take it all. `Stream.write` is not used: it buffers without bound.
"""

import asyncio
import gc
import select
import socket
import sys
from asyncio import core

from ..words import const
from .host import HOST, tell_time

# A longer write can block the whole loop on lwIP, whose send buffer is 6400 bytes.
_PIECE = const(2048)
_LINGER_MS = const(1000)
_NODELAY = getattr(socket, "TCP_NODELAY", 1)
_IPPROTO_TCP = const(6)
_UNIX_PORTS = ("linux", "darwin")


def _writable(s):
    # async; suspends the task until the socket takes output
    yield core._io_queue.queue_write(s)


def _readable(s):
    # async; suspends the task until the socket has input
    yield core._io_queue.queue_read(s)


def readable(stream):
    """Awaited, waits until the peer has sent something, or has closed."""
    return _readable(stream.s)


async def _read_to_the_end(stream):
    scratch = bytearray(64)
    while await stream.readinto(scratch) != 0:
        pass


def _close(s, raw):
    s.close()
    raw.close()  # a TLS socket whose handshake has failed leaves it open


async def _quietly(last_words):
    try:
        await asyncio.wait_for_ms(last_words, _LINGER_MS)
    except (OSError, asyncio.TimeoutError):
        pass  # the peer is gone or does not listen: it will not hear them


class Link:
    """A connection on a socket. `conn.link` is it; `closed` is set when all is over, and
    on_closed(link) is called.

    peer   the digest of the peer's key; None without TLS, or if it has shown none
    """

    def __init__(self, conn, stream, raw, peer, on_closed):
        self.conn = conn
        self.peer = peer
        self._raw = raw  # the socket below a TLS socket
        self._on_closed = on_closed
        self.closed = asyncio.Event()
        self._stream = stream
        self._rest = None  # of what is being written
        self._mute = False  # the socket takes no more output
        self._wake = asyncio.Event()
        self._room = asyncio.Event()  # set when everything has been written
        self._reader = None
        conn.link = self
        conn.on_end = self._ended
        self._clock = HOST.start(tell_time(conn))
        try:
            raw.setsockopt(_IPPROTO_TCP, _NODELAY, 1)
        except (AttributeError, OSError):
            pass  # a Unix socket, or a port without the option: slower, but it works

    async def run(self):
        """Pumps until the connection ends, then closes the socket."""
        self._reader = asyncio.current_task()
        writer = asyncio.create_task(self._write())
        try:
            await self._read()
        except asyncio.CancelledError:
            self.conn.lost("closed")
        except OSError as error:
            self.conn.lost("connection lost: %s" % error)
        finally:  # whatever it was: an error of ours has aborted the connection, too
            self._reader = None
            await _quietly(self._linger())
            writer.cancel()
            self._clock.cancel()
            _close(self._stream.s, self._raw)
            # Asyncio may refer to this task, and so to all of it, for longer than there is a use.
            self.conn.closed()
            self._rest = self._stream = self._raw = None
            self.closed.set()
            self._on_closed(self)

    async def _read(self):
        conn = self.conn
        receiver = conn.receiver
        s = self._stream.s
        while conn.error is None:
            await _readable(s)  # the buffer may be another one after that, see Connection.rest()
            n = s.readinto(receiver.space())
            if n is None:
                continue  # TLS goes on with its handshake
            if n == 0:
                conn.lost("connection closed by the peer")
                return
            conn.received(n)
            while conn.process():
                self._write_some()
                if self._rest is not None:
                    await self._wait_for_room()
            self._write_some()

    async def _wait_for_room(self):
        self._room.clear()
        try:
            await asyncio.wait_for_ms(self._room.wait(), self.conn.limits.stall_ms)
        except asyncio.TimeoutError:
            self.conn.lost("the peer does not read our output")

    def _write_some(self):
        """Writes what the socket takes at once; wakes the writer task for the rest."""
        conn = self.conn
        s = self._stream.s
        while self._rest is None:
            view = conn.output()
            if view is None:
                return
            try:
                n = s.write(view[:_PIECE]) or 0
            except OSError:
                n = 0  # the writer meets it, too
            if n < len(view):
                self._rest = view[n:]
                self._wake.set()
                return
            conn.output_sent()

    async def _write(self):
        conn = self.conn
        s = self._stream.s
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while self._rest is not None:
                    n = s.write(self._rest[:_PIECE])
                    if n is None:
                        await _writable(s)
                    elif n < len(self._rest):
                        self._rest = self._rest[n:]
                    else:
                        self._rest = None
                        conn.output_sent()
                self._write_some()
            except OSError as error:
                # The peer may have said why before it closed: it is the reader who hears that.
                self._mute = True
                self._room.set()
                await asyncio.sleep_ms(_LINGER_MS)
                conn.lost("connection lost: %s" % error)
                return
            if self._rest is None:
                self._room.set()

    async def _linger(self):
        """Sends what is left, an Abort perhaps, and reads until the peer has closed: unread input
        would make the system reset the connection before the peer has read it."""
        self._write_some()
        while self._rest is not None and not self._mute:
            self._room.clear()
            await self._room.wait()
        if self.conn.aborted:
            await _read_to_the_end(self._stream)

    def flush_soon(self):
        """Messages wait in conn.output()."""
        self._wake.set()

    def _ended(self, conn):
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()
        self._room.set()


def tidy_heap():
    """Has garbage collected before the heap is full.

    Else it is filled to its end each time, and what stays lies scattered all over it, until there is
    no place left for a new connection's buffers. A program may have set a threshold of its own.
    """
    if gc.threshold() < 0:
        gc.threshold((gc.mem_free() + gc.mem_alloc()) >> 3)


async def start_server(accept, host, port, backlog):
    """Listens; calls accept(stream) for each connection. Returns an asyncio server."""

    async def accepted(stream, _):
        accept(stream)

    tidy_heap()
    return await asyncio.start_server(accepted, host, port, backlog)


async def refuse(stream, frame):
    """Sends a last frame to a peer that is not admitted, and closes."""
    try:
        stream.s.write(frame)
        await _quietly(_read_to_the_end(stream))
    except OSError:
        pass  # it is gone already
    stream.s.close()


def drop(stream):
    """Closes without a word."""
    stream.s.close()


async def connect(host, port):
    """A stream to a server. Raises OSError."""
    stream = (await asyncio.open_connection(host, port))[0]
    # open_connection() does not tell whether it has failed.
    poll = select.poll()
    poll.register(stream.s, select.POLLOUT)
    for _, state in poll.poll(0):
        if state & (select.POLLERR | select.POLLHUP):
            try:
                stream.s.read(1)  # raises the reason
                raise OSError("the connection was closed at once")
            finally:
                stream.s.close()
    return stream


async def open_link(stream, tls, server, digest, connection, on_closed):
    """Makes a connection on a stream and starts to pump; on_closed(link) is called in the end.

    tls          identity's Pinned: both sides show their keys first; or None
    server       whether the peer has connected to us
    digest       the only digest of the peer's key that is accepted, None: any
    connection   makes the Connection, once the keys are known

    Returns the Link. Raises OSError and what connection() raises; drop(stream) is left to do then.
    """
    raw = s = stream.s
    peer = None
    n = 0
    if tls is not None:
        if sys.platform in _UNIX_PORTS:
            from . import unix_poll  # noqa: F401
        s = tls.wrap(raw)
        stream = asyncio.StreamReader(s)
    first = bytearray(8)  # too few for a message
    try:
        if tls is not None:
            peer, n = await tls.handshake(s, first, digest)
        conn = connection()
        try:
            link = Link(conn, stream, raw, peer, on_closed)
            conn.receiver.space()[:n] = first[:n]
            if n:
                conn.received(n)
            HOST.start(link.run())
        except MemoryError:
            conn.lost("no memory")  # which ends its clock, too
            raise
    except BaseException:
        if tls is not None:
            s.close()
        raise
    return link
