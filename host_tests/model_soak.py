# SPDX-License-Identifier: MIT
# ruff: noqa: E402
"""Random vats beside a model of them (lib/tests/model.py), for so many steps or minutes.

A failing run prints its seed and a minimal test, and ends the program with status 1.
"""

import argparse
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "lib" / "tests")]

from model_random import run
from model_shrink import report

STEPS = 300  # of one run


def main():
    """Runs seed after seed. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--steps", type=int, default=0, help="at least so many, in all")
    parser.add_argument("--minutes", type=float, default=0)
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    seed = arguments.seed
    steps = 0
    while steps < arguments.steps or time.monotonic() < end:
        operations = []
        try:
            steps += run(seed, STEPS, operations)
        except Exception as error:
            report(operations, error, seed)
            return 1
        seed += 1
    print(f"{steps} steps from {seed - arguments.seed} seeds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
