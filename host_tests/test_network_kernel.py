# SPDX-License-Identifier: MIT
"""The network service between two kernels' IP stacks, each in a network namespace of its own.

    near                       board                                  far
    kernel, veth0 ----- veth1, AF_PACKET, MicroPython --RPC-- bridge ----- tap0, kernel

The bridge, a pycapnp client, gives the frames of tap0 to the board and back. All traffic stays in
the namespaces. This file is also the program that runs in them: `main` has its parts.
"""

import asyncio
import collections
import ctypes
import fcntl
import json
import os
import pathlib
import random
import shutil
import socket
import struct
import subprocess
import sys
import time

import capnp
import pytest
from board import Board

sys.path.append(os.fspath(pathlib.Path(__file__).resolve().parent.parent / "lib"))

from capnrpc_micro.device.packet import PacketCard

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "firmware" / "unix" / "main.py"
SCHEMA = ROOT / "lib" / "capnrpc_micro" / "device" / "network.capnp"

NEAR, FAR = "10.77.0.1", "10.77.0.2"
RPC_PORT, TCP_PORT = 7000, 7001  # in their namespaces nobody else is
PINGS = 100
MEGABYTE = 1 << 20
PATIENCE = 60  # seconds after which something counts as stuck

# The window of a TCP connection is kept below what the board may have under way to one callback:
# what is more would be dropped, as the service promises, and sent again.
WINDOW = 16384
IN_FLIGHT = 56


def why_not():
    """Why this cannot run here, or None."""
    if os.geteuid():
        return "needs root"
    for path in ("/dev/net/tun", "/proc/self/ns/net"):
        if not os.path.exists(path):
            return "needs " + path
    if not shutil.which("ip"):
        return "needs ip (iproute2)"
    name = f"capnp-{os.getpid()}-try"
    done = ip("netns", "add", name, check=False)
    if done.returncode:
        return "may not make network namespaces: " + done.stderr.strip()
    ip("netns", "del", name)
    return None


def ip(*arguments, check=True):
    """Runs ip(8)."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert not check or not done.returncode, done.stderr
    return done


class Namespace:
    """A network namespace, until close()."""

    def __init__(self, name):
        self.name = f"capnp-{os.getpid()}-{name}"
        ip("netns", "add", self.name)

    def ip(self, *arguments):
        return ip("-n", self.name, *arguments)

    def up(self, device, address=None):
        """Switches an interface on, without the packets that IPv6 would send by itself."""
        self.ip("link", "set", "dev", device, "addrgenmode", "none")
        if address:
            self.ip("address", "add", address + "/24", "dev", device)
        self.ip("link", "set", "dev", device, "up")

    def counters(self, device):
        """(packets received, packets sent, all that were dropped or wrong) of an interface."""
        shown = json.loads(self.ip("-j", "-s", "link", "show", "dev", device).stdout)
        rx, tx = shown[0]["stats64"]["rx"], shown[0]["stats64"]["tx"]
        lost = sum(side[what] for side in (rx, tx) for what in ("dropped", "errors"))
        return rx["packets"], tx["packets"], lost

    def python(self, part, *arguments, **options):
        """Starts a part of this file in the namespace; a Board, ready."""
        return Board(
            __file__,
            part,
            *arguments,
            prefix=["ip", "netns", "exec", self.name],
            command=[sys.executable],
            **options,
        )

    def run(self, part, *arguments):
        """Runs a part of this file to its end. Returns the object that it printed."""
        process = self.python(part, *arguments, ready=None)
        try:
            result = json.loads(process.line())
            assert process.stop() == 0
        finally:
            process.kill()
        return result

    def close(self):
        ip("netns", "del", self.name)


@pytest.fixture
def namespaces():
    """The namespaces near, board and far, with the veth pair between the first two."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    made = []
    try:
        for name in ("near", "board", "far"):
            made.append(Namespace(name))
        near, board, _ = made
        near.ip(*"link add veth0 type veth peer name veth1 netns".split(), board.name)
        board.up("lo")
        board.up("veth1")
        near.up("veth0", NEAR)
        near.run("checksums", "veth0")
        yield made
    finally:
        for namespace in made:
            namespace.close()


def test_two_kernels_over_a_capability(namespaces):
    near, board, far = namespaces
    options = [
        f"listen=127.0.0.1:{RPC_PORT}",
        "packet=veth1",
        f"in_flight={IN_FLIGHT}",
        "limits=output_bytes:262144",
    ]
    inside = ["ip", "netns", "exec", board.name]
    with (
        Board(PROGRAM, "insecure=yes", *options, prefix=inside) as program,
        far.python("bridge", board.name) as bridge,
    ):
        far.up("tap0", FAR)
        assert near.run("ping", FAR, PINGS) == PINGS
        with far.python("server") as server:
            sent, received = near.run("client", FAR)
            assert (sent, received) == (MEGABYTE, MEGABYTE)
            assert json.loads(server.line()) == [MEGABYTE, MEGABYTE]
        # Each frame that one kernel has sent the other has received, and at each place between.
        for _ in range(500):
            near_rx, near_tx, near_lost = near.counters("veth0")
            far_rx, far_tx, far_lost = far.counters("tap0")
            counted = json.loads(bridge.ask("count"))
            outward = {near_tx, counted["rxPkts"], counted["to_tap"], far_rx}
            inward = {far_tx, counted["from_tap"], counted["txPkts"], near_rx}
            if len(outward) == len(inward) == 1:
                break
            time.sleep(0.01)
        else:
            pytest.fail(f"frames were lost: outward {outward}, inward {inward}")
        assert (near_lost, far_lost) == (0, 0)
        assert (counted["dropped"], counted["invalid"], counted["failed"]) == (0, 0, 0)
        assert min(outward | inward) > PINGS + MEGABYTE // 1460
        assert program.status is None


def test_packet_card_on_cpython(namespaces):
    """A kernel answers what a card sends."""
    near, board, _ = namespaces
    shown = json.loads(near.ip("-j", "link", "show", "dev", "veth0").stdout)
    assert board.run("card", "veth1") == shown[0]["address"]


# What runs in the namespaces.


def checksums(device):
    """Makes the system compute checksums itself, and cut what it sends to the mtu itself: a veth
    would leave both to the one who receives. (SIOCETHTOOL with ETHTOOL_STXCSUM.)"""
    value = ctypes.create_string_buffer(struct.pack("II", 0x17, 0))
    request = struct.pack("16sP", device.encode(), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8946, request)
    print(0)


def bridge(namespace):
    """Bridges tap0, made in the namespace it starts in, and the board in another."""
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    no_information, is_tap, set_interface = 0x1000, 0x0002, 0x400454CA
    fcntl.ioctl(tap, set_interface, struct.pack("16sH22x", b"tap0", no_information | is_tap))
    with open(f"/run/netns/{namespace}") as other:
        network = 0x40000000
        if ctypes.CDLL(None, use_errno=True).setns(other.fileno(), network):
            raise OSError(ctypes.get_errno(), "setns")
    capnp.remove_import_hook()
    asyncio.run(capnp.run(Bridge(tap).run()))


class Bridge:
    def __init__(self, tap):
        self.tap = tap
        self.counts = collections.Counter(to_tap=0, from_tap=0, failed=0)
        self.results = asyncio.Queue()  # of writes under way, in order

    async def run(self):
        stream = await capnp.AsyncIoStream.create_connection("127.0.0.1", RPC_PORT)
        client = capnp.TwoPartyClient(stream)
        schema = capnp.load(os.fspath(SCHEMA))
        self.net = client.bootstrap().cast_as(schema.Network)
        tap, counts = self.tap, self.counts

        class Callback(schema.Net.Callback.Server):
            async def f(self, buffer, **kwargs):
                os.write(tap, buffer)
                counts["to_tap"] += 1

        listening = self.net.listen(Callback())
        await self.net.mac()  # the board has the call of listen() now
        loop = asyncio.get_running_loop()
        loop.add_reader(tap, self.read_tap)
        checking = asyncio.ensure_future(self.check())
        commands = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
        print("ready", flush=True)
        while await commands.readline():
            stats = (await self.net.stats()).to_dict()
            print(json.dumps({**stats, **counts}), flush=True)
        loop.remove_reader(tap)
        checking.cancel()
        await self.net.disconnect()
        assert (await listening).which() == "ok"

    def read_tap(self):
        try:
            frame = os.read(self.tap, 4096)
        except BlockingIOError:
            return
        self.counts["from_tap"] += 1
        self.results.put_nowait(self.net.write(frame))

    async def check(self):
        while True:
            result = await (await self.results.get())
            if result.which() != "ok":
                self.counts["failed"] += 1


def card(device):
    """Prints the address that answers ARP for NEAR on an interface."""
    asyncio.run(ask_on(PacketCard(device)))


async def ask_on(card):
    from_far = card.mac + socket.inet_aton(FAR)
    request = struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1)
    request += from_far + bytes(6) + socket.inet_aton(NEAR)

    def received(frame):
        if frame[:6] == card.mac and frame[12:14] == b"\x08\x06":
            print(json.dumps(bytes(frame[22:28]).hex(":")))
            card.close()

    card.send(b"\xff" * 6 + card.mac + request)
    await asyncio.wait_for(card.run(received), PATIENCE)


def ping(address, count):
    """Prints how many pings were answered with their own data, one after another."""
    answered = 0
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
        s.settimeout(PATIENCE)
        for sequence in range(int(count)):
            data = random.randbytes(56)
            s.sendto(echo(8, sequence, data), (address, 0))
            expected = echo(0, sequence, data)
            while s.recv(2048)[20:] != expected:
                pass
            answered += 1
    print(answered)


def echo(kind, sequence, data):
    """An ICMP echo message; 8 is a request, 0 a reply."""
    message = struct.pack("!BBHHH", kind, 0, 0, os.getpid() & 0xFFFF, sequence) + data
    total = sum(struct.unpack(f"!{len(message) // 2}H", message))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return message[:2] + struct.pack("!H", ~total & 0xFFFF) + message[4:]


def tcp():
    """A TCP socket with a small window."""
    s = socket.socket()
    s.settimeout(PATIENCE)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
    return s


def transfer(connection, sends_first):
    """Sends a megabyte and receives one, in this order or the other.

    Prints how much was sent, and how much of what was received is right.
    """
    ours, theirs = (random.Random(k).randbytes(MEGABYTE) for k in (sends_first, not sends_first))
    if sends_first:
        connection.sendall(ours)
    got = b""
    while len(got) < MEGABYTE and (part := connection.recv(65536)):
        got += part
    if not sends_first:
        connection.sendall(ours)
    print(json.dumps([len(ours), sum(a == b for a, b in zip(got, theirs, strict=True))]))


def server():
    with tcp() as s:
        s.bind(("", TCP_PORT))
        s.listen()
        print("ready", flush=True)
        with s.accept()[0] as connection:
            transfer(connection, False)
    sys.stdin.read()


def client(address):
    with tcp() as s:
        s.connect((address, TCP_PORT))
        transfer(s, True)


def main(part, *arguments):
    parts = {f.__name__: f for f in (checksums, bridge, card, ping, server, client)}
    parts[part](*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
