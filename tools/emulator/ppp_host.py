#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The host's end of a PPP link whose line is a TCP port, as the emulated board's UART is.

usage: ppp_host.py HOST:PORT NAMESPACE TUN HOST_ADDRESS BOARD_ADDRESS

It connects to the line, then moves into the network namespace and makes a TUN device there that
carries the link's IP packets. Needs root, but no PPP in the kernel. Prints "up" whenever the
link has come up and "down" when the board ends it; stops when the line is closed.
"""

import ctypes
import fcntl
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys

IP = 0x0021
IPCP = 0x8021
LCP = 0xC021

CONFIGURE_REQUEST, CONFIGURE_ACK, CONFIGURE_NAK, CONFIGURE_REJECT = 1, 2, 3, 4
TERMINATE_REQUEST, TERMINATE_ACK, PROTOCOL_REJECT, ECHO_REQUEST, ECHO_REPLY = 5, 6, 8, 9, 10

MRU, CONTROL_MAP, MAGIC_NUMBER = 1, 2, 5  # LCP options
ADDRESS, DNS_1, DNS_2 = 3, 129, 131  # IPCP options

FLAG, ESCAPE = b"~", b"}"
RETRY_S = 1
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def _crc_table():
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x8408 if value & 1 else 0)
        yield value


CRC_TABLE = tuple(_crc_table())
CRC_GOOD = 0xF0B8  # the sum over a frame that includes its own


def checksum(data):
    """Return the FCS-16 of RFC 1662 over data."""
    total = 0xFFFF
    for byte in data:
        total = total >> 8 ^ CRC_TABLE[(total ^ byte) & 0xFF]
    return total


def escapes(control_map):
    """Return how each byte is written when the receiver wants these control characters escaped."""

    def written(byte):
        special = byte in (*FLAG, *ESCAPE) or (byte < 0x20 and control_map >> byte & 1)
        return ESCAPE + bytes((byte ^ 0x20,)) if special else bytes((byte,))

    return tuple(written(byte) for byte in range(256))


def unescape(data):
    """Return what was meant by the bytes between two flags."""
    return re.sub(rb"}(.)", lambda pair: bytes((pair[1][0] ^ 0x20,)), data, flags=re.DOTALL)


def unpack_options(data):
    """Return [(type, value)] of the options of a configure packet."""
    options = []
    while len(data) >= 2 and data[1] >= 2:
        options.append((data[0], data[2 : data[1]]))
        data = data[data[1] :]
    return options


def pack_options(options):
    """Return the options as they stand in a configure packet."""
    return b"".join(bytes((kind, len(value) + 2)) + value for kind, value in options)


class Layer:
    """One of the two negotiations, LCP or IPCP: each side asks, each side agrees."""

    def __init__(self, protocol, request):
        self.protocol = protocol
        self.request = request  # our own options
        self.reset()

    def reset(self):
        """Forget what was agreed."""
        self.we_agreed = False
        self.board_agreed = False

    @property
    def open(self):
        """Whether both sides have agreed."""
        return self.we_agreed and self.board_agreed


class Host:
    """The link: frames on one side, IP packets on the other."""

    def __init__(self, line, tun, host_address, board_address):
        self.line = line
        self.tun = tun
        self.pending = b""  # the beginning of a frame
        self.identifier = 0
        own, board = socket.inet_aton(host_address), socket.inet_aton(board_address)
        self.given = {ADDRESS: board, DNS_1: own, DNS_2: own}
        # The line carries every byte, so the board need not escape control characters.
        self.lcp = Layer(LCP, [(CONTROL_MAP, bytes(4))])
        self.ipcp = Layer(IPCP, [(ADDRESS, own)])
        self.forget()

    def forget(self):
        """Go back to the state before any negotiation."""
        self.lcp.reset()
        self.ipcp.reset()
        self.escapes = escapes(0xFFFFFFFF)
        self.wanted_map = 0xFFFFFFFF

    # ---- sending

    def send(self, protocol, payload):
        """Send one frame."""
        frame = b"\xff\x03" + struct.pack(">H", protocol) + payload
        frame += struct.pack("<H", checksum(frame) ^ 0xFFFF)
        table = escapes(0xFFFFFFFF) if protocol == LCP else self.escapes
        self.line.sendall(FLAG + b"".join(table[byte] for byte in frame) + FLAG)

    def send_control(self, protocol, code, identifier, data=b""):
        """Send one packet of a negotiation."""
        header = struct.pack(">BBH", code, identifier, 4 + len(data))
        self.send(protocol, header + data)

    def ask(self, layer):
        """Send our own configure request."""
        self.identifier = self.identifier % 255 + 1
        options = pack_options(layer.request)
        self.send_control(layer.protocol, CONFIGURE_REQUEST, self.identifier, options)

    def retry(self):
        """Ask again where the board has not answered."""
        if self.lcp.we_agreed and not self.lcp.board_agreed:
            self.ask(self.lcp)
        elif self.lcp.open and not self.ipcp.board_agreed:
            self.ask(self.ipcp)

    # ---- receiving

    def from_line(self, data):
        """Take bytes off the line."""
        *frames, self.pending = (self.pending + data).split(FLAG)
        for frame in frames:
            frame = unescape(frame)
            if len(frame) >= 6 and checksum(frame) == CRC_GOOD:
                self.frame(frame[:-2])

    def from_tun(self, packet):
        """Take an IP packet off the TUN device; only IPv4 is agreed on."""
        if self.ipcp.open and packet[0] >> 4 == 4:
            self.send(IP, packet)

    def frame(self, frame):
        """Act on one good frame."""
        if frame.startswith(b"\xff\x03"):
            frame = frame[2:]
        (protocol,) = struct.unpack(">H", frame[:2])
        packet = frame[2:]
        if protocol == IP:
            if self.ipcp.open:
                os.write(self.tun, packet)
        elif protocol in (LCP, IPCP):
            code, identifier, length = struct.unpack(">BBH", packet[:4])
            layer = self.lcp if protocol == LCP else self.ipcp
            self.control(layer, code, identifier, packet[4:length])
        elif self.lcp.open:
            self.identifier = self.identifier % 255 + 1
            self.send_control(LCP, PROTOCOL_REJECT, self.identifier, frame)

    def control(self, layer, code, identifier, data):
        """Act on one packet of a negotiation."""
        was_up = self.ipcp.open
        if code == CONFIGURE_REQUEST:
            if layer is self.lcp:
                self.forget()  # a board that was reset begins anew
            answer, options = self.judge(layer, unpack_options(data))
            self.send_control(layer.protocol, answer, identifier, pack_options(options))
            layer.we_agreed = answer == CONFIGURE_ACK
            if layer.we_agreed and not layer.board_agreed:
                self.ask(layer)
        elif code == CONFIGURE_ACK:
            layer.board_agreed = True
        elif code == CONFIGURE_REJECT:
            refused = {kind for kind, _ in unpack_options(data)}
            layer.request = [option for option in layer.request if option[0] not in refused]
            self.ask(layer)
        elif code == TERMINATE_REQUEST:
            self.send_control(layer.protocol, TERMINATE_ACK, identifier)
            self.forget()
            print("down", flush=True)
        elif code == ECHO_REQUEST and layer is self.lcp:
            self.send_control(LCP, ECHO_REPLY, identifier, bytes(4) + data[4:])
        if self.lcp.open:
            self.escapes = escapes(self.wanted_map)
        if self.ipcp.open and not was_up:
            print("up", flush=True)

    def judge(self, layer, options):
        """Return our answer to the board's options, and the options that go with it."""
        known = (MRU, CONTROL_MAP, MAGIC_NUMBER) if layer is self.lcp else tuple(self.given)
        unknown = [option for option in options if option[0] not in known]
        if unknown:
            return CONFIGURE_REJECT, unknown
        if layer is self.ipcp:
            better = [
                (kind, self.given[kind]) for kind, value in options if value != self.given[kind]
            ]
            return (CONFIGURE_NAK, better) if better else (CONFIGURE_ACK, options)
        for kind, value in options:
            if kind == CONTROL_MAP:
                self.wanted_map = int.from_bytes(value, "big")
        return CONFIGURE_ACK, options


def enter_namespace(name):
    """Move this process into a network namespace; its open sockets stay where they are."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(f"/run/netns/{name}", os.O_RDONLY)
    if libc.setns(handle, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"entering namespace {name}: {os.strerror(number)}")
    os.close(handle)


def make_tun(name, host_address, board_address):
    """Make a TUN device with the link's addresses, and return its descriptor."""
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    address = ("ip", "addr", "replace", host_address, "peer", board_address, "dev", name)
    for command in (address, ("ip", "link", "set", name, "up", "mtu", "1500")):
        subprocess.run(command, check=True)
    return tun


def main():
    """Run the link until the line is closed or a signal ends it."""
    if len(sys.argv) != 6:
        print(__doc__, file=sys.stderr)
        return 2
    line_address, namespace, device, host_address, board_address = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    name, port = line_address.rsplit(":", 1)
    line = socket.create_connection((name, int(port)))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    enter_namespace(namespace)
    tun = make_tun(device, host_address, board_address)
    host = Host(line, tun, host_address, board_address)
    print("ready", flush=True)
    while True:
        readable, _, _ = select.select([line, tun], [], [], RETRY_S)
        if not readable:
            host.retry()
        if line in readable:
            try:
                data = line.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                return 0
            host.from_line(data)
        if tun in readable:
            host.from_tun(os.read(tun, 2048))


if __name__ == "__main__":
    sys.exit(main())
