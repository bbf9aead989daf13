# SPDX-License-Identifier: MIT
"""Layer `net`: room for TLS sockets in the unix port's poll set.

MicroPython (1.26.1) crashes there when the set has to grow while it holds a TLS socket. So it grows when
this is imported, before there is one. Boards have another kind of poll set.
"""

import select
import socket
from asyncio import core

_ROOM = 64


def _grow():
    poller = core._io_queue.poller
    sockets = [socket.socket() for _ in range(_ROOM)]
    for s in sockets:
        poller.register(s, select.POLLIN)
    for s in sockets:
        poller.unregister(s)
        s.close()


_grow()
