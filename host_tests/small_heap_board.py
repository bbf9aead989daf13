# SPDX-License-Identifier: MIT
"""A board that serves an object in a heap that is too small for what peers do, see `small_heap`.

    small_heap_board.py port=7000

It prints "ready" when it serves, and answers each character of its standard input with a line: `s` with
what is in its tables; `f`, on an interpreter with the module `emu`, after a time in which allocations
failed everywhere, asyncio included. It ends when its standard input ends.
"""

import asyncio
import gc
import sys

import capnrpc_micro as capnp
from capnrpc_micro.extra import load_all
from capnrpc_micro.schema import EMPTY, Interface, Struct

try:
    import emu
except ImportError:
    emu = None

_INT32 = 6  # kinds, as in capnrpc_micro.layout
_DATA = 13
_FAILURES = 200
_EVERY = 23
_STEP_MS = 20

# fmt: off
_X = Struct("", 1, 0, ("x", _INT32, None))
_Y = Struct("", 1, 0, ("y", _INT32, None))
_BLOB = Struct("", 0, 1, ("blob", _DATA, None))
THING = Interface("Thing", b"\x81\x92\xa3\xb4\xc5\xd6\xe7\xf8")
THING.methods_("echo", _X, _Y, "wait", EMPTY, EMPTY, "blob", _BLOB, _BLOB, "self", EMPTY, EMPTY)
# fmt: on


class Thing(THING.Server):
    def echo(self, x):
        return x

    async def wait(self):
        await asyncio.sleep(3600)

    def blob(self, blob):
        return blob


def status(server):
    """One line: how many connections there are, and what they keep."""
    entries = 0
    for link in server.links:
        conn = link.conn
        entries += len(conn.questions) + len(conn.answers) + len(conn.exports)
        entries += len(conn.imports) + len(conn.embargoes) + conn.call_bytes
    return "connections %d entries %d refused %d" % (len(server.links), entries, server.refused)


async def short():
    """A time in which every so many allocations fail, until enough have."""
    emu.fail_every(_EVERY)
    emu.count(True)
    while emu.failures() < _FAILURES:
        try:
            await asyncio.sleep_ms(_STEP_MS)
        except MemoryError:
            pass  # that was one of them
    emu.count(False)
    print("failed", emu.failures())


async def commands(server):
    """Obeys standard input. What was read is in a buffer that is there already, so nothing is lost
    while there is no memory."""
    stdin = asyncio.StreamReader(sys.stdin.buffer)
    buffer = bytearray(1)
    while True:
        try:
            if not await stdin.readinto(buffer):
                return
            if buffer[0] == ord("f"):
                await short()
        except MemoryError:
            continue
        while buffer[0] == ord("s"):
            try:
                print(status(server))
                buffer[0] = 0
            except MemoryError:
                await asyncio.sleep_ms(_STEP_MS)


async def main(port):
    load_all()  # not when memory is short
    server = await capnp.serve(Thing(), "127.0.0.1", int(port))
    gc.collect()
    print("ready: %d bytes are free" % gc.mem_free())
    await commands(server)


asyncio.run(main(sys.argv[-1].partition("=")[2]))
