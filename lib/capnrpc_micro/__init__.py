# SPDX-License-Identifier: MIT
"""Cap'n Proto RPC for microcontrollers.

The public names; each is loaded when it is first used, so that a board pays for what it needs.
"""

__version__ = "0.1.0"

_ATTRIBUTES = {
    "Client": "objects.client",
    "DISCONNECTED": "objects.promise",
    "Error": "objects.promise",
    "FAILED": "objects.promise",
    "Limits": "limits",
    "OVERLOADED": "objects.promise",
    "UNIMPLEMENTED": "objects.promise",
    "broken": "objects.operations",
    "client": "objects.operations",
    "connect": "net.tcp",
    "drained": "objects.streams",
    "equal": "objects.operations",
    "log_to": "log",
    "problem": "objects.operations",
    "promise": "objects.operations",
    "release": "objects.client",
    "retain": "objects.client",
    "revocable": "objects.membrane",
    "serve": "net.tcp",
    "settled": "objects.operations",
    "subset": "objects.membrane",
    "wait_for": "net.host",
    "when_broken": "objects.operations",
}


def __getattr__(name):
    where = _ATTRIBUTES.get(name)
    if where is not None:
        module = __import__(__name__ + "." + where, None, None, (name,))
        if where in ("objects.operations", "objects.membrane"):
            __import__(__name__ + ".net.host")  # what they make runs in an event loop
        value = globals()[name] = getattr(module, name)
        return value
    if not name.startswith("_"):
        try:  # MicroPython's `from package import module` asks here before it looks for a module
            return __import__(__name__ + "." + name, None, None, (name,))
        except ImportError:
            pass  # there is none: an attribute is missing
    raise AttributeError("module capnrpc_micro has no attribute " + name)
