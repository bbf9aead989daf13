# Generated from interop.capnp by capnpc_micropython; change the schema and generate it again.
from capnrpc_micro.schema import EMPTY, Interface, Struct, const

# fmt: off
_INT32 = const(6)
_TEXT = const(12)
_DATA = const(13)
_LIST = const(14)
_INTERFACE = const(16)

Thing = Interface("Thing", b"\xe3V\xd9\xc0\x08RT\xd3")
Other = Interface("Other", b"v|)\x82\xfe\x9c\xd8\xe7")

Thing.methods_(
    "echo", Struct("", 1, 0, ("x", _INT32 | 0 << 5, None)), Struct("", 1, 0, (
        "y", _INT32 | 0 << 5, None,
    )),
    "later", Struct("", 1, 0, ("x", _INT32 | 0 << 5, None)), Struct("", 1, 0, (
        "y", _INT32 | 0 << 5, None,
    )),
    "getSelf", EMPTY, Struct("", 0, 1, ("thing", _INTERFACE | 0 << 5, Thing)),
    "same", Struct("", 0, 1, ("thing", _INTERFACE | 0 << 5, Thing)), Struct("", 0, 1, (
        "thing", _INTERFACE | 0 << 5, Thing,
    )),
    "sameLater", Struct("", 0, 1, ("thing", _INTERFACE | 0 << 5, Thing)), Struct("", 0, 1, (
        "thing", _INTERFACE | 0 << 5, Thing,
    )),
    "callMe", Struct("", 1, 1, (
        "thing", _INTERFACE | 0 << 5, Thing,
        "times", _INT32 | 0 << 5, None,
    )), Struct("", 1, 0, ("sum", _INT32 | 0 << 5, None)),
    "fail", Struct("", 1, 1, ("kind", _INT32 | 0 << 5, None, "reason", _TEXT | 0 << 5, None)),
    EMPTY,
    "wait", EMPTY, EMPTY,
    "cancelled", EMPTY, Struct("", 1, 0, ("count", _INT32 | 0 << 5, None)),
    "blob", Struct("", 0, 1, ("data", _DATA | 0 << 5, None)), Struct("", 0, 1, (
        "data", _DATA | 0 << 5, None,
    )),
    "keep", Struct("", 0, 1, ("thing", _INTERFACE | 0 << 5, Thing)), EMPTY,
    "callKept", Struct("", 1, 0, ("x", _INT32 | 0 << 5, None)), Struct("", 1, 0, (
        "y", _INT32 | 0 << 5, None,
    )),
    "many", Struct("", 1, 0, ("count", _INT32 | 0 << 5, None)), Struct("", 0, 1, (
        "things", _LIST | 0 << 5, (_INTERFACE, Thing),
    )),
    "seen", EMPTY, Struct("", 0, 1, ("xs", _LIST | 0 << 5, (_INT32, None))),
    "bare", EMPTY, EMPTY,
)
Other.methods_("nothing", EMPTY, EMPTY)
