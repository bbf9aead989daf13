# SPDX-License-Identifier: MIT
"""A host on the other end of the board's wire: answers ARP for its address, and ICMP echo.

usage: host.py IP MAC

It prints "ready PORT", the UDP port that is its end of the wire, and ends when its standard input
ends.
"""

import selectors
import socket
import sys

import packets


def answer(frame, ip, mac):
    """The frame that answers another, None if there is no answer."""
    arp = packets.read_arp(frame)
    if arp is not None:
        operation, sender, sender_ip, target_ip = arp
        if operation == packets.REQUEST and target_ip == ip:
            return packets.arp(sender, packets.REPLY, mac, ip, sender, sender_ip)
        return None
    echo = packets.read_echo(frame)
    if echo is not None and frame[:6] == mac:
        kind, sender_ip, target_ip, *rest = echo
        if kind == packets.ECHO_REQUEST and target_ip == ip:
            return packets.echo(frame[6:12], mac, sender_ip, ip, packets.ECHO_REPLY, *rest)
    return None


def main(ip, mac):
    ip, mac = packets.ip_bytes(ip), packets.mac_bytes(mac)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire,
        selectors.DefaultSelector() as selector,
    ):
        wire.bind(("127.0.0.1", 0))
        selector.register(wire, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        print("ready", wire.getsockname()[1], flush=True)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not wire:
                    return
                frame, board = wire.recvfrom(2048)
                reply = answer(frame, ip, mac)
                if reply is not None:
                    wire.sendto(reply, board)


if __name__ == "__main__":
    main(*sys.argv[1:])
