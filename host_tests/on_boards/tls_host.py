# SPDX-License-Identifier: MIT
"""pycapnp reaches the emulated Pico by the URI that it has printed.

usage: tls_host.py SCHEMA URI

Prints "begin", and waits for a line; "connected" when the handshake is over and the service is there;
"called" when that has answered; and ends when its standard input does.
"""

import asyncio
import sys

import capnp
import capnp_connect

PATIENCE = 300  # seconds; the emulation is slow


async def main(schema, uri):
    Echo = capnp.load(schema).Echo
    key = capnp_connect.SecretKey.generate()
    print("begin", flush=True)
    sys.stdin.readline()
    async with capnp_connect.connect(uri, Echo, key=key, timeout=PATIENCE) as echo:
        print("connected", flush=True)
        assert (await echo.echo(12345)).y == 12345
        print("called", flush=True)
        sys.stdin.read()


asyncio.run(capnp.run(main(*sys.argv[1:])))
