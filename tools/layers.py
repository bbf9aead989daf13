# SPDX-License-Identifier: MIT
"""The layers of the library, lowest first, and the files of each."""

import pathlib

LIBRARY = pathlib.Path(__file__).resolve().parent.parent / "lib" / "capnrpc_micro"

# Files at the top of the library by layer; a folder is the layer of its name.
_FILES = {
    "limits": ("limits",),
    "words": ("words", "log"),
    "message": ("message",),
    "layout": ("layout",),
    "schema": ("schema",),
    "extra": ("types",),
}
LAYERS = ("limits", "words", "message", "layout", "schema", "objects", "rpc", "net", "device")
WIRE = LAYERS[1:5]
CORE = LAYERS[:7]
# Parts of the wire layers that are loaded when they are first needed: the folder, and `types`.
EXTRA = "extra"


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
