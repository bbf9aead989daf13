# SPDX-License-Identifier: MIT
"""What TLS leaves of a board's heap. Runs on MicroPython; prints a `figure NAME VALUE` line.

    measure_vat.py PORT KEYFILE STORE

A vat with 20 services and a file store serves with TLS. It prints "ready" and the URI of a service; when
two peers have called and are at rest, what is free after a collection; and ends when its standard input
does.
"""

import asyncio
import gc
import sys

from echo_capnp import Echo

import capnrpc_micro as capnp

SERVICES = 20
PEERS = 2


class Service(Echo.Server):
    def echo(self, x):
        return x


async def main(port, key, store):
    vat = capnp.Vat("127.0.0.1:" + port, key, store, limits=capnp.Limits(rest_ms=50))
    for number in range(SERVICES):
        uri = vat.offer(Service(), "service %d" % number)
    await vat.start()
    print("ready", uri)
    stdin = asyncio.StreamReader(sys.stdin.buffer)
    await stdin.readline()  # the peers have called
    assert len(vat.server.links) == PEERS
    while [link for link in vat.server.links if len(link.conn.receiver.message.b) > 8]:
        await asyncio.sleep(0.01)
    gc.collect()
    print("figure free_heap_two_tls_connections %d" % gc.mem_free())
    await stdin.readline()


asyncio.run(main(*sys.argv[1:]))
