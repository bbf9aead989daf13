# SPDX-License-Identifier: MIT
"""Layer `objects`: what a program holds of capabilities elsewhere and of calls under way."""

from ..layout import StructReader, struct_at
from ..schema import STREAM
from ..words import const
from .promise import Promise

# Kinds, as in `layout`.
_STRUCT = const(15)
_INTERFACE = const(16)
_GROUP = const(18)


class Client:
    """A reference to an object of some interface. The interface's methods are its attributes.

    A method takes one argument a parameter, in order or by name, and returns a CallPromise. As an
    asynchronous context manager it is released at the end of the block.
    """

    def __init__(self, hook, interface):
        self._hook = hook
        self._interface = interface

    def __getattr__(self, name):
        interface, ordinal = self._interface.find_(name)
        return _Method(self._hook, interface, ordinal)

    def cast_as(self, interface):
        """The same object seen as another interface. Calls tell whether it has it."""
        return Client(self._hook, interface)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        release(self)

    def __repr__(self):
        return "<%s capability>" % self._interface.name_


class _Method:
    def __init__(self, hook, interface, ordinal):
        self._hook = hook
        self._interface = interface
        self._ordinal = ordinal

    def __call__(self, *args, **kwargs):
        hook = self._hook
        interface = self._interface
        if interface.table_[3 * self._ordinal + 2] is STREAM:
            from .streams import stream

            return stream(hook, interface, self._ordinal, args, kwargs)
        return hook.resolved().call(interface, self._ordinal, args, kwargs)


class CallPromise:
    """The promise of a call's results.

    Await it for the results, a StructReader. Its attributes are the capabilities that the results
    will hold, usable at once (promise pipelining); structs between lead there. Cancelling the task
    that awaits it cancels the call.
    """

    _stream = None  # of a streaming call, which is awaited for room to make the next

    def __init__(self, call, results):
        self._call = call
        self._results = results

    def __iter__(self):
        call = self._call
        if self._stream is not None:
            return (yield from self._stream.room())
        try:
            message = yield from call
        except BaseException:
            release(self)  # the results, too, if they have come in this very moment
            raise
        return struct_at(message, message.root, message.nesting, self._results)

    __await__ = __iter__

    def __getattr__(self, name):
        return _pipelined(self._call, self._results, (), name)

    def cancel_(self):
        """Tells the callee that the results are not wanted any more."""
        self._call.cancel()

    def then_(self, fn):
        """Calls fn(promise) when it is settled; see Promise, which has `error` and `value`."""
        self._call.then(fn)


class _Path:
    """A struct inside results that are not there yet."""

    def __init__(self, call, type, path):
        self._call = call
        self._type = type
        self._path = path

    def __getattr__(self, name):
        return _pipelined(self._call, self._type, self._path, name)


def _pipelined(call, type, path, name):
    at = type.find_(name)
    code = type.table_[at + 1]
    extra = type.table_[at + 2]
    kind = code & 31
    if kind == _GROUP:
        return _Path(call, extra, path)
    path += (code >> 5,)
    if kind == _INTERFACE:
        return Client(call.pipeline(path), extra)
    if kind == _STRUCT:
        return _Path(call, extra[0] if isinstance(extra, tuple) else extra, path)
    raise AttributeError("%s is no capability: await the call to read it" % name)


async def _example():
    pass


_coroutine = _example()
_AWAITABLE = (type(_coroutine), CallPromise, Promise)
_coroutine.close()


def is_awaitable(value):
    """Whether a handler returned something to wait for: a coroutine or a promise."""
    return type(value) in _AWAITABLE


def retain(thing):
    """Keeps a capability beyond the call or the results that it came with. Returns it.

    It lasts until release(thing), or until its connection ends.
    """
    if not isinstance(thing, Client):
        raise TypeError("retain() takes a capability (a Client), not " + thing.__class__.__name__)
    thing._hook.retain()
    return thing


def release(thing):
    """Lets go: of a Client, of results (a StructReader: all capabilities they came with), or of a
    CallPromise (which is cancelled, or its results released). There is no finalizer on boards.
    """
    if isinstance(thing, Client):
        thing._hook.release()
    elif isinstance(thing, StructReader):
        release_caps(thing._m)
    elif isinstance(thing, CallPromise):
        call = thing._call
        if call.settled:
            release_results(call)
        else:
            call.cancel()
    else:
        raise TypeError("release() takes what a call gave, not " + thing.__class__.__name__)


def release_results(call):
    """Drops the capabilities in the results of a call that is settled, once."""
    if call.value is not None:
        release_caps(call.value)


def release_caps(message):
    """Drops a message's references to capabilities, once."""
    caps = message.caps
    message.caps = None
    release_hooks(caps)


def release_hooks(hooks):
    """Drops a reference to each hook; a list with None for null, or None for no list."""
    for hook in hooks or ():
        if hook is not None:
            hook.release()
