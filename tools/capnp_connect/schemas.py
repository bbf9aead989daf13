# SPDX-License-Identifier: MIT
"""Interfaces out of .capnp files, for the command line.

pycapnp ends its whole process at an error in a schema. So another process tries it first.
"""

import os
import re
import subprocess
import sys

import capnp

_TRIAL = """
import capnp, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no core dump
except ImportError:
    pass
capnp.load(sys.argv[1], imports=sys.argv[2:])
"""
_COMPLAINT = re.compile(r"(\S+\.capnp):(\d+): failed: ([^\n]+)")


def interface(path, name, imports):
    """The interface with a name, as in Outer.Inner, in a schema file.

    imports   folders for imports that start with a slash

    Raises ValueError.
    """
    if not (path.endswith(".capnp") and os.path.isfile(path)):
        raise ValueError("%s: there is no such schema file" % path)
    imports = [*imports, os.path.dirname(os.path.dirname(capnp.__file__))]
    trial = [sys.executable, "-c", _TRIAL, path, *imports]
    done = subprocess.run(trial, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        raise ValueError(_complaint(done.stderr.decode(errors="replace"), path))
    found = capnp.load(path, imports=imports)
    for part in name.split("."):
        found = getattr(found, part, None)
    if not hasattr(getattr(found, "schema", None), "methods_inherited"):
        raise ValueError("%s has no interface %s" % (path, name))
    return found


def _complaint(text, path):
    found = _COMPLAINT.search(text)
    if not found:
        return "%s cannot be loaded" % path
    # Lines are counted from 0, and the file's path may have lost its beginning.
    same = os.path.abspath(path).endswith(os.sep + found[1])
    return "%s:%d: %s" % (path if same else found[1], int(found[2]) + 1, found[3])
