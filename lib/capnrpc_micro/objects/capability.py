# SPDX-License-Identifier: MIT
"""Layer `objects`: what a reference leads to, and the calls that travel to it.

A hook is the inside of a capability: LocalCap here, imports in the rpc layer. Programs hold `Client`s
of it. A Request is a call that is not, or not yet, on a connection.
"""

from ..layout import capability, follow
from ..message import Builder, MessageError
from .client import CallPromise, Client, release, release_caps
from .dispatch import find_handler, handlers_of, put_params, put_results
from .promise import UNIMPLEMENTED, Error, Promise, error_from, hold_turns, resume_turns

_REQUEST_BYTES = 64


class Cap:
    """Base of all hooks. References are counted; at none the hook drops what it holds.

    resolution   the hook that a promise turned out to be, or None
    promise      whether it may still turn out to be another, told by when_resolved()
    """

    resolution = None
    promise = False
    conn = None  # the connection that it is reached over

    def __init__(self, host):
        self.host = host
        self.refs = 0

    def retain(self):
        """Counts one more reference. Returns self."""
        self.refs += 1
        if self.refs == 1 and self.resolution is not None:
            self.resolution.retain()  # dropped() released it
        return self

    def release(self):
        """Drops one reference."""
        self.refs -= 1
        if self.refs == 0:
            self.dropped()

    def dropped(self):
        """The last reference is gone."""
        if self.resolution is not None:
            self.resolution.release()

    def resolved(self):
        """What this reference leads to by now."""
        hook = self
        while hook.resolution is not None:
            hook = hook.resolution
        return hook

    def cast_as(self, interface):
        """A Client of this hook. It does not count as a reference."""
        return Client(self, interface)

    def call(self, interface, ordinal, args, kwargs):
        """Makes a call from a program's values. Returns a CallPromise.

        Raises what `put_params` raises.
        """
        table = interface.table_
        id = interface.id_
        request = Request(self.host, [id[k] | id[k + 1] << 8 for k in range(0, 8, 2)], ordinal)
        m = request.message = Builder(_REQUEST_BYTES, 1 << 27)
        m.begin()
        put_params(m, m.lo, table[3 * ordinal], table[3 * ordinal + 1], args, kwargs)
        m.caps = hooks_of(m.caps, self.host)
        m.root = m.lo
        self.resolved().send(request)
        return CallPromise(request, table[3 * ordinal + 2])

    def send(self, request):
        """Takes a Request on its way."""
        raise NotImplementedError


class BrokenCap(Cap):
    """A reference that leads nowhere: every call fails with its error."""

    def __init__(self, host, error):
        Cap.__init__(self, host)
        self.error = error

    def send(self, request):
        request.fail(self.error)


class PromiseCap(Cap):
    """A reference to something that is not known yet. Calls wait, and keep their order."""

    promise = True

    def __init__(self, host):
        Cap.__init__(self, host)
        self._queue = []
        self._watchers = []

    def send(self, request):
        request.waiting = self
        self._queue.append(request)

    def waits(self):
        """Whether calls wait for it."""
        return bool(self._queue)

    def withdraw(self, request):
        """A request that waits here was cancelled."""
        self._queue.remove(request)

    def when_resolved(self, fn):
        """Calls fn(self) once it is resolved."""
        self._watchers.append(fn)

    def forget(self, fn):
        """Takes back when_resolved(fn)."""
        if fn in self._watchers:
            self._watchers.remove(fn)

    def resolve(self, hook):
        """It is `hook`, whose reference it takes over: what waits goes there, in order."""
        target = hook.resolved()
        if target is self:  # programs, or peers, have passed a promise on as its own value
            hook.release()
            hook = target = BrokenCap(self.host, Error("the promise was resolved to itself"))
            hook.retain()
        queue = self._queue
        while queue:  # what a call sends here meanwhile joins the queue
            request = queue.pop(0)
            request.waiting = None
            target.send(request)
        self.resolution = hook
        watchers = self._watchers
        self._queue = self._watchers = ()
        for fn in watchers:
            fn(self)
        if not self.refs:
            self.dropped()  # nobody waited for it


class _Result(PromiseCap):
    """A capability in the results of a call that has not returned."""

    def __init__(self, call):
        PromiseCap.__init__(self, call.host)
        self._call = call

    def release(self):
        PromiseCap.release(self)
        self._call.unwanted()

    def withdraw(self, request):
        PromiseCap.withdraw(self, request)
        self._call.unwanted()


class LocalCap(Cap):
    """An object of this vat. There is one for each server object that somebody refers to."""

    def __init__(self, host, server):
        Cap.__init__(self, host)
        self.server = server
        self.handlers = handlers_of(server)
        self.starting = 0  # calls whose task has not begun yet: later calls must not overtake them

    def dropped(self):
        server = self.server
        server.cap_ = None
        server.released_()

    def call(self, interface, ordinal, args, kwargs):
        # A program's own call waits for the event loop, as one over the wire would.
        self.starting += 1
        try:
            return Cap.call(self, interface, ordinal, args, kwargs)
        finally:
            self.starting -= 1

    def send(self, request):
        handler, why = find_handler(self.handlers, request.id, 0, request.method)
        if handler is None:
            request.fail(Error(why, UNIMPLEMENTED))
        else:
            self.start(handler, request)

    def start(self, handler, request):
        """Runs a handler for a request: at once if it is plain and overtakes nothing."""
        if handler.plain and not self.starting:
            try:
                value = handler.fn(
                    self.server, *handler.arguments(request.message, request.message.root)
                )
            except Exception as error:
                request.fail(error_from(error))
                return
            if is_awaitable(value):
                self.finish_later(value, handler, request)
            else:
                request.returned(handler.results, value)
        else:
            self.starting += 1
            request.waiting = self
            request.task = self.host.start(self._run(handler, request))

    def finish_later(self, value, handler, request):
        """A plain handler returned a promise of its result."""
        if type(value) is CallPromise:
            request.onward = value._call
            if value._results is handler.results:  # its results are our results
                value._call.promise.then(Forwarded(request).settled)
                return
        request.task = self.host.start(_finish(value, handler, request))

    def withdraw(self, request):
        """A request whose task has not begun was cancelled."""
        self.starting -= 1

    async def _run(self, handler, request):
        request.begun()
        try:
            value = handler.fn(
                self.server, *handler.arguments(request.message, request.message.root)
            )
        except Exception as error:
            _tell(request.fail, error_from(error))
            return
        if is_awaitable(value):
            await _finish(value, handler, request)
        else:
            _tell(request.returned, handler.results, value)


class Forwarded:
    """Answers a request with what another call returns."""

    def __init__(self, request):
        self._request = request

    def settled(self, promise):
        """The other call's promise is settled."""
        if promise.error is not None:
            self._request.fail(promise.error)
        else:
            self._request.respond(promise.value)


async def _finish(value, handler, request):
    """Waits for what a handler promised and returns it to the caller."""
    promise = value
    try:
        value = await value
    except Exception as error:
        _tell(request.fail, error_from(error))
    except BaseException:  # cancelled: by the caller, who is told nothing more, or by the program
        _tell(request.fail, Error("the call was cancelled"))
        raise
    else:
        _tell(request.returned, handler.results, value)
        if type(promise) is CallPromise:
            release(promise)  # its results' capabilities have been passed on


def _tell(fn, *arguments):
    """Calls fn. What that sets in motion runs from here when it has returned, with less stack."""
    before = hold_turns()
    try:
        fn(*arguments)
    finally:
        resume_turns(before)


async def _example():
    pass


_coroutine = _example()
_AWAITABLE = (type(_coroutine), CallPromise, Promise)
_coroutine.close()


def is_awaitable(value):
    """Whether a handler returned something to wait for: a coroutine or a promise."""
    return type(value) in _AWAITABLE


class Request:
    """A call on its way to an object, seen from both sides.

    id, method   interface id as four 16-bit halves, and ordinal
    message      the parameters, below the pointer at message.root; message.caps its capabilities
    promise      of the results: a Message, below the pointer at its `root`
    task         what runs it: a task of the host's, or None
    onward       the call that answers it instead: a question on some connection; or None
    waiting      the hook that it waits at: a LocalCap while its task has not begun, a PromiseCap
                 in whose queue it is; or None
    """

    def __init__(self, host, id, method):
        self.host = host
        self.id = id
        self.method = method
        self.message = None
        self.promise = Promise(host)
        self.task = None
        self.onward = None
        self.waiting = None
        self.pipelines = None  # by path, while the promise is not settled

    # For the callee.

    def begun(self):
        """Its task has begun."""
        self.waiting.starting -= 1
        self.waiting = None

    def returned(self, results, value):
        """Answers with what the handler returned."""
        m = Builder(_REQUEST_BYTES, 1 << 27)
        m.begin()
        try:
            put_results(m, m.lo, results, value)
            m.caps = hooks_of(m.caps, self.host)
        except Exception as error:
            self.fail(error_from(error))
            return
        m.root = m.lo
        self.respond(m)

    def respond(self, message):
        """Answers with results, whose capabilities' references it takes over."""
        if self.promise.settled:
            release_caps(message)
        else:
            self.promise.resolve(message)
            self._end()

    def fail(self, error):
        """Answers with an Error."""
        if not self.promise.settled:
            self.promise.reject(error)
            self._end()

    def unwanted(self):
        """Less waits for its results than before. The caller knows: it keeps the promise."""

    def _end(self):
        """The call is over: its parameters' capabilities go."""
        self.task = self.onward = None
        release_caps(self.message)

    # For the caller.

    def pipeline(self, path):
        """A hook for the capability at a path of pointer indexes in results not there yet."""
        pipelines = self.pipelines
        if pipelines is None:
            if self.promise.settled:
                return self._result(path)
            pipelines = self.pipelines = {}
            self.promise.then(self._resolve_pipelines)
        hook = pipelines.get(path)
        if hook is None:
            hook = pipelines[path] = _Result(self).retain()
        return hook

    def _result(self, path):
        promise = self.promise
        if promise.error is not None:
            return BrokenCap(self.host, promise.error)
        return cap_at(self.host, promise.value, path)

    def _resolve_pipelines(self, promise):
        pipelines = self.pipelines
        while pipelines:  # calls that are sent on meanwhile may ask for more
            path, hook = pipelines.popitem()
            hook.resolve(self._result(path).retain())
            hook.release()
        self.pipelines = None

    def cancel(self):
        """The caller does not want the results any more."""
        if self.promise.settled:
            return
        task = self.task
        onward = self.onward
        if self.waiting is not None:
            self.waiting.withdraw(self)
            self.waiting = None
        self.fail(Error("the call was cancelled"))
        if task is not None:
            self.host.cancel(task)
        if onward is not None:
            onward.cancel()


def cap_at(host, message, path):
    """The hook at a path of pointer indexes in a message; a BrokenCap if there is none."""
    p = message.root
    try:
        for k in path:
            tag, t = follow(message, p)
            if k >= message.h[2 * tag + 3]:
                p = None
                break
            p = t + 2 * (message.h[2 * tag + 2] + k)
        hook = p and capability(message, p)
    except MessageError as error:
        return BrokenCap(host, error_from(error))
    return hook or BrokenCap(host, Error("the results have no capability there"))


def hooks_of(values, host):
    """The hooks of a program's values, each retained. Raises TypeError, having retained none."""
    hooks = [hook_of(value, host) for value in values]
    for hook in hooks:
        if hook is not None:
            hook.retain()
    return hooks


def hook_of(value, host):
    """The hook of a program's value: a Client, or a server object. Raises TypeError.

    None for None, which stands for a null capability in a struct that was copied.
    """
    if isinstance(value, Client):
        return value._hook.resolved()
    if value is None or isinstance(value, Cap):
        return value
    if isinstance(value, type) or getattr(value, "interface_", None) is None:
        met = "a " + value.__class__.__name__
        if isinstance(value, type):
            met = "the class " + value.__name__
        raise TypeError(
            "a capability is expected (a Client or an object of a Server class), not " + met
        )
    hook = value.cap_
    if hook is None:
        hook = value.cap_ = LocalCap(host, value)
    return hook
