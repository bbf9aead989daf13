# SPDX-License-Identifier: MIT
"""Cap'n Proto RPC for microcontrollers.

The public names; each is loaded when it is first used, so that a board pays for what it needs.
"""

__version__ = "0.1.0"

_ATTRIBUTES = {
    "Client": "objects.client",
    "Error": "objects.promise",
    "FAILED": "objects.promise",
    "OVERLOADED": "objects.promise",
    "DISCONNECTED": "objects.promise",
    "UNIMPLEMENTED": "objects.promise",
    "Limits": "limits",
    "connect": "net.tcp",
    "release": "objects.client",
    "retain": "objects.client",
    "serve": "net.tcp",
}


def __getattr__(name):
    where = _ATTRIBUTES.get(name)
    if where is None:
        raise AttributeError("module capnrpc_micro has no attribute " + name)
    module = __import__(__name__ + "." + where, None, None, (name,))
    value = globals()[name] = getattr(module, name)
    return value
