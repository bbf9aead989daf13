# SPDX-License-Identifier: MIT
"""What a call costs on a board, exactly. Runs on MicroPython; prints `figure NAME VALUE` lines.

Two connections in memory, without sockets: what one writes the other reads.

    bytes_per_call_*   heap bytes that the server allocates for a call
    stack_bytes_*      C stack from where the transport gives bytes to the core to the method
"""

import gc

import micropython

from capnrpc_micro.limits import Limits
from capnrpc_micro.rpc.connection import Connection
from capnrpc_micro.schema import Interface, Struct

# Kinds of fields.
INT32 = 6
TEXT = 12
LIST = 14

_Number = Struct("", 1, 0, ("x", INT32, None))
_Service = Interface("Service", b"\xa2\xd6\xd2\x6f\xbd\x4b\x3d\xeb")
_Self = Struct("", 0, 1, ("self", 16, _Service))
_Service.methods_(
    *("quick", _Number, _Number),
    *("text", Struct("", 0, 1, ("t", TEXT, None)), Struct("", 0, 1, ("t", TEXT, None))),
    *("list", Struct("", 0, 1, ("list", LIST, (INT32, None))), _Number),
    *("task", _Number, _Number),
    *("later", _Number, _Self),
)
_CALLS = 12


class Host:
    """Begins coroutines at once, and keeps those that wait."""

    def __init__(self):
        self.waiting = []

    def start(self, coroutine):
        self.go_on(coroutine)
        return coroutine

    def go_on(self, coroutine):
        """Steps a coroutine until it waits or ends."""
        try:
            coroutine.send(None)
            self.waiting.append(coroutine)
        except StopIteration:
            return

    def cancel(self, coroutine):
        coroutine.close()

    def suspend(self, promise):
        while not promise.settled:
            yield

    def flush_soon(self, conn):
        return


def _pause():
    yield


class Service(_Service.Server):
    """Notes how deep the stack is in each method."""

    def __init__(self):
        self.depth = 0

    def _note(self):
        self.depth = max(self.depth, micropython.stack_use())

    def quick(self, x):
        self._note()
        return x

    def text(self, t):
        self._note()
        return t

    def list(self, values):
        self._note()
        return values[0]

    async def task(self, x):
        self._note()
        return x

    async def later(self, x):
        await _pause()
        return self


def pump(source, target):
    """Hands all output of one connection to the other."""
    while True:
        data = source.output()
        if data is None:
            return
        at = 0
        while at < len(data):
            room = target.receiver.space()
            n = min(len(room), len(data) - at)
            room[:n] = data[at : at + n]
            at += n
            target.received(n)
            process(target)
        source.output_sent()


def process(conn):
    """As the transport does it; the stack is counted from here."""
    global base
    base = micropython.stack_use()
    conn.process()


def main():
    """Prints the figures."""
    global base
    host = Host()
    service = Service()
    limits = Limits()
    server = Connection(host, limits, lambda id: service)
    client = Connection(host, limits, lambda id: None)
    remote = client.bootstrap(_Service)

    def settle():
        pump(client, server)
        pump(server, client)

    settle()
    for name, argument in (("quick", 5), ("text", "hello"), ("list", [1, 2]), ("task", 5)):
        method = getattr(remote, name)
        for _ in range(2):  # the first round makes what is kept
            for _ in range(_CALLS):
                method(argument)
            data = client.output()
            gc.collect()
            gc.disable()
            service.depth = 0
            before = gc.mem_alloc()
            server.receiver.space()[: len(data)] = data
            server.received(len(data))
            process(server)
            used = gc.mem_alloc() - before
            gc.enable()
            client.output_sent()
            pump(server, client)
        print("figure bytes_per_call_%s %d" % (name, used // _CALLS))
        print("figure stack_bytes_%s %d" % (name, service.depth - base))

    # A call that waits for a promise is delivered when that is settled, by the task that settles it.
    promise = remote.later(1)
    chained = promise.self.list([1, 2])
    settle()
    service.depth = 0
    base = micropython.stack_use()
    host.go_on(host.waiting.pop(0))
    print("figure stack_bytes_queued %d" % (service.depth - base))
    settle()
    assert chained._call.settled and chained._call.error is None


base = 0
main()
