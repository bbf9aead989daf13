# SPDX-License-Identifier: MIT
"""Runs model_board.py on an interpreter."""

import pathlib
import subprocess

BOARD = pathlib.Path(__file__).resolve().parent / "model_board.py"
SEEDS = 60
STEPS = 150


def check(interpreter, first):
    """Random operations on an interpreter, a command line, with seeds from `first` on."""
    line = [*interpreter, "-X", "heapsize=2M", str(BOARD), str(first), str(SEEDS), str(STEPS)]
    done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    assert int(done.stdout) >= SEEDS * STEPS
