# SPDX-License-Identifier: MIT
"""What the emulated Pico runs: a vat that makes its key at its first start, and serves with TLS.

Sent to the board's raw REPL by the test, after the program that brings the link up.
"""

import asyncio
import gc
import time

from echo_capnp import Echo

import capnrpc_micro as capnp


class Service(Echo.Server):
    def echo(self, x):
        return x


async def poll(link):
    # Without it a packet waits for the UART's idle interrupt.
    while True:
        link.poll()
        await asyncio.sleep_ms(2)


def is_at_rest(conn):
    """Whether it has been used and has given back its buffers."""
    return conn.most_answers and len(conn.receiver.message.b) == 8


async def main(link):
    asyncio.create_task(poll(link))
    begin = time.ticks_ms()
    address = link.ifconfig()[0] + ":7000"
    limits = capnp.Limits(rest_ms=100)
    vat = capnp.Vat("0.0.0.0:7000", "/key.pem", public=address, limits=limits)
    uri = vat.offer(Service(), "echo")
    await vat.start()
    print("started", time.ticks_diff(time.ticks_ms(), begin), uri)
    while True:
        while not [link for link in vat.server.links if is_at_rest(link.conn)]:
            await asyncio.sleep_ms(10)
        gc.collect()
        print("free", gc.mem_free())
        while vat.server.links:
            await asyncio.sleep_ms(10)


# The link's own program left it among the globals.
asyncio.run(main(link_))  # noqa: F821
