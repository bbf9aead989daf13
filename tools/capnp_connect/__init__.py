# SPDX-License-Identifier: MIT
"""Reaching boards, and serving them, from programs that use pycapnp.

    thermometer = await capnp_connect.connect(uri, Thermometer)
    print((await thermometer.read()).celsius)

`uri` is what the board printed, `Thermometer` an interface that pycapnp has loaded, and all of it
runs within capnp.run() or capnp.kj_loop(). The same on the command line:

    python -m capnp_connect URI thermometer.capnp Thermometer read

connecting   connect(): dial, check the key, restore the service
serving      serve(): a pycapnp object for boards to reach
dialling     sockets
tls          TLS with pinned keys, for pycapnp's streams
gateway      services restored by their ids
errors       one class for each way in which connecting fails
command, schemas, values   the command line
"""

try:
    import capnp as _capnp  # noqa: F401
except ImportError:
    raise ImportError("capnp_connect needs pycapnp: pip install capnrpc_micro[host]") from None

from capnrpc_micro.identity.address import Address
from capnrpc_micro.identity.capfile import load, save
from capnrpc_micro.identity.secret_key import SecretKey

from .connecting import connect
from .errors import (
    ConnectError,
    Expired,
    HandshakeFailed,
    Lost,
    NoGateway,
    NotCapnp,
    NotTls,
    Refused,
    UnknownService,
    Unreachable,
    WrongKey,
)
from .serving import serve

__all__ = [
    "Address",
    "ConnectError",
    "Expired",
    "HandshakeFailed",
    "Lost",
    "NoGateway",
    "NotCapnp",
    "NotTls",
    "Refused",
    "SecretKey",
    "UnknownService",
    "Unreachable",
    "WrongKey",
    "connect",
    "load",
    "save",
    "serve",
]
