# SPDX-License-Identifier: MIT
"""Layer `vat`: capabilities that tell their own sturdy ref.

On the wire this is what OCaml's capnp-rpc does: the interface Persistent, whose `save` returns the
capnp:// URI as a Text. Who has the capability gets a reference that lasts, and can pass it on.
"""

from ..objects.capability import BrokenCap, hook_of
from ..objects.client import Client, release
from ..objects.membrane import Onward
from ..objects.promise import Promise
from ..schema import Capability
from .persistent_capnp import Persistent


def persistent(capability, sturdy_ref, interface=None):
    """A Client of the same object that also answers Persistent's `save`, to be released.

    capability   a Client or a server object
    sturdy_ref   what is returned, a SturdyRef
    interface    of the Client; by default that of `capability`

    A class may also implement `save` itself, if its interface extends Persistent.
    """
    if interface is None:
        interface = getattr(capability, "_interface", None) or capability.interface_
    hook = hook_of(capability, Promise.host)
    if not isinstance(hook, BrokenCap):
        hook = _Persistent(hook, sturdy_ref)
    return Client(hook.retain(), interface or Capability)


async def save(client, vat):
    """Asks a capability for its sturdy ref. Returns a SturdyRef of the vat.

    Raises Error: of type UNIMPLEMENTED if the capability has none; ValueError for an answer that is
    no capnp:// URI.
    """
    call = client.cast_as(Persistent).save()
    results = await call
    try:
        if results.sturdyRef is None:
            raise ValueError("the capability has told no sturdy ref")
        return vat.sturdy_ref(results.sturdyRef)
    finally:
        release(results)


class _Persistent(Onward):
    def __init__(self, target, sturdy_ref):
        Onward.__init__(self, target)
        self._sturdy_ref = sturdy_ref

    def instead(self, hook):
        return hook if isinstance(hook, BrokenCap) else _Persistent(hook, self._sturdy_ref)

    def send(self, request):
        id = Persistent.id_
        if not request.method:
            for k in range(4):
                if request.id[k] != id[2 * k] | id[2 * k + 1] << 8:
                    break
            else:
                request.returned(Persistent.table_[2], self._sturdy_ref.uri())
                return
        self.target.resolved().send(request)
