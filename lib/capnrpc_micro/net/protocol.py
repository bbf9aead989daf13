# SPDX-License-Identifier: MIT
"""Layer `net`: the pump between a connection and a socket, on CPython's asyncio.

An asyncio protocol that lets the transport read straight into the receive buffer.
"""

import asyncio
import socket

_LINGER_S = 1


class Link(asyncio.BufferedProtocol):
    """A connection on a transport. `conn.link` is it; `closed` is set when all is over, and
    on_closed(link) is called."""

    def __init__(self, connected):
        self._connected = connected
        self.closed = asyncio.Event()
        self.conn = None
        self._on_closed = None
        self.transport = None
        self._paused = False  # the transport wants no more output
        self._left = False  # messages wait until the output is below its mark
        self._flushing = False
        self._stall = None
        self._linger = None

    def attach(self, conn, on_closed):
        """Sets the connection that is pumped."""
        self.conn = conn
        self._on_closed = on_closed
        conn.link = self
        conn.on_end = self._ended
        self.transport.set_write_buffer_limits(conn.limits.output_mark)

    # Called by asyncio.

    def connection_made(self, transport):
        self.transport = transport
        if self._connected is not None:
            self._connected(self)

    def get_buffer(self, sizehint):
        return self.conn.receiver.space() if self._alive() else bytearray(4096)

    def buffer_updated(self, n):
        if self._alive():
            self.conn.received(n)
            self._process()

    def eof_received(self):
        if self.conn is not None:
            self.conn.lost("connection closed by the peer")

    def connection_lost(self, error):
        if error is not None and self._alive():
            self._hear_the_rest()
        if self.conn is not None:
            self.conn.lost("connection lost: %s" % error if error else "closed")
            self.conn.closed()
        self._unstall()
        if self._linger is not None:
            self._linger.cancel()  # else it would keep all this for its time
        self.closed.set()
        if self._on_closed is not None:
            self._on_closed(self)

    def _hear_the_rest(self):
        """Reads what had come before writing failed: the peer may have said why it closed."""
        if self.transport.get_extra_info("sslcontext") is not None:
            return
        s = self.transport.get_extra_info("socket")
        with socket.fromfd(s.fileno(), s.family, s.type) as s:
            try:
                while self._alive():
                    n = s.recv_into(self.conn.receiver.space())
                    if not n:
                        return
                    self.conn.received(n)
                    if self.conn.process():
                        return  # more output is due, and cannot go
            except OSError:
                pass  # there is no more

    def pause_writing(self):
        self._paused = True

    def resume_writing(self):
        self._paused = False
        self._unstall()
        if self._left:
            self.transport.resume_reading()
            self._process()
        else:
            self._write()

    # The rest.

    def _alive(self):
        return self.conn is not None and self.conn.error is None

    def _process(self):
        while True:
            self._left = self.conn.process()
            self._write()
            if not self._left:
                return
            if self._paused:
                self.transport.pause_reading()
                loop = asyncio.get_running_loop()
                self._stall = loop.call_later(self.conn.limits.stall_ms / 1000, self._stalled)
                return

    def _unstall(self):
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _stalled(self):
        self.conn.lost("the peer does not read our output")
        self.transport.abort()

    def _write(self):
        self._flushing = False
        conn = self.conn
        while not self._paused or conn.error is not None:
            view = conn.output()
            if view is None:
                return
            # A copy: the transport keeps what the socket does not take at once.
            self.transport.write(bytes(view))
            conn.output_sent()

    def flush_soon(self):
        """Messages wait in conn.output()."""
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._write)

    def _ended(self, conn):
        self._write()
        self.leave(conn.aborted)

    def leave(self, hear_me):
        """Closes; after last words only when the peer has closed, too, or after a while: unread
        input would make the system reset the connection before the peer has read them."""
        if hear_me and not self.transport.is_closing():
            try:
                self.transport.write_eof()
                self.transport.resume_reading()
            except OSError:
                self.transport.abort()  # the peer is gone already
        else:
            self.transport.close()
        loop = asyncio.get_running_loop()
        self._linger = loop.call_later(_LINGER_S, self.transport.abort)


async def start_server(accept, host, port, backlog):
    """Listens; calls accept(link) for each connection. Returns an asyncio server."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Link(accept), host, port, backlog=backlog)


async def refuse(link, frame):
    """Sends a last frame to a peer that is not admitted, and closes."""
    link.transport.write(frame)
    link.leave(True)
    await link.closed.wait()


def drop(link):
    """Closes without a word."""
    link.transport.abort()


async def connect(host, port):
    """A Link to a server. Raises OSError."""
    loop = asyncio.get_running_loop()
    return (await loop.create_connection(lambda: Link(None), host, port))[1]


def run_link(conn, link, on_closed):
    """Starts to pump between a connection and a Link's transport; calls on_closed(link) in the end.

    Returns the Link.
    """
    link.attach(conn, on_closed)
    return link
