# SPDX-License-Identifier: MIT
"""What a call costs on a board, exactly. Runs on MicroPython; prints `figure NAME VALUE` lines.

Two connections in memory, without sockets: what one writes the other reads.

    bytes_per_call_*   heap bytes that the server allocates for a call
    stack_bytes_*      C stack from where the transport gives bytes to the core to the method
    heap_per_export    heap bytes that one more object that the peer refers to keeps; the object itself
                       is there before
    heap_per_question  heap bytes that one more call that is not answered keeps, with its promise
"""

import gc

import in_memory
import micropython
from in_memory import Host, feed, pause

from capnrpc_micro.limits import Limits
from capnrpc_micro.rpc.connection import Connection
from capnrpc_micro.schema import EMPTY, Interface, Struct

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
    *("open", EMPTY, _Self),
)
_CALLS = 12
_MANY = 300  # exports, questions: what one more costs is their average
# A Finish of question 0 that lets the results' capabilities be: their references stay with the peer.
_FINISH = (
    b"\0\0\0\0\4\0\0\0"  # one segment of four words
    b"\0\0\0\0\1\0\1\0\4\0\0\0\0\0\0\0"  # the root, a Message: finish
    b"\0\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0"  # questionId, and releaseResultCaps as false
)


class Service(_Service.Server):
    """Notes how deep the stack is in each method."""

    def __init__(self):
        self.depth = 0
        self.objects = []

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
        await pause()
        return self

    def open(self):
        return self.objects.pop()


class Thing(_Service.Server):
    """An object with one attribute of its own."""

    def __init__(self, number):
        self.number = number


def process(conn):
    """As the transport does it; the stack is counted from here."""
    global base
    base = micropython.stack_use()
    conn.process()


def pump(source, target):
    """Hands all output of one connection to the other."""
    in_memory.pump(source, target, process)


def discard(conn):
    """Takes the output, which nobody reads."""
    while conn.output() is not None:
        conn.output_sent()


class Pair:
    """A client's connection to a server in memory; `remote` is the server's main object."""

    def __init__(self, limits):
        self.host = Host()
        self.service = service = Service()
        self.server = Connection(self.host, limits, lambda id: service)
        self.client = Connection(self.host, limits, lambda id: None)
        self.remote = self.client.bootstrap(_Service)
        self.settle()

    def settle(self):
        pump(self.client, self.server)
        pump(self.server, self.client)
        pump(self.client, self.server)  # a Finish, perhaps


def measure_calls():
    """Prints what calls cost."""
    global base
    pair = Pair(Limits())
    service = pair.service
    server = pair.server
    client = pair.client
    for name, argument in (("quick", 5), ("text", "hello"), ("list", [1, 2]), ("task", 5)):
        method = getattr(pair.remote, name)
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
            depth = service.depth - base
            gc.enable()
            client.output_sent()
            pump(server, client)
        print("figure bytes_per_call_%s %d" % (name, used // _CALLS))
        print("figure stack_bytes_%s %d" % (name, depth))

    # A call that waits for a promise is delivered when that is settled, by the task that settles it.
    promise = pair.remote.later(1)
    chained = promise.self.list([1, 2])
    pair.settle()
    service.depth = 0
    base = micropython.stack_use()
    pair.host.go_on(pair.host.waiting.pop(0))
    print("figure stack_bytes_queued %d" % (service.depth - base))
    found = []
    chained.then_(found.append)
    pair.settle()
    assert found and found[0].error is None


def in_use():
    gc.collect()
    return gc.mem_alloc()


def measure_exports():
    """Prints what an export costs."""
    pair = Pair(Limits(exports=_MANY + 8))
    server = pair.server
    pair.service.objects = [Thing(k) for k in range(_MANY + 4)]
    pair.remote.open()
    call = bytes(pair.client.output())
    assert call[16] == 2 and call[32] == 0, "not a Call whose question is that of _FINISH"
    pair.client = pair.remote = None  # a client would keep something for each, too

    def export(count):
        for _ in range(count):
            feed(server, call, process)
            discard(server)
            feed(server, _FINISH, process)

    export(4)  # makes what is kept
    before = in_use()
    export(_MANY)
    used = in_use() - before

    assert len(server.exports) == _MANY + 5 and not len(server.answers) and server.error is None
    print("figure heap_per_export %d" % (used // _MANY))


def measure_questions():
    """Prints what a question costs."""
    pair = Pair(Limits(questions=_MANY + 8))
    client = pair.client
    quick = pair.remote.quick
    promises = [None] * (_MANY + 4)

    def ask(first, end):
        for k in range(first, end):
            promises[k] = quick(k)
            discard(client)

    ask(0, 4)
    before = in_use()
    ask(4, _MANY + 4)
    used = in_use() - before
    assert len(client.questions) == _MANY + 4 and client.error is None
    print("figure heap_per_question %d" % (used // _MANY))


base = 0
# As the transport sets it; else what stays lies scattered over the heap, and no large block is left.
gc.threshold((gc.mem_free() + gc.mem_alloc()) >> 3)
measure_calls()
measure_exports()
measure_questions()
