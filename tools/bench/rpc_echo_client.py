# SPDX-License-Identifier: MIT
"""Our client in the benchmarks, through the ordinary API. Runs on MicroPython.

rpc_echo_client.py PORT WINDOW COUNT

WINDOW calls are in flight: the oldest is awaited, then the next is made. Prints the seconds of COUNT
calls.
"""

import asyncio
import sys
import time

sys.path[:0] = sys.argv[0].rsplit("/", 1)[:1] + [sys.argv[0].rsplit("/", 3)[0] + "/lib"]

from echo_capnp import Echo

import capnrpc_micro as capnp


async def exchange(remote, calls, count):
    window = len(calls)
    for x in range(count):
        k = x % window
        results = await calls[k]
        assert results.y == k
        calls[k] = remote.echo(k)


async def main(port, window, count):
    peer = await capnp.connect("127.0.0.1", port)
    remote = peer.bootstrap(Echo)
    await remote.echo(0)
    calls = [remote.echo(k) for k in range(window)]
    await exchange(remote, calls, count // 10)  # warm
    start = time.ticks_us()
    await exchange(remote, calls, count)
    print(time.ticks_diff(time.ticks_us(), start) / 1e6)


asyncio.run(main(*[int(argument) for argument in sys.argv[1:]]))
