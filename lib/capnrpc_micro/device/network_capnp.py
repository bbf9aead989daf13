# Generated from network.capnp by capnpc_micropython; change the schema and generate it again.
from capnrpc_micro.schema import EMPTY, Interface, Struct, const

# fmt: off
_VOID = const(0)
_UINT16 = const(5)
_INT32 = const(6)
_INT64 = const(8)
_TEXT = const(12)
_DATA = const(13)
_LIST = const(14)
_INTERFACE = const(16)

Net = Interface("Net", b"\xe3\xc3\x02\xa7:\xcfi\x8d")
Net.Callback = Interface("Net.Callback", b"\xcb\xc8\xa0O\xeb\x8a\xa1\xb0")
Net.Result = Struct("Net.Result", 1, 1)
Network = Interface("Network", b"\x05H~\x18_\xe0\xad\x84")
Network.Stats = Struct("Network.Stats", 4, 0)

Net.methods_(
    "disconnect", EMPTY, EMPTY,
    "write", Struct("", 0, 1, ("buffer", _DATA | 0 << 5, None)), Net.Result,
    "writev", Struct("", 0, 1, ("buffers", _LIST | 0 << 5, (_DATA, None))), Net.Result,
    "listen", Struct("", 0, 1, ("callback", _INTERFACE | 0 << 5, Net.Callback)), Net.Result,
    "mac", EMPTY, Struct("", 0, 1, ("mac", _TEXT | 0 << 5, None)),
)
Net.Callback.methods_("f", Struct("", 0, 1, ("buffer", _DATA | 0 << 5, None)), EMPTY)
Net.Result.fields_((
    "ok", _VOID, None,
    "disconnected", _VOID, None,
    "unimplemented", _VOID, None,
    "error", _TEXT | 0 << 5, None,
), 0, 0)
Network.supers_(Net)
Network.methods_(
    "stats", EMPTY, Network.Stats,
    "resetStats", EMPTY, EMPTY,
    "mtu", EMPTY, Struct("", 1, 0, ("mtu", _UINT16 | 0 << 5, None)),
)
Network.Stats.fields_((
    "rxBytes", _INT64 | 0 << 5, None,
    "rxPkts", _INT32 | 2 << 5, None,
    "txBytes", _INT64 | 2 << 5, None,
    "txPkts", _INT32 | 3 << 5, None,
    "dropped", _INT32 | 6 << 5, None,
    "invalid", _INT32 | 7 << 5, None,
))
