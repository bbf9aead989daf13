# SPDX-License-Identifier: MIT
"""Layer `device`: a network interface as a capability. It knows no socket: see `card`.

A board's program:

    network = Network(WireCard(...))
    asyncio.create_task(network.run_())
    await capnp.serve(network)
"""

from ..objects.capability import hook_of
from ..objects.client import release
from ..objects.promise import OVERLOADED, Error, Promise
from ..schema import const
from .network_capnp import Network as _Network

HEADER = const(14)  # of an Ethernet frame, in bytes
VLAN = const(4)  # more, where a frame has a VLAN tag

_OK = {"ok": None}
_DISCONNECTED = {"disconnected": None}
_MASK = const(0x1FFFFFFF)  # one more is a small integer on every board, too


def _error(text):
    return {"error": text}


class Network(_Network.Server):
    """Serves a card (see `card`) to any number of clients.

    card        what sends and receives; it is closed by disconnect()
    in_flight   calls of one listener's callback that may be under way; with that many, frames
                are dropped for this listener, and counted
    listeners   calls of listen() that may be under way; more are answered `overloaded`
    """

    borrows_ = ("write",)

    def __init__(self, card, in_flight=8, listeners=8):
        self._card = card
        self._in_flight = in_flight
        self._most = listeners
        self._listeners = []
        self._open = True
        self.resetStats()

    async def run_(self):
        """Hands the frames that arrive to the listeners, until disconnect() is called."""
        await self._card.run(self.received_)

    def received_(self, frame):
        """A frame has arrived: a memoryview that is valid only during this call."""
        size = len(frame)
        if size < HEADER or size > self._card.mtu + HEADER + VLAN:
            self._invalid = self._invalid + 1 & _MASK
            return
        self._rx_pkts = self._rx_pkts + 1 & _MASK
        self._rx_bytes.add(size)
        for listener in self._listeners:
            listener.deliver(frame)

    def listening_(self):
        """How many calls of listen() are under way."""
        return len(self._listeners)

    def _lost(self):
        self._dropped = self._dropped + 1 & _MASK

    # Net.

    def disconnect(self):
        self._open = False
        for listener in self._listeners:
            listener.done.resolve(None)
        self._card.close()

    def write(self, buffer):
        if not self._open:
            return _DISCONNECTED
        size = len(buffer)
        why = self._refusal(size)
        if why is not None:
            return _error(why)
        try:
            self._card.send(buffer)
        except OSError as error:
            return _error("the frame was not sent: %s" % error)
        self._tx_pkts = self._tx_pkts + 1 & _MASK
        self._tx_bytes.add(size)
        return _OK

    def writev(self, buffers):
        if not self._open:
            return _DISCONNECTED
        frame = b""
        for part in buffers:
            frame += part
            why = self._refusal(len(frame), 0)
            if why is not None:  # now: the rest may be more than the memory holds
                return _error(why)
        return self.write(frame)

    def _refusal(self, size, least=HEADER):
        most = self._card.mtu + HEADER + VLAN
        if size > most:
            return "a frame has at most %d bytes here" % most
        if size < least:
            return "a frame has at least %d bytes, not %d" % (least, size)
        return None

    async def listen(self, callback):
        if callback is None:
            raise Error("No watcher callback given")
        if not self._open:
            return _DISCONNECTED
        if len(self._listeners) >= self._most:
            raise Error("%d callbacks listen already" % self._most, OVERLOADED)
        listener = _Listener(callback, self._in_flight, self._lost)
        self._listeners.append(listener)
        try:
            await listener.done
        finally:
            self._listeners.remove(listener)
            listener.close()
        return _OK

    def mac(self):
        return ":".join(["%02x" % byte for byte in self._card.mac])

    # Network.

    def stats(self):
        return {
            "rxBytes": self._rx_bytes.value(),
            "rxPkts": self._rx_pkts,
            "txBytes": self._tx_bytes.value(),
            "txPkts": self._tx_pkts,
            "dropped": self._dropped,
            "invalid": self._invalid,
        }

    def resetStats(self):
        self._rx_bytes = _Total()
        self._tx_bytes = _Total()
        self._rx_pkts = self._tx_pkts = self._dropped = self._invalid = 0

    def mtu(self):
        return self._card.mtu


class _Total:
    """A number of bytes, counted in two parts that stay small integers on every board."""

    def __init__(self):
        self._low = self._high = 0

    def add(self, size):
        low = self._low + size
        self._low = low & 0xFFFFFF
        self._high += low >> 24

    def value(self):
        try:
            return self._high << 24 | self._low
        except OverflowError:  # a board without big integers
            return (self._high & 31) << 24 | self._low


class _Listener:
    """A callback that gets frames.

    calls   its _Deliveries under way; None when it gets no more
    done    a Promise, settled when it is to end: broken if the callback was the reason
    """

    def __init__(self, callback, most, lost):
        self._callback = callback
        self._most = most
        self._lost = lost
        self.calls = []
        self.done = Promise(hook_of(callback, None).host)

    def deliver(self, frame):
        """Calls the callback, without waiting for its answer."""
        calls = self.calls
        if self.done.settled:
            return
        if len(calls) >= self._most:
            self._lost()
            return
        try:
            call = self._callback.f(frame)
        except (MemoryError, ValueError):  # no room for it in the connection's output
            self._lost()
            return
        delivery = _Delivery(self, call)
        calls.append(delivery)
        call.then_(delivery.answered)

    def answered(self, delivery, error):
        """A call has returned, or broken with an Error."""
        if self.calls is None:
            return
        self.calls.remove(delivery)
        if error is None:
            return
        if error.type == OVERLOADED:
            self._lost()
        else:
            self.done.reject(Error("the callback failed: " + error.reason, error.type))

    def close(self):
        """Gives up the calls that are under way."""
        calls = self.calls
        self.calls = None
        for delivery in calls:
            release(delivery.call)


class _Delivery:
    """One call of a callback."""

    def __init__(self, listener, call):
        self._listener = listener
        self.call = call

    def answered(self, promise):
        release(self.call)  # what the callback returned, should it be more than nothing
        self._listener.answered(self, promise.error)
