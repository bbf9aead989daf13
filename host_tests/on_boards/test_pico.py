# SPDX-License-Identifier: MIT
"""The library on an emulated Raspberry Pi Pico: the firmware that a real one would be flashed with.

Prints figures, so run it with `-s` (make test-boards does).
"""

import os
import pathlib
import subprocess
import sys

import pytest
from built import path_of
from pico import Pico
from precompile import LIB, compile_file

ROOT = LIB.parent
HERE = pathlib.Path(__file__).resolve().parent
ECHO = ROOT / "tools" / "bench" / "echo.capnp"
NETWORK = LIB / "capnrpc_micro" / "device" / "network.capnp"

SEQUENTIAL = 50
PIPELINED = 400

# As much of the library's suite as the emulation, at a fifth of a Pico's speed, does in a few minutes:
# one module of every layer. All of it runs on the board-like interpreters.
TESTS = [
    LIB / "tests" / f"test_{name}.py"
    for name in (
        *("words", "message", "layout", "schema", "objects", "rpc_calls", "identity_address"),
        *("restorer", "device_network"),
    )
]

RUN = """
import gc, sys
import run
runner = run.Runner(False)
runner.module({module!r})
print("%d passed, %d failed, %d skipped" % tuple(runner.counts))
"""


def figure(name, value):
    print(f"\nfigure {name} {value}")


@pytest.fixture(scope="module")
def pico():
    """A Pico with the library frozen in."""
    with Pico(path_of("rp2-ppp-frozen")) as pico:
        yield pico


def copy_to(pico, folder, *sources):
    """Compiles Python files with their asserts and copies them to the board's flash."""
    compiled = []
    for source in sources:
        compiled.append(folder / f"{source.stem}.mpy")
        compile_file(source, compiled[-1], level=0)
    pico.mpremote("fs", "cp", *compiled, ":")


def test_boots_to_the_repl_and_imports_the_library():
    with Pico(path_of("rp2"), realtime=False) as pico:
        plain = int(pico.exec("import gc; gc.collect(); print(gc.mem_free())"))
        figure("pico_free_heap_plain", plain)
    with Pico(path_of("rp2-ppp-frozen"), realtime=False) as pico:
        assert pico.exec("print(6 * 7)") == "42\n"
        used = pico.exec(
            "import asyncio, gc\n"
            "gc.collect(); before = gc.mem_free()\n"
            "import capnrpc_micro.net.tcp\n"
            "gc.collect(); print(before - gc.mem_free())"
        )
        figure("pico_heap_bytes_import_frozen", int(used))
    without = os.path.getsize(pathlib.Path(path_of("rp2-ppp")).with_suffix(".bin"))
    with_it = os.path.getsize(pathlib.Path(path_of("rp2-ppp-frozen")).with_suffix(".bin"))
    figure("pico_image_bytes_added", with_it - without)


@pytest.mark.parametrize("test", TESTS, ids=lambda path: path.stem)
def test_library_suite(test, tmp_path):
    """Through mpremote: copied to flash, imported and run."""
    with Pico(path_of("rp2-ppp-frozen"), realtime=False) as pico:
        helpers = [path for path in (LIB / "tests").glob("*.py") if "test" not in path.stem]
        copy_to(pico, tmp_path, *(path for path in helpers if path.stem != "conftest"), test)
        output = pico.mpremote("exec", RUN.format(module=test.stem), timeout=600)
        assert " 0 failed" in output.splitlines()[-1], output
        assert not output.splitlines()[-1].startswith("0 passed"), output
        for line in output.splitlines():
            assert not line.startswith("skipped ") or "needs" in line, line


class Host:
    """A program of pycapnp's inside the link's namespace, which stops between its parts."""

    def __init__(self, link, script, *arguments):
        self.process = link.popen(
            *(sys.executable, HERE / script, *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{LIB}:{ROOT / 'tools'}"},
        )

    def until(self, name):
        line = self.process.stdout.readline().strip()
        assert line == name, f"{line!r} instead of {name!r}: did the host's program fail?"

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def call_it(pico, link, figures):
    """Serves, calls from the host, and ends the program on the board."""
    program = pico.start((HERE / "echo_board.py").read_text())
    program.wait_output("serving")
    arguments = (link.board_address, ECHO, NETWORK, SEQUENTIAL, PIPELINED)
    with Host(link, "echo_host.py", *arguments) as host:
        clock = []
        for part in ("sequential", "pipelined", "network", "done"):
            host.until(part)
            clock.append(pico.stats()["emulated_s"])
            host.go_on()
        assert host.process.wait() == 0
    if figures:
        figure("pico_call_us_emulated", round((clock[1] - clock[0]) / SEQUENTIAL * 1e6))
        rate = round(PIPELINED / (clock[2] - clock[1]))
        figure("pico_calls_per_emulated_second", rate)
    program.interrupt()


def test_called_by_pycapnp_over_ppp_and_again_after_a_reset(pico, tmp_path):
    copy_to(pico, tmp_path, ECHO.with_name("echo_capnp.py"))
    with pico.ppp() as link:
        call_it(pico, link, figures=True)
        pico.reset()
        link.connect()
        call_it(pico, link, figures=False)


def reach_it(pico, link, figures):
    """Starts the vat, reaches it by the URI that it prints, and ends it. Returns the URI."""
    program = pico.start((HERE / "tls_board.py").read_text())
    program.wait_output("started ", timeout=300)
    milliseconds, uri = program.wait_output("\n", timeout=60).split()
    with Host(link, "tls_host.py", ECHO, uri) as host:
        host.until("begin")
        begin = pico.stats()["emulated_s"]
        host.go_on()
        host.until("connected")
        end = pico.stats()["emulated_s"]
        host.until("called")
        program.wait_output("free ", timeout=60)
        free = int(program.wait_output("\n", timeout=60))
    if figures:
        figure("pico_first_boot_ms_emulated", milliseconds)
        figure("pico_handshake_ms_emulated", round(1000 * (end - begin)))
        figure("pico_free_heap_tls", free)
    assert free >= 130000
    program.interrupt()
    return uri


def test_the_uri_of_the_first_boot_works_after_a_reset(tmp_path):
    """The board makes its key, and keeps it. What the link takes of its heap is little: Wi-Fi takes none."""
    with Pico(path_of("rp2-ppp-frozen")) as pico:
        copy_to(pico, tmp_path, ECHO.with_name("echo_capnp.py"))
        with pico.ppp(buffer=2048) as link:
            uri = reach_it(pico, link, figures=True)
            assert uri.startswith("capnp://sha-256:")
            pico.reset()
            link.connect()
            assert reach_it(pico, link, figures=False) == uri
