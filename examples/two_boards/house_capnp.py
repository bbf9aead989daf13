# Generated from house.capnp by capnpc_micropython; change the schema and generate it again.
from capnrpc_micro.schema import EMPTY, Interface, Struct, const

# fmt: off
_BOOL = const(1)
_FLOAT32 = const(10)

Thermometer = Interface("Thermometer", b">\xe6\xf9j\x8ai\xd9\x89")
Heater = Interface("Heater", b"%<\xde\x83-\x93/\xb9")

Thermometer.methods_("read", EMPTY, Struct("", 1, 0, ("celsius", _FLOAT32 | 0 << 5, None)))
Heater.methods_("isOn", EMPTY, Struct("", 1, 0, ("on", _BOOL | 0 << 5, None)))
