# SPDX-License-Identifier: MIT
"""What tools/interpreters/build.py has built."""

import pathlib
import subprocess
import sys

_BUILD = pathlib.Path(__file__).resolve().parent / "interpreters" / "build.py"


def path_of(name):
    """The path of an interpreter or a firmware image.

    Raises LookupError, which says what to do, if it is not built or out of date.
    """
    done = subprocess.run(
        [sys.executable, _BUILD, "--print", name], capture_output=True, text=True
    )
    if done.returncode:
        raise LookupError(done.stderr.strip())
    return done.stdout.strip()
