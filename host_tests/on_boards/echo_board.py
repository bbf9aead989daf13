# SPDX-License-Identifier: MIT
"""What the emulated Pico runs: an echo service over PPP. Sent to its raw REPL by the test."""

import asyncio
import gc

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


async def main(link):
    asyncio.create_task(poll(link))
    server = await capnp.serve(Service(), "0.0.0.0", 7000)
    gc.collect()
    print("serving", gc.mem_free())
    await server.wait_closed()


# The link's own program left it among the globals.
asyncio.run(main(link_))  # noqa: F821
