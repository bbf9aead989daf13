# SPDX-License-Identifier: MIT
"""Layer `net`: Unix sockets, where there are some. Loaded when an address begins with "unix:"."""

import asyncio
import errno
import os
import socket
import struct

from ..words import MICROPYTHON

if MICROPYTHON:
    from asyncio.stream import Server as _Server

    from .streams import tidy_heap
else:
    from .protocol import Listener

_TYPE = 0o170000  # of a file, in st_mode
_SOCKET = 0o140000
_LONGEST = 107  # bytes of a path
_TRIES = 200
_PAUSE_S = 0.025


def _address(path):
    """What bind() and connect() take: MicroPython a sockaddr_un. Raises OSError."""
    name = path.encode()
    if not 0 < len(name) <= _LONGEST:
        text = "the path of a Unix socket has 1 to %d bytes, not %d" % (_LONGEST, len(name))
        raise OSError(errno.EINVAL, text)
    return struct.pack("H108s", socket.AF_UNIX, name) if MICROPYTHON else path


def _socket():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.setblocking(False)
    return s


def _make_room(path, address):
    """Removes the socket of a server that is gone. Raises OSError if something else is there."""
    try:
        found = os.stat(path)[0] & _TYPE
    except OSError:
        return  # nothing, or bind() will tell
    if found != _SOCKET:
        raise OSError(errno.EEXIST, "%s is there and is no socket" % path)
    s = _socket()
    try:
        s.connect(address)
    except OSError as error:
        if error.errno == errno.ECONNREFUSED:
            os.unlink(path)
            return
        if error.errno != errno.EAGAIN:  # which is: there is a server, and it is busy
            raise
    finally:
        s.close()
    raise OSError(errno.EADDRINUSE, "another server listens at " + path)


class _Listener:
    """An asyncio server that removes its socket's file when it is closed."""

    def __init__(self, server, path):
        self._server = server
        self._path = path
        self._file = os.stat(path)[1:3]

    def close(self):
        self._server.close()
        try:
            if os.stat(self._path)[1:3] == self._file:  # nobody has put another in its place
                os.unlink(self._path)
        except OSError:
            pass  # it has been removed already

    async def wait_closed(self):
        await self._server.wait_closed()


async def start_server(accept, path, backlog):
    """Listens at a path, as the pump's start_server() does at a port.

    The file of a server that is gone is replaced. Raises OSError, also when a server lives there.
    """
    address = _address(path)
    _make_room(path, address)
    s = _socket()
    try:
        s.bind(address)
        s.listen(backlog)
    except OSError:
        s.close()
        raise
    if MICROPYTHON:

        async def accepted(stream, _):
            accept(stream)

        tidy_heap()
        server = _Server()
        server.task = asyncio.create_task(server._serve(s, accepted, None))
        await asyncio.sleep(0)  # it begins, so that close() can cancel it
    else:
        server = Listener([s], accept)
    return _Listener(server, path)


async def connect(path):
    """What the pump's connect() returns, to the server at a path. Raises OSError."""
    address = _address(path)
    s = _socket()
    tries = _TRIES
    try:
        while True:
            try:
                s.connect(address)  # a Unix socket is connected at once or not at all
                break
            except OSError as error:
                tries -= 1
                if error.errno != errno.EAGAIN or not tries:
                    raise
            await asyncio.sleep(_PAUSE_S)  # as many as the server lets wait are waiting already
        return asyncio.StreamReader(s) if MICROPYTHON else s
    except BaseException:
        s.close()
        raise
