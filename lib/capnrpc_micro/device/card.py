# SPDX-License-Identifier: MIT
"""Layer `device`: network cards.

What `network.Network` needs of one:

    mac              its address, 6 bytes
    mtu              the longest payload of a frame in bytes, without the Ethernet header
    send(frame)      sends one frame, a memoryview that is valid only during this call.
                     Raises OSError
    run(received)    async: calls received(frame) for each frame that arrives, with a memoryview
                     that is valid only during that call, until close() is called
    close()          no more of both
"""

import asyncio

try:
    from asyncio import core
except ImportError:
    core = None  # CPython

from ..schema import const
from .network import HEADER, VLAN

# Frames that are taken in one go while more wait: the others on the event loop want their turn.
_BATCH = const(8)

if core:

    def _readable(s):
        # async; suspends the task until the socket has something to read
        yield core._io_queue.queue_read(s)

else:

    async def _readable(s):
        loop = asyncio.get_running_loop()
        event = asyncio.Event()
        loop.add_reader(s, event.set)
        try:
            await event.wait()
        finally:
            loop.remove_reader(s)


class SocketCard:
    """A datagram socket as a card; sending and receiving never block."""

    def __init__(self, socket, mac, mtu):
        socket.setblocking(False)
        self.mac = mac
        self.mtu = mtu
        self._socket = socket
        self._open = True
        self._task = None  # that runs run()

    def send(self, frame):
        """Sends one frame. Raises OSError, also when the system's queue is full."""
        self._socket.send(frame)

    async def run(self, received):
        """Calls received(frame) for each frame that arrives, until close() is called."""
        self._task = asyncio.current_task()
        try:
            while self._open:
                await _readable(self._socket)
                self._receive(received)
        except asyncio.CancelledError:
            if self._open:
                raise
        finally:
            self._task = None
            if not self._open:
                self._socket.close()

    def _receive(self, received):
        # One more than the longest frame: what the system cut off must not pass for a whole one.
        size = self.mtu + HEADER + VLAN + 1
        for _ in range(_BATCH):
            try:
                frame = self._socket.recv(size)  # MicroPython's readinto() would join several
            except OSError:
                return  # no more now; or the interface is down, which send() tells, too
            received(memoryview(frame))
            if not self._open:
                return

    def close(self):
        """Ends run(), which closes the socket: it waits on it."""
        self._open = False
        if self._task is None:
            self._socket.close()
        elif self._task is not asyncio.current_task():
            self._task.cancel()
