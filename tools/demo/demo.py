# SPDX-License-Identifier: MIT
"""A board serves its network interface; pycapnp, which knows the schema and the URI, pings through it.

    pycapnp, this program  --- Cap'n Proto RPC over TLS --->  MicroPython: firmware/unix/main.py
                                                                      |  the board's interface
                                                              a wire: UDP on loopback
                                                                      |
                                                              a host with an IP address: host.py

The frames that this program writes and receives are made and read here, byte by byte: the board
knows nothing of IP, and its interface could be anything that carries frames.
"""

import asyncio
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import capnp
import packets

sys.path.append(os.fspath(pathlib.Path(__file__).resolve().parents[1]))
sys.path.append(os.fspath(pathlib.Path(__file__).resolve().parents[2] / "lib"))

import capnp_connect
import micropython
from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
capnp.remove_import_hook()
schema = capnp.load(os.fspath(ROOT / "lib/capnrpc_micro/device/network.capnp"))

OUR_IP, HOST_IP = "10.77.0.1", "10.77.0.2"
BOARD_MAC, HOST_MAC = "02:00:5e:10:00:01", "02:00:5e:10:00:02"
PINGS = 5
SIZE = 56  # bytes of data in a ping, as ping(8) has
PATIENCE = 20  # seconds; only a demo that has failed waits so long


class Failure(Exception):
    """The demo did not show what it should."""


_EXPECTED = (
    *(Failure, OSError, ValueError, asyncio.TimeoutError),
    *(capnp.KjException, capnp_connect.ConnectError),
)


class Child:
    """A process that is ready when it prints "ready", and ends when its standard input ends."""

    def __init__(self, name, *command):
        self.name = name
        # In a session of its own: Ctrl-C is for this program, which ends its children.
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.ready = ""

    def wait_ready(self):
        self.ready = self.process.stdout.readline().strip()
        if not self.ready.startswith("ready"):
            raise Failure(f"the {self.name} did not start")

    def stop(self):
        """Ends it in its own way; returns its exit status."""
        self.process.stdin.close()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure(f"the {self.name} did not end") from None

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Receiver(schema.Net.Callback.Server):
    """The callback that the board gives the frames to."""

    def __init__(self):
        self._frames = asyncio.Queue()

    async def f(self, buffer, **kwargs):
        self._frames.put_nowait((bytes(buffer), time.perf_counter()))

    async def first(self, read):
        """(what read(frame) returns, time) for the next frame for which that is not None."""
        while True:
            frame, when = await asyncio.wait_for(self._frames.get(), PATIENCE)
            found = read(frame)
            if found is not None:
                return found, when


def say(what, text):
    print(f"{what:<11}{text}", flush=True)


async def send(net, frame):
    result = await net.write(frame)
    if result.which() != "ok":
        raise Failure(f"the board did not send the frame: {result}")


async def resolve(net, receiver, mac):
    """The host's Ethernet address, asked for with ARP."""
    ours, theirs = packets.ip_bytes(OUR_IP), packets.ip_bytes(HOST_IP)
    await send(net, packets.arp(packets.BROADCAST, packets.REQUEST, mac, ours, bytes(6), theirs))

    def read(frame):
        arp = packets.read_arp(frame)
        return arp[1] if arp and arp[0] == packets.REPLY and arp[2] == theirs else None

    return (await receiver.first(read))[0]


async def ping(net, receiver, mac, host_mac, sequence):
    """Pings the host once. Returns milliseconds."""
    ours, theirs = packets.ip_bytes(OUR_IP), packets.ip_bytes(HOST_IP)
    expected = packets.ECHO_REPLY, theirs, ours, os.getpid() & 0xFFFF, sequence, os.urandom(SIZE)
    frame = packets.echo(host_mac, mac, theirs, ours, packets.ECHO_REQUEST, *expected[3:])
    start = time.perf_counter()
    await send(net, frame)
    _, end = await receiver.first(lambda frame: packets.read_echo(frame) == expected or None)
    return 1000 * (end - start)


async def show(uri):
    """What a user sees."""
    async with capnp_connect.connect(uri, schema.Network, timeout=PATIENCE) as net:
        await use(net)


async def use(net):
    mac = packets.mac_bytes((await net.mac()).mac)
    say("interface", f"mac {packets.mac_text(mac)}, mtu {(await net.mtu()).mtu}")

    receiver = Receiver()
    listening = net.listen(receiver)  # it returns when the interface is disconnected

    host_mac = await resolve(net, receiver, mac)
    say("arp", f"{HOST_IP} is at {packets.mac_text(host_mac)}")
    times = []
    for sequence in range(1, PINGS + 1):
        times.append(await ping(net, receiver, mac, host_mac, sequence))
        say("ping", f"{SIZE} bytes from {HOST_IP}: seq {sequence}, {times[-1]:.2f} ms")
    least, mean, most = min(times), sum(times) / PINGS, max(times)
    say("", f"min {least:.2f}, avg {mean:.2f}, max {most:.2f} ms")

    stats = await net.stats()
    say("sent", f"{stats.txPkts} frames, {stats.txBytes} bytes")
    say("received", f"{stats.rxPkts} frames, {stats.rxBytes} bytes; {stats.dropped} dropped")
    if stats.txPkts != PINGS + 1 or stats.rxPkts != PINGS + 1 or stats.dropped:
        raise Failure("that is not one frame for each that was sent")

    await net.disconnect()
    result = await listening
    say("disconnect", f"listen() has returned {result.which()}")


def main():
    children = []
    try:
        host = Child("host", sys.executable, ROOT / "tools/demo/host.py", HOST_IP, HOST_MAC)
        children.append(host)
        host.wait_ready()
        wire = host.ready.split()[1]
        port, local = free_port(), free_port(socket.SOCK_DGRAM)
        board = Child(
            "board",
            *micropython.command(),
            ROOT / "firmware/unix/main.py",
            f"listen=127.0.0.1:{port}",
            f"wire=127.0.0.1:{local},127.0.0.1:{wire}",
            f"mac={BOARD_MAC}",
        )
        children.append(board)
        board.wait_ready()
        uri = board.ready.partition(" ")[2]
        say("board", f"MicroPython, process {board.process.pid}, serves {uri}")
        say("host", f"process {host.process.pid}, {HOST_IP}, at the other end of the board's wire")
        asyncio.run(capnp.run(asyncio.wait_for(show(uri), 2 * PATIENCE)))
        statuses = [child.stop() for child in (board, host)]
        say("shutdown", "board exited with {}, host with {}".format(*statuses))
        if any(statuses):
            raise Failure("that is not 0 and 0")
    except _EXPECTED as error:
        print(f"demo: failed: {error or type(error).__name__}")
        return 1
    finally:
        for child in children:
            child.kill()
    print("demo: ok")
    return 0


def interrupted(number, frame):
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupted)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
