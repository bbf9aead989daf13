# Generated from persistent.capnp by capnpc_micropython; change the schema and generate it again.
from capnrpc_micro.schema import Interface, Struct, const

# fmt: off
_ANYPOINTER = const(17)

Persistent = Interface("Persistent", b"\x91V\x9f\xcd/!\xcb\xc8")

Persistent.methods_(
    "save", Struct("", 0, 1, ("sealFor", _ANYPOINTER | 0 << 5, None)), Struct("", 0, 1, (
        "sturdyRef", _ANYPOINTER | 0 << 5, None,
    )),
)
