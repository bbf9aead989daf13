# SPDX-License-Identifier: MIT
"""Layer `objects`: operations on references, with the names and the meaning that they have in OCaml's
capnp-rpc (its module Capability)."""

from ..schema import Capability
from .capability import BrokenCap, PromiseCap, hook_of
from .client import Client
from .promise import Error, Promise, again, later


def client(server):
    """A Client of an object of a Server class, to be released."""
    return Client(hook_of(server, Promise.host).retain(), server.interface_)


def broken(error, interface=Capability):
    """A Client whose calls all fail. `error` is an Error, or its reason."""
    if not isinstance(error, Error):
        error = Error(error)
    return Client(BrokenCap(Promise.host, error).retain(), interface)


def promise(interface=Capability, host=None):
    """(a Client, its Resolver): calls on the Client wait until it is resolved."""
    hook = PromiseCap(host or Promise.host)
    return Client(hook.retain(), interface), Resolver(hook)


class Resolver:
    """Says what a promised capability is. Once: later calls raise RuntimeError."""

    def __init__(self, hook):
        self._hook = hook

    def resolve(self, capability):
        """It is this one: a Client or a server object. Raises TypeError."""
        target = hook_of(capability, self._hook.host)
        if target is None:
            target = BrokenCap(self._hook.host, Error("the promise was resolved to nothing"))
        self._settle(target)

    def reject(self, error):
        """There is none. `error` is an Error, or its reason."""
        if not isinstance(error, Error):
            error = Error(error)
        self._settle(BrokenCap(self._hook.host, error))

    def _settle(self, target):
        hook = self._hook
        if hook.resolution is not None:
            raise RuntimeError("the promise is resolved already")
        hook.resolve(target.retain())


def problem(client):
    """The Error of a Client that is broken, else None."""
    hook = client._hook.resolved()
    return hook.error if isinstance(hook, BrokenCap) else None


def when_broken(client, fn):
    """Calls fn(error) once the Client is broken: in a turn if it is already, never if it turns out to
    be an object of this vat. The Client must not be released before."""
    _Watch(fn).look(client._hook)


class _Watch:
    def __init__(self, fn):
        self._fn = fn

    def look(self, hook):
        hook = hook.resolved()
        if isinstance(hook, BrokenCap):
            later(self._fn, hook.error)
        else:
            hook.when_resolved(self.look)


async def settled(client):
    """Waits until the Client is no promise any more. Raises its Error if it is broken then."""
    hook = client._hook.resolved()
    while hook.promise:
        waiting = Promise(hook.host)
        hook.when_resolved(waiting.resolve)
        try:
            await waiting
        finally:
            hook.forget(waiting.resolve)
        hook = hook.resolved()
    if isinstance(hook, BrokenCap):
        raise again(hook.error)


def equal(a, b):
    """Whether two Clients lead to the same object. None while that cannot be told, because one of them
    is a promise."""
    a = a._hook.resolved()
    b = b._hook.resolved()
    if a is b:
        return True
    return None if a.promise or b.promise else False
