# SPDX-License-Identifier: MIT
"""The textbook asyncio echo server that the benchmarks compare with: 64-byte messages, each read as
a head of 8 bytes and a body of 56, then written and drained. Runs on MicroPython."""

import asyncio
import sys


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readexactly(8)
            body = await reader.readexactly(56)
            writer.write(head + body)
            await writer.drain()
    except (EOFError, OSError):
        writer.close()
        await writer.wait_closed()


async def main():
    await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    print("ready")
    while True:
        await asyncio.sleep(3600)


asyncio.run(main())
