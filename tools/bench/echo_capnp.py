# Generated from echo.capnp by capnpc_micropython; change the schema and run `make schema`.
# SPDX-License-Identifier: MIT
from capnrpc_micro.schema import Interface, Struct, const

# fmt: off
_INT32 = const(6)

Echo = Interface("Echo", b"\xe3\x15w*\x8f]\xa0\xdc")

Echo.methods_(
    "echo", Struct("", 1, 0, ("x", _INT32 | 0 << 5, None)), Struct("", 1, 0, (
        "y", _INT32 | 0 << 5, None,
    )),
)
