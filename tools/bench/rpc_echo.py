# SPDX-License-Identifier: MIT
"""Our server in the benchmarks, through the ordinary API. Runs on MicroPython.

rpc_echo.py PORT [CALLS]   with CALLS, garbage collection is off, and after so many calls it prints
how many bytes a call has allocated.
"""

import asyncio
import gc
import sys

sys.path[:0] = sys.argv[0].rsplit("/", 1)[:1] + [sys.argv[0].rsplit("/", 3)[0] + "/lib"]

from echo_capnp import Echo

import capnrpc_micro as capnp

_WARM = 1000


class Plain(Echo.Server):
    def echo(self, x):
        return x


class Counting(Echo.Server):
    def __init__(self, calls):
        self.calls = -_WARM
        self.end = calls
        self.before = 0

    def echo(self, x):
        self.calls += 1
        if self.calls == 0:
            self.before = gc.mem_alloc()
        elif self.calls == self.end:
            print("bytes", (gc.mem_alloc() - self.before) // self.end)
        return x


async def main():
    if len(sys.argv) > 2:
        gc.disable()
        server = Counting(int(sys.argv[2]))
    else:
        server = Plain()
    await capnp.serve(server, "127.0.0.1", int(sys.argv[1]))
    print("ready")
    while True:
        await asyncio.sleep(3600)


asyncio.run(main())
