# SPDX-License-Identifier: MIT
"""The textbook asyncio echo client that the benchmarks compare with. Runs on MicroPython.

asyncio_echo_client.py PORT WINDOW COUNT

64-byte messages, WINDOW of them in flight: each answer is read as a head of 8 bytes and a body of 56,
then the next request is written and drained. Prints the seconds of COUNT exchanges.
"""

import asyncio
import sys
import time

_REQUEST = bytes(64)


async def exchange(reader, writer, count):
    for _ in range(count):
        head = await reader.readexactly(8)
        body = await reader.readexactly(56)
        assert len(head + body) == 64
        writer.write(_REQUEST)
        await writer.drain()


async def main(port, window, count):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(window):
        writer.write(_REQUEST)
    await writer.drain()
    await exchange(reader, writer, count // 10)  # warm
    start = time.ticks_us()
    await exchange(reader, writer, count)
    print(time.ticks_diff(time.ticks_us(), start) / 1e6)


asyncio.run(main(*[int(argument) for argument in sys.argv[1:]]))
