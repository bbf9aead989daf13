# SPDX-License-Identifier: MIT
"""The board-like interpreters that `make interpreters` builds."""

import pathlib
import subprocess
import sys

PLAIN = ("emu32", "emu32none")
# With the library frozen in. Objects of a 64-bit interpreter are twice as large as a board's: there
# the library's own code would take what a board has left for data.
FROZEN = ("emu64frozen", "emu64nonefrozen", "emu32frozen", "emu32nonefrozen")

_BUILD = pathlib.Path(__file__).resolve().parents[2] / "tools" / "interpreters" / "build.py"


def path_of(name):
    """The path of an interpreter. Raises LookupError, which says what to do, if it is not built."""
    done = subprocess.run(
        [sys.executable, _BUILD, "--print", name], capture_output=True, text=True
    )
    if done.returncode:
        raise LookupError(f"{done.stderr.strip()}: run `make interpreters`")
    return done.stdout.strip()
