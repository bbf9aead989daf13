# SPDX-License-Identifier: MIT
"""Layer `device`: an interface of this Linux machine as a card. Needs root.

The interface should be for us alone, up, and without addresses: its frames go to the system's own
IP stack as well. Switch its offloading off at both ends: frames that the system has merged for
speed are longer than the mtu and are refused, and checksums that it leaves to the hardware are
wrong. The system strips VLAN tags before we see a frame.
"""

import socket
import struct

from ..schema import const
from .card import SocketCard

# Linux's numbers; MicroPython's socket module does not have them.
_AF_PACKET = const(17)
_SOCK_RAW = const(3)
_ETH_P_ALL = const(3)
_SOL_PACKET = const(263)
_PACKET_ADD_MEMBERSHIP = const(1)
_PACKET_IGNORE_OUTGOING = const(23)
_PACKET_MR_PROMISC = const(1)


class PacketCard(SocketCard):
    """The interface `name`, in promiscuous mode: its frames are for whoever holds the capability.

    Raises OSError.
    """

    def __init__(self, name):
        index = int(_about(name, "ifindex"))
        mac = bytes([int(byte, 16) for byte in _about(name, "address").split(":")])
        # No protocol yet: until bind() it would receive the frames of all interfaces.
        s = socket.socket(_AF_PACKET, _SOCK_RAW, 0)
        try:
            s.bind(_address(name, index))
            promiscuous = struct.pack("iHH8s", index, _PACKET_MR_PROMISC, 0, b"")
            s.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, promiscuous)
            # Not what the machine itself sends there. Linux 4.20
            s.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            SocketCard.__init__(self, s, mac, int(_about(name, "mtu")))
        except OSError:
            s.close()
            raise


def _about(name, what):
    with open("/sys/class/net/%s/%s" % (name, what)) as f:
        return f.read().strip()


def _address(name, index):
    """The socket address of an interface. MicroPython takes a struct sockaddr_ll."""
    if hasattr(socket, "AF_PACKET"):  # CPython
        return name, _ETH_P_ALL
    protocol = struct.pack(">H", _ETH_P_ALL)
    return struct.pack("<H2siHBB8s", _AF_PACKET, protocol, index, 0, 0, 0, b"")
