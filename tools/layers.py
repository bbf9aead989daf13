# SPDX-License-Identifier: MIT
"""The layers of the library, lowest first, the files of each, and which of them are always loaded."""

import functools
import pathlib
import subprocess

from micropython import command

LIBRARY = pathlib.Path(__file__).resolve().parent.parent / "lib" / "capnrpc_micro"

# Files at the top of the library by layer; a folder is the layer of its name.
_FILES = {
    "limits": ("limits",),
    "words": ("words", "log"),
    "message": ("message",),
    "layout": ("layout",),
    "schema": ("schema",),
    "dump": ("dump",),
    "extra": ("types",),
}
LAYERS = (
    *("limits", "words", "message", "layout", "schema", "objects", "rpc"),
    *("net", "dump", "identity", "vat", "device"),
)
WIRE = LAYERS[1:5]
CORE = LAYERS[:7]
# Parts of the wire layers that are loaded when they are first needed: the folder, and `types`.
EXTRA = "extra"
# The layers whose modules that are loaded when first needed count as parts of the core.
CORE_ON_DEMAND = ("objects", "rpc")
# Membranes and forwarding: what a program pays for passing capabilities on. Paths in the library.
OBJECTS_EXTRA = ("objects/membrane.py", "rpc/forward.py")

# Prints the library's files that are loaded for a connection, which cannot be made without limits
# and is of no use without a schema.
_LOADED = """
import sys
import capnrpc_micro.limits, capnrpc_micro.schema, capnrpc_micro.rpc.connection
for name in sys.modules:
    if name.split(".")[0] == "capnrpc_micro":
        print(sys.modules[name].__file__)
"""


def layer_of(path):
    """The layer of a file of the library, or EXTRA; None for the package's own __init__."""
    parts = path.relative_to(LIBRARY).with_suffix("").parts
    if len(parts) > 1:
        return parts[0]
    for layer, names in _FILES.items():
        if parts[0] in names:
            return layer
    if parts[0] == "__init__":
        return None
    raise LookupError(f"{path}: the file belongs to no layer; add it to tools/layers.py")


def files(layer):
    """The Python files of a layer, or of EXTRA."""
    return [path for path in sorted(LIBRARY.rglob("*.py")) if layer_of(path) == layer]


@functools.cache
def always_loaded():
    """The Python files that are loaded before the first message of a connection without sockets.

    Asks a fresh MicroPython, so that no list can leave out what every board pays for.
    """
    path = f"import sys; sys.path.insert(0, {str(LIBRARY.parent)!r})"
    line = [*command(), "-c", path + _LOADED]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
    found = frozenset(map(pathlib.Path, done.stdout.splitlines()))
    if LIBRARY / "rpc" / "connection.py" not in found:
        raise LookupError(f"no connection among what MicroPython has loaded: {done.stdout}")
    return found


def objects_extra():
    """The files of OBJECTS_EXTRA. Raises LookupError for one that is missing."""
    paths = [LIBRARY / name for name in OBJECTS_EXTRA]
    for path in paths:
        if not path.is_file():
            raise LookupError(f"{path} is named in tools/layers.py and is missing")
    return paths


def core_on_demand():
    """The files of the core that are loaded when first needed, but for those of OBJECTS_EXTRA."""
    found = [path for layer in CORE_ON_DEMAND for path in files(layer)]
    return [path for path in found if path not in always_loaded() and path not in objects_extra()]
