# SPDX-License-Identifier: MIT
"""Layer `vat`: sturdy refs, of a vat that only notes what it is asked for."""

from bed import Bed

from capnrpc_micro.identity.address import Address
from capnrpc_micro.schema import Capability
from capnrpc_micro.vat.sturdy_ref import SturdyRef

URI = "capnp://insecure@localhost:7000/c2VjcmV0"
OTHER = "capnp://insecure@localhost:7000/b3RoZXI"


class Vat:
    def __init__(self):
        self.asked = []

    async def connect(self, service, interface):
        self.asked.append((service, interface))
        return "a client"


def ref(uri, vat=None):
    return SturdyRef(vat, Address.parse(uri))


def test_equal_if_they_lead_to_the_same_service():
    assert ref(URI) == ref(URI, Vat())  # whoever reaches it
    assert hash(ref(URI)) == hash(ref(URI, Vat()))
    assert ref(URI) != ref(OTHER)
    assert ref(URI) != URI and ref(URI) != Address.parse(URI)


def test_only_its_uri_tells_the_secret():
    assert ref(URI).uri() == URI
    for text in (repr(ref(URI)), str(ref(URI))):
        assert text == "SturdyRef(capnp://insecure@localhost:7000/...)", text


def test_connects_through_its_vat():
    bed = Bed()
    vat = Vat()
    tasks = [bed.host.start(ref(URI, vat).connect(*wanted)) for wanted in ((), ("Lamp",))]
    bed.settle()
    assert [task.value for task in tasks] == ["a client"] * 2
    assert vat.asked == [(Address.parse(URI), Capability), (Address.parse(URI), "Lamp")]
