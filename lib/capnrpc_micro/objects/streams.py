# SPDX-License-Identifier: MIT
"""Layer `objects`: methods that are declared `-> stream`.

For the caller there is a window: so many bytes of streaming calls may be on their way through one
reference. Awaiting such a call waits for room in it. The first error comes up on the next call and in
drained(). For the object, a coroutine that serves a streaming call holds back the calls behind it,
and once a streaming call has failed every later call fails with the same error: what comes after a
part that is lost has no meaning. The C++ implementation does the same.
"""

from ..limits import Limits
from .capability import PromiseCap
from .promise import CANCELLED, OUT_OF_MEMORY, Promise, again

# For the caller.


class Stream:
    """The streaming calls through one reference.

    flying   bytes that are not acknowledged
    error    the first Error, or None
    """

    def __init__(self, hook):
        self.flying = 0
        self.error = None
        self._hook = hook
        self._waiting = []  # (promise, how many bytes may be flying when it is settled)
        self._window = Limits.window_bytes

    def sent(self, call, bytes, limits):
        """A call of so many bytes was made."""
        # Short ones count as longer, so that three streams do not use up the questions of a connection.
        bytes = max(bytes, limits.window_bytes // ((limits.questions >> 2) + 1))
        self.flying += bytes
        self._window = limits.window_bytes
        call.then(_Acknowledge(self, bytes).settled)

    def room(self):
        """A promise of room in the window."""
        return self.below(self._window)

    def below(self, bytes):
        """A promise that no more than so many bytes are flying."""
        promise = Promise(self._hook.host)
        self._waiting.append((promise, bytes))
        self.check()
        return promise

    def check(self):
        """Settles the promises whose time has come."""
        for pair in list(self._waiting):
            promise, bytes = pair
            if self.error is not None:
                promise.reject(self.told())
            elif self.flying <= bytes:
                promise.resolve(None)
            else:
                continue
            self._waiting.remove(pair)

    def told(self):
        """Its error, for the program, which by that knows that a part is lost: where a reference leads
        to something new after a loss (vat.live), that begins with what is streamed next."""
        hook = self._hook
        if hook.stream is self and getattr(hook, "lasting", False):
            hook.stream = None
        return self.error


class _Acknowledge:
    def __init__(self, stream, bytes):
        self._stream = stream
        self._bytes = bytes

    def settled(self, call):
        stream = self._stream
        stream.flying -= self._bytes
        stream.error = stream.error or call.error
        stream.check()


def stream_of(hook):
    """The Stream of a reference."""
    if hook.stream is None:
        hook.stream = Stream(hook)
    return hook.stream


def stream(hook, interface, ordinal, args, kwargs):
    """Makes a streaming call from a program's values. Returns a CallPromise to be awaited for room.

    Raises the Error of an earlier one, and what `put_params` raises.
    """
    state = stream_of(hook)
    if state.error is not None:
        raise again(state.told())
    target = hook.resolved()
    conn = target.conn
    promise = target.call(interface, ordinal, args, kwargs)
    call = promise._call
    size = 0
    if not call.settled:
        m = call.message if conn is None else conn.out  # it has just been built there
        size = (m.hi - m.lo) << 2
    state.sent(call, size, Limits if conn is None else conn.limits)
    promise._stream = state
    return promise


async def drained(client):
    """Waits until all streaming calls made through a Client are acknowledged. Raises the first Error."""
    await stream_of(client._hook).below(0)


# For the object.


class Gate(PromiseCap):
    """Where calls of a LocalCap wait while a streaming call is served.

    error   the Error that a streaming call has failed with: all later calls fail with it
    """

    def __init__(self, cap):
        PromiseCap.__init__(self, cap.host)
        self.error = None
        self._busy = False
        self._cap = cap
        cap.gate = self
        cap.starting += 1  # so that no call takes a short way

    def send(self, request):
        if self.error is not None:
            request.reject(self.error)
        elif self._busy:
            PromiseCap.send(self, request)
        else:
            self._cap.deliver(request)

    def wait_for(self, request):
        """Holds back all other calls until this one is answered."""
        self._busy = True
        request.then(self._answered)

    def _answered(self, request):
        self._busy = False
        if request.error is not CANCELLED:
            self.error = request.error
        queue = self._queue
        while queue and not self._busy:
            request = queue.pop(0)
            request.waiting = None
            try:
                self.send(request)
            except MemoryError:
                request.reject(OUT_OF_MEMORY)
        if self.error is None and not self._busy:
            self._cap.gate = None
            self._cap.starting -= 1


def gate_of(cap):
    """The Gate of a LocalCap."""
    return cap.gate or Gate(cap)
