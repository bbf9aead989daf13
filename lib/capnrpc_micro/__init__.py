# SPDX-License-Identifier: MIT
"""Cap'n Proto RPC for microcontrollers.

The public names; each is loaded when it is first used, so that a board pays for what it needs.
"""

__version__ = "0.1.0"

_ATTRIBUTES = {
    "Address": "identity.address",
    "broken": "objects.operations",
    "Client": "objects.client",
    "client": "objects.operations",
    "connect": "net.tcp",
    "DISCONNECTED": "objects.promise",
    "drained": "objects.streams",
    "equal": "objects.operations",
    "Error": "objects.promise",
    "FAILED": "objects.promise",
    "FileStore": "vat.file_store",
    "Limits": "limits",
    "log_to": "log",
    "OVERLOADED": "objects.promise",
    "persistent": "vat.persistence",
    "problem": "objects.operations",
    "promise": "objects.operations",
    "release": "objects.client",
    "retain": "objects.client",
    "revocable": "objects.membrane",
    "save": "vat.persistence",
    "SecretKey": "identity.secret_key",
    "serve": "net.tcp",
    "settled": "objects.operations",
    "SturdyRef": "vat.sturdy_ref",
    "subset": "objects.membrane",
    "Table": "vat.restorer",
    "UNIMPLEMENTED": "objects.promise",
    "Vat": "vat.vat",
    "VatConfig": "vat.config",
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
