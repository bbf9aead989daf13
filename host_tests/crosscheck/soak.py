# SPDX-License-Identifier: MIT
"""Runs the cross-check again and again with new seeds, as long as asked: `make soak MINUTES=30`.

Ends at the first failure and says how to repeat it.
"""

import argparse
import os
import pathlib
import random
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TESTS = ("host_tests/test_wire_crosscheck.py", "host_tests/test_wire_damaged.py")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--times", type=int, default=5, help="examples a round, as a multiple")
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    rounds = 0
    while time.monotonic() < end:
        chosen = {
            "CROSSCHECK_SEED": str(random.SystemRandom().randrange(1 << 31)),
            "CROSSCHECK_TIMES": str(options.times),
        }
        repeat = " ".join(f"{name}={value}" for name, value in chosen.items())
        command = [sys.executable, "-m", "pytest", "-x", "-s", *TESTS]
        print(repeat, flush=True)
        if subprocess.run(command, cwd=ROOT, env={**os.environ, **chosen}).returncode:
            print("it failed; to repeat it:", repeat, *command)
            return 1
        rounds += 1
    print(rounds, "rounds without a difference")
    return 0


if __name__ == "__main__":
    sys.exit(main())
