# SPDX-License-Identifier: MIT
"""Layer `objects`: what a reference leads to, and the calls that travel to it.

A hook is the inside of a capability: LocalCap here, imports in the rpc layer. Programs hold `Client`s
of it. A Request is a call that is not, or not yet, on a connection.
"""

from ..layout import capability, follow
from ..message import Builder, MessageError
from .client import CallPromise, Client, is_awaitable, release, release_caps, release_results
from .dispatch import find_handler, handlers_of, put_params, put_results
from .promise import (
    CANCELLED,
    CIRCLE,
    OUT_OF_MEMORY,
    UNIMPLEMENTED,
    Error,
    Promise,
    error_from,
    hold_turns,
    resume_turns,
)

_REQUEST_BYTES = 64


class Cap:
    """Base of all hooks. References are counted; at none the hook drops what it holds.

    resolution   the hook that a promise turned out to be, or None
    promise      whether it may still turn out to be another, told by when_resolved()
    conn         the connection that it is reached over, or None
    stream       of its streaming calls, see `streams`
    target       the hook that it stands in front of, see `membrane`; or None
    calling      of the class: how many calls a program is just making
    """

    resolution = conn = stream = target = _watchers = None
    promise = False
    calling = 0

    def __init__(self, host):
        self.host = host
        self.refs = 0

    def retain(self):
        """Counts one more reference. Returns self."""
        self.refs += 1
        if self.refs == 1 and self.resolution is not None:
            self._hold(self.resolution.resolved())  # dropped() released it
        return self

    def release(self):
        """Drops one reference. Once too often does nothing, where nobody else has one."""
        if self.refs:
            self.refs -= 1
            if not self.refs:
                self.dropped()

    def dropped(self):
        """The last reference is gone."""
        hook = self.resolution
        if hook is not None:
            if hook.promise:
                hook.forget(self)
            hook.release()

    def _hold(self, hook):
        # Not more than one step away, however often it turns out to be yet another: a peer can make a
        # chain of promises as long as it likes.
        if hook.promise:
            hook.when_resolved(self)
        self.resolution = hook.retain()

    def __call__(self, hook):
        """What it turned out to be has turned out to be another."""
        if self.refs and self.resolution is hook:  # else it was dropped meanwhile
            self._hold(hook.resolved())
            hook.release()

    def when_resolved(self, fn):
        """Calls fn(self) once it has turned out to be another, or is broken."""
        if self._watchers is None:
            self._watchers = []
        self._watchers.append(fn)

    def forget(self, fn):
        """Takes back when_resolved(fn)."""
        if self._watchers and fn in self._watchers:
            self._watchers.remove(fn)

    def became(self, hook):
        """It has turned out to be `hook`, whose reference it takes over."""
        try:
            if self.refs:
                self._hold(hook.resolved())
            else:
                self.resolution = hook.resolved()
            watchers = self._watchers
            while watchers:
                fn = watchers.pop(0)
                try:
                    fn(self)
                except MemoryError:
                    fn(self)
        finally:
            hook.release()

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
        results = interface.table_[3 * ordinal + 2]
        try:
            request = new_request(self.host, interface, ordinal)
            promise = CallPromise(request, results)
            request.put(interface, ordinal, args, kwargs)
        except Error as error:  # a parameter that has been released
            request = Call(self.host)
            request.reject(error)
            return CallPromise(request, results)
        # A program's own call waits for the event loop, as one over the wire would.
        Cap.calling += 1
        try:
            dispatch(self.resolved(), request)
        finally:
            Cap.calling -= 1
        return promise

    def send(self, request):
        """Takes a Request on its way."""
        raise NotImplementedError


class BrokenCap(Cap):
    """A reference that leads nowhere: every call fails with its error."""

    def __init__(self, host, error):
        Cap.__init__(self, host)
        self.error = error

    def send(self, request):
        request.reject(self.error)


def leads_to(hook, promise):
    """Whether `hook` is a promise by now, or stands in front of it, so that the promise must not become
    it: calls would go round for ever."""
    while hook is not None:
        hook = hook.resolved()
        if hook is promise:
            return True
        hook = hook.target
    return False


class PromiseCap(Cap):
    """A reference to something that is not known yet. Calls wait, and keep their order."""

    promise = True

    def __init__(self, host):
        Cap.__init__(self, host)
        self.resolution = self._watchers = None
        self._queue = []

    def send(self, request):
        self._queue.append(request)
        request.waiting = self

    def waits(self):
        """Whether calls wait for it."""
        return bool(self._queue)

    def withdraw(self, request):
        """A request that waits here was cancelled."""
        self._queue.remove(request)

    def resolve(self, hook):
        """It is `hook`, whose reference it takes over: what waits goes there, in order."""
        if leads_to(hook, self):  # programs, or peers, have passed a promise on as its own value
            hook.release()
            hook = BrokenCap(self.host, CIRCLE).retain()
        target = hook.resolved()
        queue = self._queue
        while queue:  # what a call sends here meanwhile joins the queue
            request = queue.pop(0)
            request.waiting = None
            dispatch(target, request)
        self._queue = ()
        self.became(hook)


class _Result(PromiseCap):
    """A capability in the results of a call that has not returned."""

    def __init__(self, call, path):
        PromiseCap.__init__(self, call.host)
        self._call = call

    def release(self):
        PromiseCap.release(self)
        self._call.unwanted()

    def withdraw(self, request):
        PromiseCap.withdraw(self, request)
        self._call.unwanted()


class LocalCap(Cap):
    """An object of this vat. There is one for each server object that somebody refers to.

    starting   calls whose task has not begun yet, and whatever else later calls must not overtake
    gate       a PromiseCap that calls wait at while a streaming call runs, see `streams`; or None
    """

    starting = 0
    gate = None

    def __init__(self, host, server):
        Cap.__init__(self, host)
        self.server = server
        self.handlers = handlers_of(server)

    def dropped(self):
        server = self.server
        server.cap_ = None
        server.released_()

    def send(self, request):
        if self.gate is not None:
            self.gate.send(request)
        else:
            self.deliver(request)

    def deliver(self, request):
        """Begins to serve a request: at once if its method is plain and overtakes nothing."""
        handler, why = find_handler(self.handlers, request.id, 0, request.method)
        if handler is None:
            request.reject(Error(why, UNIMPLEMENTED))
            return
        value = None
        at_once = handler.plain and not self.starting and not Cap.calling
        if at_once:
            try:
                value = self.run(handler, request)
            except Exception as error:
                request.reject(self.failed(handler, error))
                return
            if not is_awaitable(value):
                request.returned(handler.results, value)
                return
        if at_once:
            self.finish_later(value, handler, request)
        elif request.admitted():
            self.hold_others(handler, request)
            request.waiting = self
            self.starting += 1
            try:
                self.start_task(None, handler, request)
            except MemoryError:
                request.begun()
                raise

    def failed(self, handler, exception):
        """A plain handler has raised an exception. Returns the Error that tells so."""
        error = error_from(exception)
        if handler.streams:
            from .streams import gate_of

            gate_of(self).error = error
        return error

    def run(self, handler, request):
        """Calls a handler. Returns what it returns; raises what it raises."""
        m = request.message
        return handler.fn(self.server, *handler.arguments(m, m.root))

    def start_task(self, value, handler, request):
        """Starts the task of a call, which calls the handler unless it has returned `value`."""
        task = self.host.start(_run(self, handler, request, value))
        if handler.stays:
            request.stays = True
        elif not request.settled:  # a host may run it at once
            request.task = task

    def hold_others(self, handler, request):
        """Other calls wait from now on, if this one streams."""
        if handler.streams:
            from .streams import gate_of

            gate_of(self).wait_for(request)

    def finish_later(self, value, handler, request):
        """A plain handler returned a promise of its result."""
        self.hold_others(handler, request)
        if passes_on(value, handler, request):
            return
        if request.admitted():
            self.start_task(value, handler, request)
        elif isinstance(value, CallPromise):
            release(value)
        elif not isinstance(value, Promise):
            value.close()  # a coroutine that nobody will run

    def withdraw(self, request):
        """A request whose task has not begun was cancelled."""
        self.starting -= 1


def passes_on(value, handler, request):
    """Whether a handler has returned a call whose results are its own: then they will be."""
    if type(value) is not CallPromise:
        return False
    request.onward = value._call
    if value._results is not handler.results:
        return False
    value._call.then(request.follow)
    return True


async def _run(cap, handler, request, value):
    """Calls a handler, unless it has returned `value` already, and answers with its results."""
    try:
        await _serve(cap, handler, request, value)
    except MemoryError:
        request.reject(OUT_OF_MEMORY)


async def _serve(cap, handler, request, value):
    promise = None
    try:
        if value is None:
            request.begun()
            value = cap.run(handler, request)
            if passes_on(value, handler, request):
                return
        if is_awaitable(value):
            promise = value
            value = await value
    except Exception as error:
        _tell(request.reject, error_from(error))
    except BaseException:  # cancelled: by the caller, who is told nothing more, or by the program
        _tell(request.reject, CANCELLED)
        raise
    else:
        _tell(request.returned, handler.results, value)
        if type(promise) is CallPromise and promise._stream is None:
            release(promise)  # its results' capabilities have been passed on


def _tell(fn, *arguments):
    """Calls fn. What that sets in motion runs from here when it has returned, with less stack."""
    before = hold_turns()
    try:
        fn(*arguments)
    finally:
        resume_turns(before)


class Call(Promise):
    """A call, for who made it: the promise of its results.

    value       a Message with `root`, the position of the pointer to the results
    pipelines   hooks of capabilities in the results by path, while it is not settled; or None
    """

    pipelines = None
    new_pipeline = _Result

    def pipeline(self, path):
        """A hook for the capability at a path of pointer indexes in the results."""
        if self.settled:
            return cap_at(self, self.value, path)
        if self.pipelines is None:
            self.pipelines = {}
        hook = self.pipelines.get(path)
        if hook is None:
            hook = self.pipelines[path] = self.new_pipeline(self, path).retain()
        return hook

    def cancel(self):
        """The results are not wanted any more."""


class Request(Call):
    """A call on its way to an object, seen from both sides.

    id, method   interface id as four 16-bit halves, and ordinal
    message      the parameters, below the pointer at message.root; message.caps its capabilities
    task         what runs it: a task of the host's, or None
    onward       the call that answers it instead: a question on some connection; or None
    waiting      the hook that it waits at: a LocalCap while its task has not begun, a PromiseCap
                 in whose queue it is; or None
    stays        whether its handler runs to its end, even if the results are not wanted any more
    """

    task = onward = waiting = message = None
    stays = False

    def __init__(self, host, id, method):
        self.host = host
        self.id = id
        self.method = method
        self.begin()

    def put(self, interface, ordinal, args, kwargs):
        """Builds its parameters from a program's values. Raises what `put_params` raises."""
        table = interface.table_
        m = self.message = Builder(_REQUEST_BYTES, 1 << 27)
        m.begin()
        m.root = m.lo
        put_params(m, m.lo, table[3 * ordinal], table[3 * ordinal + 1], args, kwargs)
        m.caps = hooks_of(m.caps, self.host)

    # For the callee.

    def admitted(self):
        """Whether a task may be started for it; if not, it has been rejected."""
        return True

    def begun(self):
        """Its task has begun."""
        self.waiting.starting -= 1
        self.waiting = None

    def returned(self, results, value):
        """Answers with what the handler returned."""
        try:
            m = Builder(_REQUEST_BYTES, 1 << 27)
            m.begin()
            m.root = m.lo
            put_results(m, m.lo, results, value)
            m.caps = hooks_of(m.caps, self.host)
        except Exception as error:
            self.reject(error_from(error))
        else:
            self.resolve(m)

    def resolve(self, message):
        """Answers with results, whose capabilities' references it takes over."""
        if self.settled:
            release_caps(message)
        else:
            self._settle(message, None)
            self._end()

    def reject(self, error):
        """Answers with an Error."""
        if not self.settled:
            self._settle(None, error)
            self._end()

    def follow(self, other):
        """Answers with what another call, which is settled, has returned."""
        if other.error is None:
            self.resolve(other.value)
        else:
            self.reject(other.error)

    def unwanted(self):
        """Less waits for its results than before. The caller knows: it keeps the promise."""

    def _end(self):
        """The call is over: its parameters' capabilities go."""
        if self.task is not None:
            self.task = None
        if self.onward is not None:
            self.onward = None
        if self.message is not None:
            release_caps(self.message)

    # For the caller.

    def pipeline(self, path):
        if self.pipelines is None and not self.settled:  # before all who wait for it
            if self._then is None:
                self._then = []
            self._then.insert(0, self._arrived)
        return Call.pipeline(self, path)

    def _arrived(self, _):
        pipelines = self.pipelines
        while pipelines:  # calls that are sent on meanwhile may ask for more
            for path in pipelines:  # noqa: B007
                break
            hook = pipelines[path]
            hook.resolve(cap_at(self, self.value, path).retain())
            pipelines.pop(path)
            hook.release()
        self.pipelines = None

    def cancel(self):
        if self.settled:
            return
        if self.stays:
            self.then(release_results)
            return
        task = self.task
        onward = self.onward
        waiting = self.waiting
        if waiting is not None:
            self.waiting = None
            waiting.withdraw(self)
        self.reject(CANCELLED)
        if task is not None:
            self.host.cancel(task)
        if onward is not None:
            onward.cancel()


def new_request(host, interface, ordinal):
    """A Request for a method, without parameters yet."""
    id = interface.id_
    return Request(host, [id[k] | id[k + 1] << 8 for k in range(0, 8, 2)], ordinal)


def dispatch(hook, request):
    """Sends a Request that nobody else holds to a hook; without memory it is rejected."""
    try:
        hook.send(request)
    except MemoryError:
        request.reject(OUT_OF_MEMORY)


def cap_at(call, message, path):
    """The hook at a path of pointer indexes in a call's results; a BrokenCap if there is none."""
    error = call.error
    if error is None:
        p = message.root
        try:
            for k in path:
                tag, t = follow(message, p)
                if k >= message.h[2 * tag + 3]:
                    p = None
                    break
                p = t + 2 * (message.h[2 * tag + 2] + k)
            hook = p and capability(message, p)
            if hook:
                return hook
            error = Error("the results have no capability there")
        except MessageError as refused:
            error = error_from(refused)
    return BrokenCap(call.host, error)


def hooks_of(values, host):
    """The hooks of a program's values, each retained. Raises TypeError, having retained none."""
    hooks = [hook_of(value, host) for value in values]
    for hook in hooks:
        if hook is not None:
            hook.retain()
    return hooks


def hook_of(value, host):
    """The hook of a program's value: a Client, or a server object. Raises TypeError, and Error for a
    Client of another vat's object that has been released.

    None for None, which stands for a null capability in a struct that was copied.
    """
    if isinstance(value, Client):
        hook = value._hook.resolved()
        if hook.conn is not None and hook.refs <= 0:
            raise Error("the capability has been released")
        return hook
    if value is None or isinstance(value, Cap):
        return value
    if isinstance(value, type) or getattr(value, "interface_", None) is None:
        met = "a " + value.__class__.__name__
        if isinstance(value, type):
            met = "the class " + value.__name__
        raise TypeError(
            "a capability is expected (a Client or an object of a Server class), not " + met
        )
    if value.cap_ is None:
        value.cap_ = LocalCap(host, value)
    return value.cap_
