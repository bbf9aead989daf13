# SPDX-License-Identifier: MIT
"""The library's tests on board-like interpreters, with the heap that a board has left."""

import os
import subprocess

import pytest
from built import path_of
from interpreters import FROZEN, PLAIN
from precompile import LIB

HEAP = "192k"
LARGE = "512k"  # three vats, and what is noted of each failed allocation
TESTS = sorted(path.stem for path in (LIB / "tests").glob("test_*.py"))

# The runner itself is compiled, too: a board has no heap to spare for the compiler.
RUN = """
import sys
sys.path[:0] = {path!r}
import run
runner = run.Runner(False)
runner.module({module!r})
sys.exit(bool(runner.counts[1] or not any(runner.counts)))
"""


@pytest.mark.parametrize("module", TESTS)
@pytest.mark.parametrize("name", PLAIN + FROZEN)
def test_library(compiled, name, module):
    path = [str(compiled / "tests")]
    if name in PLAIN:
        path.append(str(compiled / "lib"))
    # Where a test takes each place in turn, each interpreter takes its share (lib/tests/shortage.py).
    names = PLAIN + FROZEN
    share = f"{names.index(name) + 1}/{len(names)}"
    done = subprocess.run(
        [
            path_of(name),
            *("-X", f"heapsize={LARGE if module == 'test_allocation_failure' else HEAP}"),
            *("-c", RUN.format(path=path, module=module)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "SHORTAGE": share},
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert " 0 failed" in done.stdout.splitlines()[-1], done.stdout
    for line in done.stdout.splitlines():
        if line.startswith("skipped "):
            # Only what an interpreter has not may be left out.
            if "none" in name and "needs integers of" in line:
                continue
            if "none" not in name and "this interpreter has big integers" in line:
                continue
            assert "64" in name and "needs floats of single precision" in line, line
