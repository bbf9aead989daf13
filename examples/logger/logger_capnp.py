# Generated from logger.capnp by capnpc_micropython; change the schema and generate it again.
from capnrpc_micro.schema import EMPTY, Interface, Struct, const

# fmt: off
_TEXT = const(12)
_LIST = const(14)
_INTERFACE = const(16)

LoggerFactory = Interface("LoggerFactory", b"\x8e[\x92\x06\x993v\x9f")
Logger = Interface("Logger", b"$\x05\xe2\x1b\xe4\x07Q\x8c")
Log = Struct("Log", 0, 2)

LoggerFactory.methods_(
    "create", Struct("", 0, 1, ("label", _TEXT | 0 << 5, None)), Struct("", 0, 1, (
        "logger", _INTERFACE | 0 << 5, Logger,
    )),
)
Logger.methods_(
    "log", Struct("", 0, 1, ("message", _TEXT | 0 << 5, None)), EMPTY,
    "read", EMPTY, Struct("", 0, 1, ("messages", _LIST | 0 << 5, (_TEXT, None))),
)
Log.fields_(("label", _TEXT | 0 << 5, None, "messages", _LIST | 1 << 5, (_TEXT, None)))
