# Generated from interop.capnp by capnpc_micropython; change the schema and generate it again.
from capnrpc_micro.schema import EMPTY, STREAM, Interface, Struct, const

# fmt: off
_BOOL = const(1)
_INT32 = const(6)
_TEXT = const(12)
_DATA = const(13)
_LIST = const(14)
_INTERFACE = const(16)

Thing = Interface("Thing", b"\xe3V\xd9\xc0\x08RT\xd3")
Sink = Interface("Sink", b"\x0cQ\xa63\x93KU\xbf")
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
    "pump", Struct("", 2, 1, (
        "thing", _INTERFACE | 0 << 5, Thing,
        "first", _INT32 | 0 << 5, None,
        "count", _INT32 | 1 << 5, None,
        "window", _INT32 | 2 << 5, None,
    )), Struct("", 1, 0, ("wrong", _INT32 | 0 << 5, None)),
    "hold", Struct("", 0, 1, ("thing", _INTERFACE | 0 << 5, Thing)), EMPTY,
    "defer", EMPTY, Struct("", 0, 1, ("thing", _INTERFACE | 0 << 5, Thing)),
    "promise", Struct("", 0, 1, ("thing", _INTERFACE | 0 << 5, Thing)), Struct("", 0, 1, (
        "thing", _INTERFACE | 0 << 5, Thing,
    )),
    "settle", Struct("", 0, 1, ("thing", _INTERFACE | 0 << 5, Thing)), Struct("", 1, 0, (
        "waiting", _BOOL | 0 << 5, None,
    )),
    "sink", Struct("", 1, 0, ("kind", _INT32 | 0 << 5, None)), Struct("", 0, 1, (
        "sink", _INTERFACE | 0 << 5, Sink,
    )),
    "memory", EMPTY, Struct("", 1, 0, (
        "used", _INT32 | 0 << 5, None,
        "descriptors", _INT32 | 1 << 5, None,
    )),
    "released", EMPTY, Struct("", 1, 0, ("count", _INT32 | 0 << 5, None)),
    "drip", Struct("", 1, 1, (
        "thing", _INTERFACE | 0 << 5, Thing,
        "count", _INT32 | 0 << 5, None,
    )), Struct("", 1, 0, ("wrong", _INT32 | 0 << 5, None)),
)
Sink.methods_(
    "write", Struct("", 0, 1, ("data", _DATA | 0 << 5, None)), STREAM,
    "done", EMPTY, Struct("", 2, 0, (
        "bytes", _INT32 | 0 << 5, None,
        "sum", _INT32 | 1 << 5, None,
        "together", _INT32 | 2 << 5, None,
    )),
)
Other.methods_("nothing", EMPTY, EMPTY)
