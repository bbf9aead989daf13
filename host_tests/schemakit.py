# SPDX-License-Identifier: MIT
"""What the tests of the schema compiler share: running it, and looking into what it writes."""

import os
import pathlib
import subprocess
import sys

import capnp
from built import path_of

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOLS = ROOT / "tools"
LIBRARY = ROOT / "lib"
SCHEMAS = ROOT / "host_tests" / "schemas"
FILES = sorted(SCHEMAS.rglob("*.capnp"))
# Where imports that start with a slash find the schemas that come with pycapnp.
SITE = pathlib.Path(capnp.__file__).parent.parent
MICROPYTHON = os.path.join(os.path.dirname(sys.executable), "micropython")

_KINDS = """
    void bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float32 float64
    text data list struct interface anyPointer group enum
"""
KINDS = _KINDS.split()

capnp.remove_import_hook()


def run(*arguments, **options):
    """Run the compiler; return the finished process with its output as text."""
    command = [sys.executable, "-m", "capnpc_micropython", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(TOOLS)}
    options.setdefault("input", "")
    options.update(env=environment, capture_output=True, text=True)
    return subprocess.run(command, check=False, **options)


def compiled(folder, text, name="test.capnp"):
    """Run the compiler on a schema with this text."""
    schema = folder / name
    schema.write_text("@0xbf5147cbbecf40c1;\n" + text)
    return run(name, cwd=folder)


def plugin(folder, *files):
    """Run `capnp compile` with the compiler as its plugin; modules come into the folder."""
    command = ["capnp", "compile", "-I", SITE, "-I", LIBRARY]
    command += ["-o", TOOLS / "capnpc-micropython", *files]
    path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, check=True)


def find(module, path):
    """Return what a path of names leads to."""
    for name in path.split("."):
        module = getattr(module, name)
    return module


def fields_of(declared):
    """Return the field table of a Struct as {name: (kind, offset, extra)}."""
    table = declared.table_
    return {
        table[i]: (KINDS[table[i + 1] & 31], table[i + 1] >> 5, table[i + 2])
        for i in range(0, len(table), 3)
    }


def types_of(declared):
    """Return what a Struct's fields are: {name: kind or (kind, extra)}."""
    fields = fields_of(declared)
    return {
        name: kind if extra is None else (kind, extra) for name, (kind, _, extra) in fields.items()
    }


def micropython(folder, code, interpreter=MICROPYTHON):
    """Run code on MicroPython that can import the library and the modules in a folder."""
    path = f"import sys; sys.path[:] = [{str(folder)!r}, {str(LIBRARY)!r}, '.frozen']\n"
    command = [interpreter, "-c", path + code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout


def interpreters():
    """Return the MicroPythons that there are, by name; board-like ones where they are built."""
    found = {"micropython": MICROPYTHON} if os.path.exists(MICROPYTHON) else {}
    try:
        found["emu32none"] = path_of("emu32none")
    except LookupError:
        pass  # `make interpreters` builds it
    return found
