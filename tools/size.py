# SPDX-License-Identifier: MIT
"""How much flash, heap and stack the library takes on a board.

Prints `figure NAME VALUE` lines. Those of a 32-bit interpreter need `make interpreters`. With
--check it fails when a figure is above its budget in budgets.txt, or when one is missing.
"""

import asyncio
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
sys.path.append(str(pathlib.Path(__file__).resolve().parent / "bench"))

import echo_capnp
from built import path_of
from layers import EXTRA, LAYERS, WIRE, always_loaded, core_on_demand, files, objects_extra
from micropython import command
from ports import free_port
from precompile import LIB, compile_file, compile_tree

import capnrpc_micro
from capnrpc_micro.identity.secret_key import SecretKey

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


def tls_figures(interpreter):
    """What measure_vat.py prints on such an interpreter, with this process as its peers; a dict."""
    with tempfile.TemporaryDirectory() as folder:
        key = SecretKey.generate()
        key.save(folder + "/key.pem")
        # Not in BUILD, which has the library, too.
        for source in (HERE / "measure_vat.py", HERE / "bench" / "echo_capnp.py"):
            compile_file(source, pathlib.Path(folder, f"{source.stem}.mpy"), 0)
        code = (
            f"import sys; sys.path.insert(0, {folder!r}); "
            f"sys.argv[:] = ['', '{free_port()}', {folder + '/key.pem'!r}, {folder + '/store'!r}]; "
            "import measure_vat"
        )
        line = [*interpreter, "-X", "heapsize=192k", "-c", code]
        pipe = subprocess.PIPE
        with subprocess.Popen(line, stdin=pipe, stdout=pipe, text=True) as board:
            uri = board.stdout.readline().split()[1]
            printed = asyncio.run(_as_peers(uri, board))
            board.stdin.close()
    _, name, value = printed.split()
    return {name: int(value)}


async def _as_peers(uri, board):
    """Two peers call; returns what the board prints then."""
    peers = [capnrpc_micro.Vat() for _ in range(2)]
    echoes = [await peer.connect(uri, echo_capnp.Echo) for peer in peers]
    for echo in echoes:
        await echo.echo(1)
    board.stdin.write("\n")
    board.stdin.flush()
    printed = board.stdout.readline()
    for peer in peers:
        await peer.close()
    return printed


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
        figures |= tls_figures([frozen])
    for name, value in figures.items():
        print(f"figure {name} {value}")
    if "--check" not in sys.argv[1:]:
        return 0
    status = 0
    for name, budget in budgets().items():
        if name not in figures:
            print(f"{name} was not measured: run `make interpreters`", file=sys.stderr)
            status = 1
        elif name.startswith("free_"):  # of which there is never too much
            if figures[name] < budget:
                print(f"{name} is {figures[name]}, less than {budget}", file=sys.stderr)
                status = 1
        elif figures[name] > budget:
            print(f"{name} is {figures[name]}, above its budget of {budget}", file=sys.stderr)
            status = 1
    if not status:
        print("all figures are within their budgets")
    return status


if __name__ == "__main__":
    sys.exit(main())
