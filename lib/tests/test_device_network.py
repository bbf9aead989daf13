# SPDX-License-Identifier: MIT
"""Layer `device`: the network service over a connection, with a card that records."""

from bed import Bed, Cancelled
from kinds import INTERFACE
from run import needs_big_integers
from wirekit import names, raises

from capnrpc_micro.device.network import Network, _Total
from capnrpc_micro.device.network_capnp import Net
from capnrpc_micro.device.network_capnp import Network as Schema
from capnrpc_micro.objects.capability import hook_of
from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.promise import (
    DISCONNECTED,
    FAILED,
    OVERLOADED,
    UNIMPLEMENTED,
    Error,
    Promise,
)
from capnrpc_micro.schema import Interface, Struct

FRAME = bytes(range(60))


class Card:
    mac = b"\x02\x00\x5e\x10\x00\xff"
    mtu = 100

    def __init__(self):
        self.sent = []
        self.error = None
        self.closed = 0

    def send(self, frame):
        if self.error:
            raise self.error
        self.sent.append(bytes(frame))

    def close(self):
        self.closed += 1


class Callback(Net.Callback.Server):
    """Answers calls at once, or with `reply` when that is a promise or an Error."""

    def __init__(self, reply=None):
        self.frames = []
        self.reply = reply
        self.cancelled = 0
        self.released = 0

    async def f(self, buffer):
        self.frames.append(bytes(buffer))
        if isinstance(self.reply, Error):
            raise self.reply
        if self.reply is not None:
            try:
                await self.reply
            except Cancelled:
                self.cancelled += 1
                raise

    def released_(self):
        self.released += 1


class Service:
    """The service and a client, over a connection."""

    def __init__(self, limits=None, **options):
        self.bed = Bed()
        self.host = self.bed.host
        self.card = Card()
        self.network = Network(self.card, **options)
        end, _ = self.bed.link(None, self.network, None, limits)
        self.client = end.conn.bootstrap(Schema)

    def result(self, call):
        """What a call returned, as a dict."""
        results = self.bed.get(call)
        type = results._type
        found = names(type) if type.tag_ is None else [results.which_()]
        return {name: getattr(results, name) for name in found}

    def listen(self, callback):
        call = self.client.listen(callback)
        self.bed.settle()
        return call

    def arrives(self, frame=FRAME):
        self.network.received_(memoryview(frame))
        self.bed.settle()

    def stats(self):
        return self.result(self.client.stats())

    def end(self, *callbacks):
        """Nothing is left when the client has let go. (It waits for what the calls return.)"""
        self.bed.get(self.client.disconnect())
        release(self.client)
        self.bed.check_empty(self.network, *callbacks)


def test_write():
    s = Service()
    assert s.result(s.client.write(FRAME)) == {"ok": None}
    assert s.card.sent == [FRAME]
    s.end()


def test_write_takes_its_frame_in_place():
    class Kept(Card):
        def send(self, frame):
            assert isinstance(frame, memoryview)
            self.sent.append(bytes(frame))

    s = Service()
    s.network._card = card = Kept()
    assert s.result(s.client.write(FRAME)) == {"ok": None}
    assert card.sent == [FRAME]
    s.end()


def test_writev_sends_one_frame():
    s = Service()
    parts = [FRAME[:6], FRAME[6:12], b"", FRAME[12:]]
    assert s.result(s.client.writev(parts)) == {"ok": None}
    assert s.card.sent == [FRAME]
    s.end()


def test_writev_stops_at_a_frame_that_is_too_long():
    def parts():
        for _ in range(3):
            yield bytes(60)
        raise AssertionError("it goes on")

    s = Service()
    assert "at most 118" in s.network.writev(parts())["error"]
    assert not s.card.sent


def test_sizes():
    s = Service()
    for size in (14, 118):
        assert s.result(s.client.write(bytes(size))) == {"ok": None}
        assert s.result(s.client.writev([bytes(7), bytes(size - 7)])) == {"ok": None}
    assert [len(frame) for frame in s.card.sent] == [14, 14, 118, 118]
    s.card.sent.clear()
    for size in (0, 13, 119, 500):
        for call in (s.client.write(bytes(size)), s.client.writev([bytes(size)])):
            text = s.result(call)["error"]
            assert ("at least 14" if size < 14 else "at most 118") in text, text
    assert s.result(s.client.writev([]))["error"]
    assert s.result(s.client.writev([bytes(60)] * 20))["error"]
    assert not s.card.sent
    assert s.stats()["txPkts"] == 4
    s.end()


def test_card_that_fails():
    s = Service()
    s.card.error = OSError("no carrier")
    assert "no carrier" in s.result(s.client.write(FRAME))["error"]
    assert s.stats()["txPkts"] == 0
    s.card.error = None
    assert s.result(s.client.write(FRAME)) == {"ok": None}
    s.end()


def test_mac_and_mtu():
    s = Service()
    assert s.result(s.client.mac()) == {"mac": "02:00:5e:10:00:ff"}
    assert s.result(s.client.mtu()) == {"mtu": 100}
    s.end()


def test_every_listener_gets_every_frame():
    s = Service()
    callbacks = [Callback() for _ in range(3)]
    calls = [s.listen(callback) for callback in callbacks]
    for k in range(20):
        s.arrives(bytes([k]) * 60)
    for callback in callbacks:
        assert callback.frames == [bytes([k]) * 60 for k in range(20)]
    assert s.network.listening_() == 3
    assert s.stats()["dropped"] == 0
    calls[1].cancel_()
    s.bed.settle()
    s.arrives()
    assert [len(callback.frames) for callback in callbacks] == [21, 20, 21]
    assert [callback.released for callback in callbacks] == [0, 1, 0]
    assert s.network.listening_() == 2
    s.end(*callbacks)


def test_listen_without_callback():
    s = Service()
    error = s.bed.error(s.client.listen())
    assert (error.type, error.reason) == (FAILED, "No watcher callback given")
    assert s.network.listening_() == 0
    s.end()


def test_too_many_listeners():
    s = Service(listeners=2)
    callbacks = [Callback() for _ in range(3)]
    calls = [s.listen(callback) for callback in callbacks]
    assert s.bed.error(calls[2]).type == OVERLOADED
    assert callbacks[2].released == 1
    calls[0].cancel_()
    s.bed.settle()
    s.listen(callbacks[2])
    s.arrives()
    assert [len(callback.frames) for callback in callbacks] == [0, 1, 1]
    s.end(*callbacks)


def test_slow_callback_loses_frames_others_do_not():
    s = Service(in_flight=2)
    reply = Promise(s.host)
    slow = Callback(reply)
    fast = Callback()
    s.listen(slow)
    s.listen(fast)
    for k in range(10):
        s.arrives(bytes([k]) * 60)
    assert [frame[0] for frame in fast.frames] == list(range(10))
    assert [frame[0] for frame in slow.frames] == [0, 1]
    assert s.stats()["dropped"] == 8
    reply.resolve(None)
    s.bed.settle()
    s.arrives(bytes([10]) * 60)
    assert [frame[0] for frame in slow.frames] == [0, 1, 10]
    assert s.stats()["dropped"] == 8
    s.end(slow, fast)


def test_cancel_gives_up_calls_under_way():
    s = Service(in_flight=2)
    slow = Callback(Promise(s.host))
    call = s.listen(slow)
    s.arrives()
    s.arrives()
    call.cancel_()
    s.bed.settle()
    assert (slow.cancelled, slow.released) == (2, 1)
    assert s.network.listening_() == 0
    s.end(slow)


def test_broken_callback_ends_its_listener_only():
    s = Service()
    broken = Callback(Error("no more", UNIMPLEMENTED))
    good = Callback()
    call = s.listen(broken)
    s.listen(good)
    s.arrives()
    error = s.bed.error(call)
    assert (error.type, error.reason) == (UNIMPLEMENTED, "the callback failed: no more")
    s.arrives()
    assert (len(broken.frames), len(good.frames)) == (1, 2)
    assert (broken.released, s.network.listening_()) == (1, 1)
    s.end(broken, good)


def test_callback_that_breaks_with_calls_under_way():
    s = Service()
    reply = Promise(s.host)
    callback = Callback(reply)
    call = s.listen(callback)
    for _ in range(3):
        s.arrives()
    reply.reject(Error("no more"))
    s.bed.settle()
    assert s.bed.error(call).reason == "the callback failed: no more"
    assert (callback.released, s.network.listening_()) == (1, 0)
    s.end(callback)


def test_overloaded_callback_loses_the_frame():
    s = Service()
    callback = Callback(Error("later", OVERLOADED))
    s.listen(callback)
    s.arrives()
    callback.reply = None
    s.arrives()
    assert (len(callback.frames), s.network.listening_()) == (2, 1)
    assert s.stats()["dropped"] == 1
    s.end(callback)


def test_full_table_of_questions_loses_frames():
    s = Service({"questions": 2})
    callbacks = [Callback(Promise(s.host)) for _ in range(3)]
    for callback in callbacks:
        s.listen(callback)
    s.arrives()
    assert [len(callback.frames) for callback in callbacks] == [1, 1, 0]
    assert s.stats()["dropped"] == 1
    for callback in callbacks:
        callback.reply.resolve(None)
        callback.reply = None
    s.bed.settle()
    s.arrives()
    assert [len(callback.frames) for callback in callbacks] == [2, 2, 0]
    s.end(*callbacks)


def test_full_output_loses_frames():
    s = Service({"send_bytes": 256, "output_bytes": 512})
    callback = Callback()
    s.listen(callback)
    for _ in range(5):
        s.network.received_(memoryview(FRAME))
    s.arrives()
    got = len(callback.frames)
    assert 0 < got < 6
    assert s.stats()["dropped"] == 6 - got
    s.arrives()
    assert len(callback.frames) == got + 1
    s.end(callback)


def test_frame_too_large_for_a_message_is_lost():
    s = Service({"message_words": 26})
    callback = Callback()
    s.listen(callback)
    s.arrives(bytes(118))
    s.arrives()
    assert callback.frames == [FRAME]
    assert s.stats()["dropped"] == 1
    s.end(callback)


def test_memory_error_loses_the_frame():
    class Full:
        def f(self, frame):
            raise MemoryError

    s = Service()
    callback = Callback()
    s.listen(callback)
    listener = s.network._listeners[0]
    client = listener._callback
    listener._callback = Full()
    s.arrives()
    listener._callback = client
    s.arrives()
    assert callback.frames == [FRAME]
    assert s.stats()["dropped"] == 1
    s.end(callback)


def test_capabilities_that_a_callback_returns_are_let_go():
    class Generous(GENEROUS.Server):
        async def f(self, buffer):
            return gift

    s = Service()
    gift = Callback()
    generous = Generous()
    s.listen(generous)
    s.arrives()
    assert gift.released == 1
    s.end(generous, gift)


# A callback whose results are more than the schema says.
GENEROUS = Interface("Generous", Net.Callback.id_)
GENEROUS.methods_(
    "f",
    Net.Callback.table_[1],
    Struct("", 0, 1, ("gift", INTERFACE | 0 << 5, Net.Callback)),
)


def test_client_that_vanishes():
    s = Service()
    callbacks = [Callback(), Callback(Promise(s.host))]
    calls = [s.listen(callback) for callback in callbacks]
    s.arrives()
    s.bed.cut()
    assert [s.bed.error(call).type for call in calls] == [DISCONNECTED] * 2
    assert s.network.listening_() == 0
    s.arrives()
    assert [len(callback.frames) for callback in callbacks] == [1, 1]
    s.bed.check_empty(s.network, *callbacks)


def test_disconnect():
    s = Service()
    callbacks = [Callback(), Callback(Promise(s.host))]
    calls = [s.listen(callback) for callback in callbacks]
    s.arrives()
    assert s.result(s.client.disconnect()) == {}
    assert [s.result(call) for call in calls] == [{"ok": None}] * 2
    assert [callback.released for callback in callbacks] == [1, 1]
    assert callbacks[1].cancelled == 1
    assert s.card.closed == 1
    s.arrives()
    assert [len(callback.frames) for callback in callbacks] == [1, 1]
    gone = {"disconnected": None}
    assert s.result(s.client.write(FRAME)) == gone
    assert s.result(s.client.writev([FRAME])) == gone
    assert s.result(s.client.listen(Callback())) == gone
    assert s.result(s.client.mac()) == {"mac": "02:00:5e:10:00:ff"}
    assert s.result(s.client.disconnect()) == {}
    assert s.network.listening_() == 0
    s.end(*callbacks)


def test_disconnect_is_the_end_at_once():
    s = Service()
    callback = Callback()
    call = s.listen(callback)
    s.network.disconnect()
    s.arrives()  # before the call of listen() had its turn
    assert not callback.frames
    assert s.result(call) == {"ok": None}
    s.end(callback)


def test_stats():
    s = Service()
    s.result(s.client.write(bytes(60)))
    s.result(s.client.writev([bytes(14)]))
    for size in (14, 100, 118, 0, 13, 119):
        s.arrives(bytes(size))
    assert s.stats() == {
        "rxBytes": 232,
        "rxPkts": 3,
        "txBytes": 74,
        "txPkts": 2,
        "dropped": 0,
        "invalid": 3,
    }
    s.result(s.client.resetStats())
    assert not any(s.stats().values())
    s.end()


def test_frames_that_are_no_frames_reach_nobody():
    s = Service()
    callback = Callback()
    s.listen(callback)
    for size in (0, 13, 119):
        s.arrives(bytes(size))
    assert not callback.frames
    s.end(callback)


def test_totals_carry():
    total = _Total()
    for _ in range(17):
        total.add(0xFFFFFF)
    assert total.value() == 17 * 0xFFFFFF


def test_totals_above_30_bits():
    total = _Total()
    total._high = 64
    total.add(5)
    big = needs_big_integers(30)
    assert total.value() == big + 5


def test_totals_without_big_integers_begin_again():
    total = _Total()
    total._high = 64
    total.add(5)
    s = Service()
    s.network._rx_bytes = total
    # A small integer either has these 31 bits or the total begins again.
    assert s.stats()["rxBytes"] == total.value()
    assert total.value() == 5 or total.value() >> 24 == 64
    s.end()


def test_counts_of_frames_begin_again():
    s = Service()
    s.network._rx_pkts = (1 << 29) - 1
    s.arrives()
    assert s.stats()["rxPkts"] == 0
    s.end()


def test_borrowing_is_declared_for_a_plain_method():
    assert Network.borrows_ == ("write",)
    raises(TypeError, "plain", lambda: hook_of(Async(), None))


class Async(Net.Server):
    borrows_ = ("write",)

    async def write(self, buffer):
        pass
