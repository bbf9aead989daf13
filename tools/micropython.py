# SPDX-License-Identifier: MIT
"""MicroPython's unix port, from $MICROPYTHON or from the PyPI wheel in this interpreter's venv.

As a program it runs MicroPython with its arguments, with the library on its path, and ends with
MicroPython's own exit status.
"""

import os
import pathlib
import sys

LIB = pathlib.Path(__file__).resolve().parent.parent / "lib"


def command():
    """The command line, a list, that runs MicroPython; arguments are to be appended."""
    path = os.environ.get("MICROPYTHON")
    if path:
        if not os.access(path, os.X_OK):
            raise SystemExit(f"MICROPYTHON={path}: no executable file is there")
        return [path]
    # The wheel's own entry always exits with 0.
    code = (
        "import sys, micropython_unix as m; sys.exit(m.run_main(['micropython'] + sys.argv[1:]))"
    )
    return [sys.executable, "-c", code]


if __name__ == "__main__":
    line = command() + sys.argv[1:]
    os.environ.setdefault("MICROPYPATH", f".frozen:{LIB}")
    os.execv(line[0], line)
