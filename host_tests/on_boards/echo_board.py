# SPDX-License-Identifier: MIT
"""What the emulated Pico runs: an echo service, and a network interface whose frames come back.

Sent to the board's raw REPL by the test, after the program that brings the link up.
"""

import asyncio
import gc

from echo_capnp import Echo

import capnrpc_micro as capnp
from capnrpc_micro.device.network import Network


class Service(Echo.Server):
    def echo(self, x):
        return x


class Loop:
    """A card whose cable leads back to itself."""

    mac = b"\x02\x00\x5e\x10\x00\x01"
    mtu = 1500

    def __init__(self):
        self._frames = []
        self._sent = asyncio.Event()

    def send(self, frame):
        self._frames.append(bytes(frame))
        self._sent.set()

    async def run(self, received):
        while True:
            await self._sent.wait()
            self._sent.clear()
            while self._frames:
                received(self._frames.pop(0))

    def close(self):
        self._sent.set()


async def poll(link):
    # Without it a packet waits for the UART's idle interrupt.
    while True:
        link.poll()
        await asyncio.sleep_ms(2)


async def main(link):
    asyncio.create_task(poll(link))
    network = Network(Loop())
    asyncio.create_task(network.run_())
    echo = await capnp.serve(Service(), "0.0.0.0", 7000)
    await capnp.serve(network, "0.0.0.0", 7001)
    gc.collect()
    print("serving", gc.mem_free())
    await echo.wait_closed()


# The link's own program left it among the globals.
asyncio.run(main(link_))  # noqa: F821
