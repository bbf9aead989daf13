# SPDX-License-Identifier: MIT
"""Layer `vat`: references that outlive connections and reboots."""

from ..schema import Capability


class SturdyRef:
    """A service of some vat, and the vat that reaches it for us.

    address   where it is, an Address

    Two are equal if their addresses are. repr() leaves out the service's id, which is a secret.
    """

    def __init__(self, vat, address):
        self._vat = vat
        self.address = address

    def uri(self):
        """The capnp:// URI, a str. Who has it may use the service.

        So is a sturdy ref passed in messages: as Text, also in a field of type AnyPointer
        (OCaml's capnp-rpc does the same); the receiver makes one of it with vat.sturdy_ref(uri).
        """
        return self.address.uri()

    async def connect(self, interface=Capability):
        """A Client of the service, see Vat.connect()."""
        return await self._vat.connect(self.address, interface)

    def __eq__(self, other):
        return isinstance(other, SturdyRef) and self.address == other.address

    def __hash__(self):
        return hash(self.address)

    def __repr__(self):
        return "SturdyRef(%r)" % self.address
