# SPDX-License-Identifier: MIT
"""Layer `net`: the pump between a connection and a socket, on CPython's asyncio.

An asyncio protocol that lets the transport read straight into the receive buffer.
"""

import asyncio
import socket

from ..log import WARNING, log
from .host import HOST, tell_time

_LINGER_S = 1
_PAUSE_S = 1


class Link(asyncio.BufferedProtocol):
    """A connection on a transport. `conn.link` is it; `closed` is set when all is over, and
    on_closed(link) is called.

    peer   the digest of the peer's key; None without TLS, or if it has shown none
    """

    def __init__(self, tls, digest, connection, on_closed):
        self._tls = tls
        self._expected = digest
        self._connection = connection
        self._on_closed = on_closed
        self.closed = asyncio.Event()
        self.conn = self.peer = self.failure = self.transport = self._clock = None
        self._paused = False  # the transport wants no more output
        self._left = False  # messages wait until the output is below its mark
        self._flushing = False
        self._stall = None
        self._linger = None
        if tls is None:
            self._begin()  # before the transport has the socket: it may have to be told why not

    def _begin(self):
        conn = self._connection()
        self._clock = HOST.start(tell_time(conn))
        self.conn = conn
        conn.link = self
        conn.on_end = self._ended

    # Called by asyncio.

    def connection_made(self, transport):
        self.transport = transport
        if self._tls is not None:
            try:
                shown = transport.get_extra_info("ssl_object")
                self.peer = self._tls.digest(shown, self._expected)
                self._begin()
            except Exception as error:
                self.failure = error  # for open_link()
                transport.abort()
                return
        transport.set_write_buffer_limits(self.conn.limits.output_mark)

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
            self._clock.cancel()
        self._unstall()
        if self._linger is not None:
            self._linger.cancel()  # else it would keep all this for its time
        self.closed.set()
        if self.conn is not None:
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
        self._leave(conn.aborted)

    def _leave(self, hear_me):
        """Closes; after last words only when the peer has closed, too, or after a while: unread
        input would make the system reset the connection before the peer has read them."""
        if hear_me and self.transport.can_write_eof() and not self.transport.is_closing():
            try:
                self.transport.write_eof()
                self.transport.resume_reading()
            except OSError:
                self.transport.abort()  # the peer is gone already
        else:
            self.transport.close()
        loop = asyncio.get_running_loop()
        self._linger = loop.call_later(_LINGER_S, self.transport.abort)


class Listener:
    """Calls accept(socket) for each connection to listening sockets."""

    def __init__(self, sockets, accept):
        self._accept = accept
        self._sockets = sockets
        self._tasks = [HOST.start(self._serve(s)) for s in sockets]

    async def _serve(self, s):
        loop = asyncio.get_running_loop()
        with s:
            while True:
                try:
                    peer, _ = await loop.sock_accept(s)
                except OSError as error:  # no more files, or the peer is gone already
                    log(WARNING, "cannot accept a connection: %s" % error)
                    await asyncio.sleep(_PAUSE_S)
                else:
                    self._accept(peer)

    def close(self):
        """Stops to listen."""
        for task in self._tasks:
            task.cancel()

    async def wait_closed(self):
        """Waits until it is closed."""
        await asyncio.wait(self._tasks)
        for s in self._sockets:
            s.close()  # a task that was cancelled before it began has not


async def start_server(accept, host, port, backlog):
    """Listens; calls accept(socket) for each connection. Returns a Listener. Raises OSError."""
    loop = asyncio.get_running_loop()
    # Only for its sockets: a server of asyncio has one TLS context, and reads before it is asked.
    server = await loop.create_server(asyncio.Protocol, host, port, start_serving=False)
    sockets = [s.dup() for s in server.sockets]
    server.close()
    for s in sockets:
        s.setblocking(False)
        s.listen(backlog)
    return Listener(sockets, accept)


async def readable(s):
    """Waits until the peer has sent something, or has closed."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(s, lambda: ready.done() or ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(s)


async def refuse(s, frame):
    """Sends a last frame to a peer that is not admitted, and closes."""
    loop = asyncio.get_running_loop()

    async def tell():
        await loop.sock_sendall(s, frame)
        s.shutdown(socket.SHUT_WR)
        while await loop.sock_recv(s, 4096):
            pass

    try:
        await asyncio.wait_for(tell(), _LINGER_S)
    except (OSError, asyncio.TimeoutError):
        pass  # it is gone already, or does not close
    finally:
        s.close()


def drop(s):
    """Closes without a word."""
    s.close()


async def connect(host, port):
    """A socket to a server. Raises OSError."""
    loop = asyncio.get_running_loop()
    failure = OSError("%s has no address" % host)
    for family, kind, number, _, address in await loop.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        s = socket.socket(family, kind, number)
        try:
            s.setblocking(False)
            await loop.sock_connect(s, address)
            return s
        except OSError as error:
            s.close()
            failure = error
        except BaseException:
            s.close()
            raise
    raise failure


async def open_link(s, tls, server, digest, connection, on_closed):
    """Makes a connection on a socket and starts to pump; on_closed(link) is called in the end.

    tls          identity's Pinned: both sides show their keys first; or None
    server       whether the peer has connected to us
    digest       the only digest of the peer's key that is accepted, None: any
    connection   makes the Connection, once the keys are known

    Returns the Link. Raises OSError and what connection() raises; drop(s) is left to do then.
    """
    loop = asyncio.get_running_loop()
    link = Link(tls, digest, connection, on_closed)
    context = None if tls is None else tls.context()
    if server:
        await loop.connect_accepted_socket(lambda: link, s, ssl=context)
    else:
        name = None if tls is None else ""
        await loop.create_connection(lambda: link, sock=s, ssl=context, server_hostname=name)
    if link.failure is not None:
        raise link.failure
    return link
