# SPDX-License-Identifier: MIT
"""Layer `device`: a UDP socket as a card: one datagram, one frame. Needs no root.

For demonstrations, tests and emulators: what is at the other end plays the network.
"""

import errno
import socket

from .card import SocketCard


class WireCard(SocketCard):
    """The end `local` of a wire to `peer`, both (host, port); port 0 takes a free one.

    mac    the card's address, 6 bytes
    mtu    the longest payload of a frame in bytes
    """

    def __init__(self, local, peer, mac, mtu=1500):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            s.bind(_address(local))
            s.connect(_address(peer))  # so that only the peer's datagrams arrive
        except OSError:
            s.close()
            raise
        SocketCard.__init__(self, s, mac, mtu)

    def send(self, frame):
        """Sends one frame. With nobody at the other end it is lost, as on any wire."""
        try:
            self._socket.send(frame)
        except OSError as error:
            if error.errno != errno.ECONNREFUSED:
                raise
            # That was about an earlier frame, and kept this one from being sent.
            try:
                self._socket.send(frame)
            except OSError as error:
                if error.errno != errno.ECONNREFUSED:
                    raise


def _address(address):
    return socket.getaddrinfo(address[0], address[1], socket.AF_INET, socket.SOCK_DGRAM)[0][-1]
