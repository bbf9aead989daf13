# SPDX-License-Identifier: MIT
"""A million random steps of two to four vats, compared with a model of plain references."""

import pathlib
import subprocess
import sys

SOAK = pathlib.Path(__file__).resolve().parent / "model_soak.py"
STEPS = 500_000


def test_a_million_steps():
    """In two processes, each with seeds of its own."""
    lines = [
        [sys.executable, str(SOAK), "--seed", str(first), "--steps", str(STEPS)]
        for first in (1, 1_000_000)
    ]
    processes = [subprocess.Popen(line, stdout=subprocess.PIPE, text=True) for line in lines]
    done = [(process.communicate()[0], process.returncode) for process in processes]
    for output, status in done:
        assert status == 0, output
    assert sum(int(output.split()[0]) for output, _ in done) >= 2 * STEPS
