# SPDX-License-Identifier: MIT
"""How much flash, heap and stack the library takes on a board.

Prints `figure NAME VALUE` lines. Those of a 32-bit interpreter need `make interpreters`. With
--check it fails when a figure is above its budget in budgets.txt, or when one is missing.
"""

import pathlib
import shutil
import subprocess
import sys

from built import path_of
from layers import EXTRA, LAYERS, WIRE, always_loaded, core_on_demand, files, objects_extra
from micropython import command
from precompile import LIB, compile_file, compile_tree

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent / "build" / "size"
BUDGETS = HERE / "budgets.txt"

# What keeps messages: files, the packed encoding, dictionaries and the text form.
_KEEPING = ("files", "messages", "packed", "dict")

# Modules that a board has built in are loaded before the measurement.
_HEAP = """
import gc, struct, sys
import {before}
sys.path[:0] = {path!r}
gc.collect()
before = gc.mem_alloc()
import {module}
gc.collect()
print(gc.mem_alloc() - before)
"""


def flash_figures():
    """Bytes of .mpy by layer. Compiles the library below BUILD."""
    shutil.rmtree(BUILD, ignore_errors=True)
    sizes = compile_tree(LIB / "capnrpc_micro", BUILD / "capnrpc_micro")
    layers = {layer: sum(sizes[path] for path in files(layer)) for layer in LAYERS}
    figures = {f"mpy_bytes_{layer}": layers[layer] for layer in LAYERS}
    figures["mpy_bytes_wire"] = sum(layers[layer] for layer in WIRE)
    on_demand = {path.stem: sizes[path] for path in files(EXTRA)}
    figures["mpy_bytes_wire_extra"] = sum(on_demand[name] for name in _KEEPING)
    figures["mpy_bytes_wire_on_demand"] = sum(on_demand.values())
    figures["mpy_bytes_core"] = sum(sizes[path] for path in always_loaded())
    figures["mpy_bytes_core_on_demand"] = sum(sizes[path] for path in core_on_demand())
    figures["mpy_bytes_objects_extra"] = sum(sizes[path] for path in objects_extra())
    return figures


def heap_figures(interpreter, suffix, path):
    """Bytes of heap that importing the core, and the core with TCP, leaves in use."""
    return {
        f"heap_bytes_import_{name}{suffix}": _heap(interpreter, module, before, path)
        for name, module, before in (
            ("core", "capnrpc_micro.rpc.connection", "struct"),
            ("core_and_net", "capnrpc_micro.net.tcp", "asyncio"),
        )
    }


def _heap(interpreter, module, before, path):
    code = _HEAP.format(path=path, module=module, before=before)
    line = [*interpreter, "-X", "heapsize=1m", "-c", code]
    return int(subprocess.run(line, stdout=subprocess.PIPE, check=True).stdout)


def call_figures(interpreter):
    """What measure.py prints on an interpreter with the library frozen in, as a dict."""
    for name in ("in_memory", "measure"):
        compile_file(HERE / f"{name}.py", BUILD / f"{name}.mpy", 0)  # with its checks
    code = f"import sys; sys.path.insert(0, {str(BUILD)!r}); import measure"
    line = [*interpreter, "-X", "heapsize=192k", "-c", code]
    output = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True).stdout
    return {name: int(value) for _, name, value in map(str.split, output.splitlines())}


def budgets():
    """The budgets by name."""
    lines = (line.split("#")[0].split() for line in BUDGETS.read_text().splitlines())
    return {line[0]: int(line[1]) for line in lines if line}


def main():
    """Prints the figures. Returns the exit status."""
    figures = flash_figures()
    try:
        plain = path_of("emu32")
        frozen = path_of("emu32frozen")
    except LookupError:
        figures |= heap_figures(command(), "_64_bit", [str(BUILD)])
        print("the figures of a 32-bit board need `make interpreters`", file=sys.stderr)
    else:
        figures |= heap_figures([plain], "", [str(BUILD)])
        figures |= heap_figures([frozen], "_frozen", [])
        figures |= call_figures([frozen])
    for name, value in figures.items():
        print(f"figure {name} {value}")
    if "--check" not in sys.argv[1:]:
        return 0
    status = 0
    for name, budget in budgets().items():
        if name not in figures:
            print(f"{name} was not measured: run `make interpreters`", file=sys.stderr)
            status = 1
        elif figures[name] > budget:
            print(f"{name} is {figures[name]}, above its budget of {budget}", file=sys.stderr)
            status = 1
    if not status:
        print("all figures are within their budgets")
    return status


if __name__ == "__main__":
    sys.exit(main())
