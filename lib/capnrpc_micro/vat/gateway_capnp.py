# Generated from gateway.capnp by capnpc_micropython; change the schema and generate it again.
from capnrpc_micro.schema import Capability, Interface, Struct, const

# fmt: off
_DATA = const(13)
_INTERFACE = const(16)

Gateway = Interface("Gateway", b"\xe1\xc6\xdd\xf4\xa4\xa3\xc3\xb2")

Gateway.methods_(
    "restore", Struct("", 0, 1, ("id", _DATA | 0 << 5, None)), Struct("", 0, 1, (
        "cap", _INTERFACE | 0 << 5, Capability,
    )),
)
