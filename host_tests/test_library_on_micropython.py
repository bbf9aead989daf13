# SPDX-License-Identifier: MIT
"""The library's tests on MicroPython: the same files that pytest runs on CPython."""

import pathlib
import subprocess

import pytest
from micropython import command

TESTS = pathlib.Path(__file__).resolve().parent.parent / "lib" / "tests"


@pytest.mark.parametrize("path", sorted(TESTS.glob("test_*.py")), ids=lambda path: path.stem)
def test_on_micropython(path):
    done = subprocess.run(
        [*command(), "-X", "heapsize=512k", str(TESTS / "run.py"), path.name],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    summary = done.stdout.splitlines()[-1]
    assert " 0 failed" in summary
    if summary.startswith("0 passed"):
        pytest.skip(done.stdout.splitlines()[0])
