# SPDX-License-Identifier: MIT
"""Calls the echo service of a board with pycapnp, from inside the link's namespace.

usage: echo_host.py ADDRESS SCHEMA SEQUENTIAL PIPELINED

Prints "sequential" and "pipelined" when each part begins, and waits for a line on its standard input
after each, so that the test can read the board's clock in between.
"""

import asyncio
import sys

import capnp


def pause(name):
    print(name, flush=True)
    sys.stdin.readline()


async def main():
    address, schema, sequential, pipelined = sys.argv[1:]
    Echo = capnp.load(schema).Echo
    stream = await capnp.AsyncIoStream.create_connection(address, 7000)
    client = capnp.TwoPartyClient(stream)
    echo = client.bootstrap().cast_as(Echo)
    assert (await echo.echo(-7)).y == -7
    pause("sequential")
    for x in range(int(sequential)):
        assert (await echo.echo(x)).y == x
    pause("pipelined")
    waiting = []
    for x in range(int(pipelined)):
        waiting.append((x, echo.echo(x)))
        if len(waiting) == 16:
            x, promise = waiting.pop(0)
            assert (await promise).y == x
    for x, promise in waiting:
        assert (await promise).y == x
    pause("done")
    client.close()


asyncio.run(capnp.run(main()))
