# SPDX-License-Identifier: MIT
"""The network service of a MicroPython process, from pycapnp; a UDP socket is its network.

After each scenario nothing of its connections may be left on the board.
"""

import asyncio
import os
import pathlib
import random
import socket

import capnp
import pytest
from board import Board
from ports import free_port

from capnrpc_micro.device.wire import WireCard

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "firmware" / "unix" / "main.py"
SCHEMA = ROOT / "lib" / "capnrpc_micro" / "device" / "network.capnp"
PUBLISHED = ROOT / "host_tests" / "schemas" / "network.capnp"

capnp.remove_import_hook()
# Parsers of their own: both files have the same id.
_parsers = capnp.SchemaParser(), capnp.SchemaParser()
schema = _parsers[0].load(os.fspath(SCHEMA))
published = _parsers[1].load(os.fspath(PUBLISHED))

FRAME = bytes(range(60))
MAC = "02:00:5e:10:00:01"
EMPTY = "listeners 0 questions 0 answers 0 exports 0 imports 0"


class Wire(socket.socket):
    """The other end of the board's wire."""

    def __init__(self):
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.bind(("127.0.0.1", 0))
        self.settimeout(60)  # a board that sends nothing must not hang the test


class Callback(schema.Net.Callback.Server):
    """Collects frames.

    gate    while it is closed, calls do not return
    error   what calls raise, or None
    """

    def __init__(self):
        self.frames = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error = None
        self._more = asyncio.Event()

    async def f(self, buffer, **kwargs):
        self.frames.append(bytes(buffer))
        self._more.set()
        await self.gate.wait()
        if self.error:
            raise self.error

    async def has(self, count):
        """Waits until it has got this many frames."""
        while len(self.frames) < count:
            await self._more.wait()
            self._more.clear()


class Client:
    """A connection to the board and its network."""

    def __init__(self, stream, schema=schema):
        self._stream = stream
        self._client = capnp.TwoPartyClient(stream)
        self.net = self._client.bootstrap().cast_as(getattr(schema, "Network", schema.Net))

    async def listen(self, callback):
        """Starts a call of listen(). Returns its task, once the board has the call."""
        task = asyncio.ensure_future(self._listen(callback))
        task.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.sleep(0)  # the task begins, and sends
        await self.net.mac()
        return task

    async def _listen(self, callback):
        return await self.net.listen(callback)

    def close(self):
        self._client.close()
        self._stream.close()


class Bench:
    """A board, its wire and clients.

    wire      the wire's other end
    client    a Client, connected; `net` is its network
    """

    def __init__(self, board, port, wire, wire_port):
        self.board = board
        self.wire = wire
        self._port = port
        self._wire_address = ("127.0.0.1", wire_port)
        self._clients = []

    async def connect(self, schema=schema):
        stream = await capnp.AsyncIoStream.create_connection("127.0.0.1", self._port)
        self._clients.append(Client(stream, schema))
        return self._clients[-1]

    def raw(self):
        """A plain connection to the board's RPC port."""
        return socket.create_connection(("127.0.0.1", self._port), 60)

    def send(self, frame):
        """Sends a frame from the network to the board."""
        self.wire.sendto(frame, self._wire_address)

    async def stats(self):
        return (await self.net.stats()).to_dict()

    async def until(self, status):
        """Waits until this stands in the board's line of status."""
        await _until(lambda: status in self.board.ask("status"), status)

    async def run(self, scenario):
        self.client = await self.connect()
        self.net = self.client.net
        await scenario(self)
        for client in self._clients:
            client.close()
        await self.until("connections 0 " + EMPTY)


async def _until(condition, what):
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"this did not come about: {what}; at last: {condition()}")


def on_board(**options):
    """Makes a test of a scenario, an async function that takes a Bench."""

    def decorate(scenario):
        def test():
            with Wire() as wire:
                port, wire_port = free_port(), free_port(socket.SOCK_DGRAM)
                arguments = [f"{name}={value}" for name, value in options.items()]
                arguments += [
                    f"listen=127.0.0.1:{port}",
                    f"wire=127.0.0.1:{wire_port},127.0.0.1:{wire.getsockname()[1]}",
                    f"mac={MAC}",
                ]
                with Board(PROGRAM, "insecure=yes", *arguments) as board:
                    bench = Bench(board, port, wire, wire_port)
                    asyncio.run(capnp.run(bench.run(scenario)))

        test.__name__ = scenario.__name__
        test.__doc__ = scenario.__doc__
        return test

    return decorate


async def cancelled(task):
    """Cancels a call."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def ok(result):
    return result.which() == "ok"


def test_ids_are_those_published():
    ids = (0x8D69CF3AA702C3E3, 0xB0A18AEB4FA0C8CB, 0xABED91049E2EFCEC)
    for module in (schema, published):
        net = module.Net
        assert ids == tuple(x.schema.node.id for x in (net, net.Callback, net.Result))


def test_cards_work_on_cpython():
    async def use(wire):
        address = ("127.0.0.1", free_port(socket.SOCK_DGRAM))
        card = WireCard(address, wire.getsockname(), bytes(6), mtu=100)
        frames = []
        running = asyncio.ensure_future(card.run(lambda frame: frames.append(bytes(frame))))
        card.send(memoryview(FRAME))
        assert wire.recv(2000) == FRAME
        for k in range(20):  # more than are taken in one go
            wire.sendto(bytes([k]) * 14, address)
        wire.sendto(bytes(500), address)
        await _until(lambda: len(frames) == 21, "21 frames have arrived")
        assert frames[:20] == [bytes([k]) * 14 for k in range(20)]
        assert len(frames[20]) > 100 + 18  # too long, and seen to be
        card.close()
        await running
        # Whoever waits for run() may give up without the card being closed.
        card = WireCard(address, wire.getsockname(), bytes(6))
        running = asyncio.ensure_future(card.run(frames.append))
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        card.send(FRAME)
        assert wire.recv(2000) == FRAME
        card.close()
        await card.run(frames.append)  # at once: it is closed

    with Wire() as wire:
        asyncio.run(use(wire))


@on_board()
async def test_every_method(b):
    assert (await b.net.mac()).mac == MAC
    assert (await b.net.mtu()).mtu == 1500
    assert ok(await b.net.write(FRAME))
    assert b.wire.recv(2000) == FRAME
    assert ok(await b.net.writev([FRAME[:14], b"", FRAME[14:]]))
    assert b.wire.recv(2000) == FRAME
    callback = Callback()
    listening = await b.client.listen(callback)
    b.send(FRAME * 2)
    b.send(FRAME * 20)
    await callback.has(2)
    assert callback.frames == [FRAME * 2, FRAME * 20]
    assert await b.stats() == {
        "rxBytes": 1320,
        "rxPkts": 2,
        "txBytes": 120,
        "txPkts": 2,
        "dropped": 0,
        "invalid": 0,
    }
    await b.net.resetStats()
    assert not any((await b.stats()).values())
    await b.net.disconnect()
    assert ok(await listening)


@on_board()
async def test_client_of_the_published_schema(b):
    client = await b.connect(published)
    assert (await client.net.mac()).mac == MAC
    assert ok(await client.net.write(FRAME))
    assert ok(await client.net.writev([FRAME]))
    assert [b.wire.recv(2000) for _ in range(2)] == [FRAME] * 2
    got = asyncio.get_running_loop().create_future()

    class Watcher(published.Net.Callback.Server):
        async def f(self, buffer, **kwargs):
            got.set_result(bytes(buffer))

    listening = await client.listen(Watcher())
    b.send(FRAME)
    assert await got == FRAME
    await client.net.disconnect()
    assert ok(await listening)
    assert (await client.net.write(FRAME)).which() == "disconnected"


@on_board()
async def test_sizes_of_frames(b):
    for size in (14, 1514, 1518):
        assert ok(await b.net.write(bytes(size)))
        assert b.wire.recv(4000) == bytes(size)
    for size in (0, 1, 13, 1519, 1520, 9000):
        for result in (await b.net.write(bytes(size)), await b.net.writev([bytes(size)])):
            assert ("at least 14" if size < 14 else "at most 1518") in result.error
    assert (await b.net.writev([])).which() == "error"
    assert (await b.net.writev([bytes(100)] * 100)).which() == "error"
    assert ok(await b.net.write(FRAME))
    assert b.wire.recv(4000) == FRAME
    assert (await b.stats())["txPkts"] == 4


@on_board()
async def test_random_frames_cross_both_ways(b):
    random.seed(5)
    frames = [random.randbytes(random.randrange(14, 1519)) for _ in range(100)]
    callback = Callback()
    listening = await b.client.listen(callback)
    for k, frame in enumerate(frames):
        assert ok(await b.net.write(frame))
        assert b.wire.recv(4000) == frame
        b.send(frame)
        await callback.has(k + 1)
    assert callback.frames == frames
    await cancelled(listening)


@on_board()
async def test_several_listeners_each_get_every_frame(b):
    other = await b.connect()
    callbacks = [Callback() for _ in range(4)]
    clients = [b.client, b.client, other, other]
    tasks = [await client.listen(f) for client, f in zip(clients, callbacks, strict=True)]
    await b.until("listeners 4 questions 0 answers 4 exports 2 imports 4")
    for k in range(20):
        b.send(bytes([k]) * 60)
        for callback in callbacks:
            await callback.has(k + 1)
    for callback in callbacks:
        assert callback.frames == [bytes([k]) * 60 for k in range(20)]
    assert (await b.stats())["rxPkts"] == 20
    assert (await b.stats())["dropped"] == 0
    await asyncio.gather(*map(cancelled, tasks))
    await b.until(EMPTY.replace("exports 0", "exports 2"))  # each client holds the network


@on_board()
async def test_cancel_stops_one_listener(b):
    first, second = Callback(), Callback()
    listening = await b.client.listen(first)
    await b.client.listen(second)
    b.send(FRAME)
    await first.has(1)
    await cancelled(listening)
    await b.until("listeners 1 questions 0 answers 1 exports 1 imports 1")
    b.send(FRAME)
    await second.has(2)
    assert len(first.frames) == 1


@on_board()
async def test_cancel_while_the_callback_has_not_answered(b):
    callback = Callback()
    callback.gate.clear()
    listening = await b.client.listen(callback)
    for k in range(3):
        b.send(FRAME)
        await callback.has(k + 1)
    await b.until("questions 3")
    await cancelled(listening)
    await b.until(EMPTY.replace("exports 0", "exports 1"))


@on_board(in_flight=2)
async def test_slow_callback_loses_frames_others_do_not(b):
    slow, fast = Callback(), Callback()
    slow.gate.clear()
    await b.client.listen(slow)
    await (await b.connect()).listen(fast)
    for k in range(10):
        b.send(bytes([k]) * 60)
        await fast.has(k + 1)
        await b.until(f"questions {min(k + 1, 2)} ")
    assert [frame[0] for frame in fast.frames] == list(range(10))
    assert [frame[0] for frame in slow.frames] == [0, 1]
    assert (await b.stats())["dropped"] == 8
    slow.gate.set()
    await b.until("questions 0")
    b.send(FRAME)
    await slow.has(3)
    assert slow.frames[2] == FRAME
    assert (await b.stats())["dropped"] == 8


@on_board(in_flight=64)
async def test_full_tables_lose_frames_but_not_the_connection(b):
    """Two callbacks that do not answer use up the calls that the board has for one connection."""
    callbacks = [Callback(), Callback()]
    for callback in callbacks:
        callback.gate.clear()
        await b.client.listen(callback)
    for k in range(40):
        b.send(bytes(1514))
        while (await b.stats())["rxPkts"] <= k:
            pass
    for callback in callbacks:
        await callback.has(32)
    assert (await b.stats())["dropped"] == 16
    for callback in callbacks:
        callback.gate.set()
    await b.until("questions 0")
    b.send(FRAME)
    for callback in callbacks:
        await callback.has(33)
        assert callback.frames[-1] == FRAME


@on_board()
async def test_broken_callback_ends_its_listener_only(b):
    broken, good = Callback(), Callback()
    broken.error = RuntimeError("no more")
    listening = await b.client.listen(broken)
    await b.client.listen(good)
    b.send(FRAME)
    with pytest.raises(capnp.KjException, match="(?s)the callback failed: .*no more"):
        await listening
    b.send(FRAME)
    await good.has(2)
    assert len(broken.frames) == 1
    await b.until("listeners 1 questions 0 answers 1 exports 1 imports 1")


@on_board()
async def test_missing_callback(b):
    with pytest.raises(capnp.KjException, match="No watcher callback given") as caught:
        await b.net.listen()
    assert caught.value.type == "FAILED"
    assert (await b.net.mac()).mac == MAC


@on_board()
async def test_callback_of_another_type(b):
    """What it is shows when a frame arrives, and ends that listener only."""
    callback = Callback()
    await b.client.listen(callback)
    listening = await b.client.listen(b.net.cast_as(schema.Net.Callback))
    b.send(FRAME)
    with pytest.raises(capnp.KjException, match="does not implement"):
        await listening
    await callback.has(1)


@on_board()
async def test_too_many_listeners(b):
    tasks = [await b.client.listen(Callback()) for _ in range(8)]
    with pytest.raises(capnp.KjException, match="listen already") as caught:
        await b.net.listen(Callback())
    assert caught.value.type == "OVERLOADED"
    await cancelled(tasks[3])
    callback = Callback()
    await b.client.listen(callback)
    b.send(FRAME)
    await callback.has(1)


@on_board()
async def test_disconnect_ends_all_listeners(b):
    other = await b.connect()
    tasks = [await client.listen(Callback()) for client in (b.client, b.client, other)]
    await b.net.disconnect()
    for task in tasks:
        assert ok(await task)
    assert (await other.net.write(FRAME)).which() == "disconnected"
    assert (await other.net.writev([FRAME])).which() == "disconnected"
    assert (await other.net.listen(Callback())).which() == "disconnected"
    await other.net.disconnect()
    assert (await other.net.mac()).mac == MAC
    await b.until(EMPTY.replace("exports 0", "exports 2"))


@on_board()
async def test_client_that_vanishes_while_it_listens(b):
    stayed, gone = Callback(), Callback()
    await b.client.listen(stayed)
    other = await b.connect()
    gone.gate.clear()
    listening = await other.listen(gone)
    for k in range(3):
        b.send(FRAME)
        await stayed.has(k + 1)
    other.close()
    with pytest.raises(capnp.KjException):
        await listening
    await b.until("connections 1 listeners 1 questions 0 answers 1 exports 1 imports 1")
    b.send(FRAME)
    await stayed.has(4)


@on_board()
async def test_rubbish_ends_at_most_its_own_connection(b):
    callback = Callback()
    await b.client.listen(callback)
    random.seed(7)
    for k in range(30):
        with b.raw() as rubbish:
            rubbish.sendall(random.randbytes(random.randrange(1, 300)))
            rubbish.shutdown(socket.SHUT_WR)
            while rubbish.recv(4096):  # an Abort, perhaps; the board closes in any case
                pass
        b.send(bytes([k]) * 60)
        await callback.has(k + 1)
    assert len(callback.frames) == 30
    await b.until("connections 1 listeners 1 questions 0 answers 1 exports 1 imports 1")


@on_board()
async def test_rubbish_on_the_wire_is_counted(b):
    callback = Callback()
    await b.client.listen(callback)
    with Wire() as stranger:  # who is not at the wire's other end
        stranger.sendto(FRAME, b._wire_address)
    for size in (0, 1, 13, 1519, 60000):
        b.send(bytes(size))
    b.send(FRAME)
    await callback.has(1)
    assert callback.frames == [FRAME]
    stats = await b.stats()
    assert (stats["rxPkts"], stats["invalid"]) == (1, 5)


@on_board()
async def test_wire_that_leads_nowhere(b):
    address = b.wire.getsockname()
    callback = Callback()
    await b.client.listen(callback)
    b.wire.close()
    for _ in range(5):
        assert ok(await b.net.write(FRAME))
    b.wire = Wire.__new__(Wire)
    socket.socket.__init__(b.wire, socket.AF_INET, socket.SOCK_DGRAM)
    with b.wire:
        b.wire.bind(address)
        b.wire.settimeout(60)
        assert ok(await b.net.write(FRAME))
        assert b.wire.recv(2000) == FRAME
        b.send(FRAME)
        await callback.has(1)
