# SPDX-License-Identifier: MIT
"""A board that serves its network interface to who has its URI; for the unix port.

    micropython main.py listen=127.0.0.1:7000 key=key.pem packet=eth1
    micropython main.py listen=127.0.0.1:7000 key=key.pem wire=127.0.0.1:9000,127.0.0.1:9001

listen       where clients connect, HOST:PORT
key          the file of its key, made if it is missing; without one the URI is good for this once
insecure     "yes": no TLS, and everybody who connects gets the interface
packet       the interface of this machine that is served; needs root
wire         instead of one: a UDP socket, its own address and that of the wire's other end
mac          the address of an interface that is a wire
in_flight    calls of one callback that may be under way, before frames for it are dropped
limits       the library's limits to change, NAME:NUMBER,NAME:NUMBER,...

It prints "ready" and the URI when it serves, a line of status for each line on its standard input, and ends
when that ends.
"""

import asyncio
import sys

try:
    import capnrpc_micro as capnp
except ImportError:  # not installed: from the repository that this file is in
    sys.path.insert(0, (__file__.rpartition("/")[0] or ".") + "/../../lib")
    import capnrpc_micro as capnp

from capnrpc_micro.device.network import Network


def address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def open_card(options):
    if "packet" in options:
        from capnrpc_micro.device.packet import PacketCard

        return PacketCard(options["packet"])
    from capnrpc_micro.device.wire import WireCard

    local, peer = options["wire"].split(",")
    mac = options.get("mac", "02:00:00:00:00:01")
    return WireCard(address(local), address(peer), bytes([int(b, 16) for b in mac.split(":")]))


def limits(text):
    changed = {}
    for pair in text.split(",") if text else ():
        name, number = pair.split(":")
        changed[name] = int(number)
    return capnp.Limits(**changed)


def status(network, server):
    """How many there are of what connections may leave behind."""
    connections = [link.conn for link in server.links]
    line = "connections %d listeners %d" % (len(connections), network.listening_())
    for table in ("questions", "answers", "exports", "imports"):
        line += " %s %d" % (table, sum([len(getattr(conn, table)) for conn in connections]))
    return line


async def main(options):
    network = Network(open_card(options), int(options.get("in_flight", 8)))
    receiving = asyncio.create_task(network.run_())
    insecure = options.get("insecure") == "yes"
    vat = capnp.Vat(
        options["listen"],
        options.get("key"),
        tls=not insecure,
        limits=limits(options.get("limits", "")),
        main=network if insecure else None,
    )
    uri = vat.offer(network, "network")
    await vat.start()
    print("ready", uri)
    stdin = asyncio.StreamReader(sys.stdin.buffer)
    while await stdin.readline():
        print(status(network, vat.server))
    network.disconnect()
    await receiving
    await vat.close()


asyncio.run(main(dict([option.split("=") for option in sys.argv[1:]])))
