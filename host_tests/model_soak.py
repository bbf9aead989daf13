# SPDX-License-Identifier: MIT
# ruff: noqa: E402
"""Random vats beside a model of them (lib/tests/model.py), for so many steps or minutes.

A failing run prints its seed and a minimal test, and ends the program with status 1.
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "lib" / "tests")]

from model_random import run
from model_shrink import report
from seeds import main

STEPS = 300  # of one run


if __name__ == "__main__":
    sys.exit(main(__doc__, "steps", lambda seed, done: run(seed, STEPS, done), report))
