# SPDX-License-Identifier: MIT
"""Calls the services of the board with pycapnp, from inside the link's namespace.

usage: echo_host.py ADDRESS ECHO_SCHEMA NETWORK_SCHEMA SEQUENTIAL PIPELINED

Prints the name of each part when it begins, and waits for a line on its standard input, so that the test
can read the board's clock in between.
"""

import asyncio
import sys

import capnp


def pause(name):
    """Tells the test that a part begins."""
    print(name, flush=True)
    sys.stdin.readline()


async def connect(address, port, interface):
    """The bootstrap object at a port."""
    stream = await capnp.AsyncIoStream.create_connection(address, port)
    client = capnp.TwoPartyClient(stream)
    return client, client.bootstrap().cast_as(interface)


async def call_echo(address, schema, sequential, pipelined):
    """Calls one after another, then many at once."""
    client, echo = await connect(address, 7000, capnp.load(schema).Echo)
    assert (await echo.echo(-7)).y == -7
    pause("sequential")
    for x in range(sequential):
        assert (await echo.echo(x)).y == x
    pause("pipelined")
    waiting = []
    for x in range(pipelined):
        waiting.append((x, echo.echo(x)))
        if len(waiting) == 16:
            x, promise = waiting.pop(0)
            assert (await promise).y == x
    for x, promise in waiting:
        assert (await promise).y == x
    pause("network")
    client.close()


async def call_network(address, schema):
    """Sends frames and hears them again."""
    module = capnp.load(schema)
    heard = asyncio.Queue()

    class Callback(module.Net.Callback.Server):
        async def f(self, buffer, **kwargs):
            await heard.put(bytes(buffer))

    client, net = await connect(address, 7001, module.Net)
    assert (await net.mac()).mac == "02:00:5e:10:00:01"
    listening = net.listen(Callback())
    for size in (60, 1000, 1514):
        frame = bytes(k & 255 for k in range(size))
        assert (await net.write(frame)).which() == "ok"
        assert await heard.get() == frame
    stats = await net.cast_as(module.Network).stats()
    assert (stats.txPkts, stats.rxPkts, stats.dropped) == (3, 3, 0)
    await net.disconnect()
    assert (await listening).which() == "ok"
    pause("done")
    client.close()


async def main():
    """Both."""
    address, echo, network, sequential, pipelined = sys.argv[1:]
    await call_echo(address, echo, int(sequential), int(pipelined))
    await call_network(address, network)


asyncio.run(capnp.run(main()))
