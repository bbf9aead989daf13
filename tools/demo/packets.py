# SPDX-License-Identifier: MIT
"""ARP and ICMP echo in Ethernet frames: as much of a network as the demo needs.

Addresses are bytes: 6 for Ethernet, 4 for IP.
"""

import socket
import struct

BROADCAST = b"\xff" * 6
ARP, IP = 0x0806, 0x0800
REQUEST, REPLY = 1, 2  # of ARP
ECHO_REPLY, ECHO_REQUEST = 0, 8  # of ICMP
_ICMP = 1
_ETHERNET_AND_IP = b"\0\1\x08\0\6\4"


def mac_text(mac):
    """As in "02:00:5e:10:00:01"."""
    return mac.hex(":")


def mac_bytes(text):
    """The opposite of mac_text()."""
    return bytes.fromhex(text.replace(":", ""))


def ethernet(to, source, kind, payload):
    """A frame."""
    return to + source + struct.pack("!H", kind) + payload


def arp(to, operation, mac, ip, target_mac, target_ip):
    """A frame of ARP, REQUEST or REPLY, from (mac, ip)."""
    body = _ETHERNET_AND_IP + struct.pack("!H", operation) + mac + ip + target_mac + target_ip
    return ethernet(to, mac, ARP, body)


def read_arp(frame):
    """(operation, mac, ip, target_ip) of a frame of ARP, None for any other frame."""
    if frame[12:20] != struct.pack("!H", ARP) + _ETHERNET_AND_IP or len(frame) < 42:
        return None
    return int.from_bytes(frame[20:22], "big"), frame[22:28], frame[28:32], frame[38:42]


def echo(to, source, to_ip, source_ip, kind, ident, sequence, data):
    """A frame of an ICMP echo, ECHO_REQUEST or ECHO_REPLY."""
    message = struct.pack("!BBHHH", kind, 0, 0, ident, sequence) + data
    message = message[:2] + struct.pack("!H", _checksum(message)) + message[4:]
    length = 20 + len(message)
    header = struct.pack("!BBHHHBBH", 0x45, 0, length, 0, 0x4000, 64, _ICMP, 0)
    header += source_ip + to_ip
    header = header[:10] + struct.pack("!H", _checksum(header)) + header[12:]
    return ethernet(to, source, IP, header + message)


def read_echo(frame):
    """(kind, from_ip, to_ip, ident, sequence, data) of an ICMP echo without IP options, None for
    any other frame and for wrong checksums."""
    if len(frame) < 42 or frame[12:15] != b"\x08\0\x45" or frame[23] != _ICMP:
        return None
    message = frame[34 : 14 + int.from_bytes(frame[16:18], "big")]
    if _checksum(frame[14:34]) or _checksum(message) or len(message) < 8:
        return None
    kind, _, _, ident, sequence = struct.unpack_from("!BBHHH", message)
    return kind, frame[26:30], frame[30:34], ident, sequence, message[8:]


def ip_bytes(text):
    """An IP address as bytes."""
    return socket.inet_aton(text)


def _checksum(data):
    """The Internet checksum; 0 for data that holds its own, right one."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
