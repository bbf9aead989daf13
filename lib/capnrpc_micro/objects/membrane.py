# SPDX-License-Identifier: MIT
"""Layer `objects`: less authority from more. A membrane that can be revoked, and a subset of methods."""

from ..message import Message
from ..schema import Capability
from .capability import BrokenCap, Cap, Request, dispatch, hook_of, leads_to
from .client import Client, release_caps
from .promise import CIRCLE, UNIMPLEMENTED, Error, Promise, hold_turns, resume_turns


def revocable(capability, interface=None):
    """(a Client, revoke): the same object, behind a membrane.

    Every capability that a call or its results bring through the membrane is behind it, too, in its
    direction; one that goes back the way it came is itself again. After revoke(reason) all that came
    through is broken, on both sides, and calls under way fail.

    capability   a Client or a server object
    interface    of the Client; by default that of `capability`
    """
    hook = hook_of(capability, Promise.host)
    membrane = _Membrane()
    return Client(membrane.wrap(hook, True).retain(), _interface(capability, interface)), (
        membrane.revoke
    )


def subset(capability, interface, *names):
    """A Client of the same object on which only some methods of an interface can be called; others are
    not implemented. Raises AttributeError for a name that the interface has not.

    capability   a Client or a server object
    """
    allowed = []
    for name in names:
        found, ordinal = interface.find_(name)
        allowed.append((found.id_, ordinal))
    hook = hook_of(capability, Promise.host)
    if not isinstance(hook, BrokenCap):
        hook = _Subset(hook, allowed)
    return Client(hook.retain(), interface)


def _interface(capability, interface):
    if interface is None:
        interface = getattr(capability, "_interface", None) or capability.interface_
    return interface or Capability


class Onward(Cap):
    """Base: a hook in front of another, its target, for as long as that does not turn out to be yet
    another; then it is what instead(that) makes of it."""

    def __init__(self, target):
        Cap.__init__(self, target.host)
        self.promise = target.promise
        self.target = target.retain()
        target.when_resolved(self._follow)

    def _follow(self, target):
        if leads_to(target, self):
            self.turn(BrokenCap(self.host, CIRCLE))
        else:
            self.turn(self.instead(target.resolved()))

    def turn(self, hook):
        """From now on it is `hook`."""
        target = self.target
        self.target = None
        self.promise = False
        target.forget(self._follow)
        self.became(hook.retain())
        target.release()

    def dropped(self):
        if self.target is None:
            Cap.dropped(self)
        else:
            self._watchers = None  # who has let go of it is not told that it is gone
            self.turn(BrokenCap(self.host, Error("the capability has been released")))


class _Subset(Onward):
    def __init__(self, target, allowed):
        Onward.__init__(self, target)
        self._allowed = allowed

    def instead(self, hook):
        return hook if isinstance(hook, BrokenCap) else _Subset(hook, self._allowed)

    def send(self, request):
        for id, ordinal in self._allowed:
            if ordinal == request.method:
                for k in range(4):
                    if request.id[k] != id[2 * k] | id[2 * k + 1] << 8:
                        break
                else:
                    self.target.resolved().send(request)
                    return
        request.reject(
            Error("the reference does not allow method %d" % request.method, UNIMPLEMENTED)
        )


class _Membrane:
    """wrappers by direction (whether what they lead to is inside) and by what they lead to."""

    def __init__(self):
        self.error = None
        self.wrappers = ({}, {})
        self.calls = []

    def wrap(self, hook, inside):
        """The hook for the other side of one that is inside, or is not."""
        hook = hook.resolved()
        if isinstance(hook, BrokenCap):
            return hook
        if hook.__class__ is _Wrapper and hook.membrane is self and hook.inside is not inside:
            return hook.target
        wrappers = self.wrappers[inside]
        if hook not in wrappers:
            wrappers[hook] = _Wrapper(self, hook, inside)
        return wrappers[hook]

    def through(self, message, inside):
        """The same message with its capabilities wrapped, each retained."""
        m = Message(message.v, message.lo, message.hi, message.segments, 1 << 28)
        m.root = message.root
        m.nesting = message.nesting
        m.caps = [hook and self.wrap(hook, inside).retain() for hook in message.caps or ()]
        return m

    def revoke(self, reason="revoked"):
        """Breaks all that came through; nothing does any more. Only the first call counts.

        reason   an Error, or its reason
        """
        if self.error is None:
            self.error = reason if isinstance(reason, Error) else Error(reason)
            before = hold_turns()  # whoever is told may release what is listed here
            try:
                while self.calls:
                    self.calls.pop().revoked(self.error)
                for wrappers in self.wrappers:
                    while wrappers:
                        wrapper = wrappers.popitem()[1]
                        wrapper.turn(BrokenCap(wrapper.host, self.error))
            finally:
                resume_turns(before)


class _Wrapper(Onward):
    def __init__(self, membrane, target, inside):
        Onward.__init__(self, target)
        self.membrane = membrane
        self.inside = inside

    def instead(self, hook):
        return self.membrane.wrap(hook, self.inside)

    def turn(self, hook):
        self.membrane.wrappers[self.inside].pop(self.target, None)
        Onward.turn(self, hook)

    def send(self, request):
        _Crossing(self, request)


class _Crossing:
    """A call that goes through."""

    def __init__(self, wrapper, request):
        self._membrane = wrapper.membrane
        self._inside = wrapper.inside
        self._request = request
        inner = self._inner = Request(wrapper.host, request.id, request.method)
        inner.message = self._membrane.through(request.message, not wrapper.inside)
        request.onward = inner
        self._membrane.calls.append(self)
        inner.then(self._returned)
        dispatch(wrapper.target.resolved(), inner)

    def _returned(self, inner):
        if self in self._membrane.calls:
            self._membrane.calls.remove(self)
        if inner.error is not None:
            self._request.reject(inner.error)
        else:
            self._request.resolve(self._membrane.through(inner.value, self._inside))
            release_caps(inner.value)

    def revoked(self, error):
        """The membrane lets nothing through any more."""
        self._request.reject(error)
        self._inner.cancel()
