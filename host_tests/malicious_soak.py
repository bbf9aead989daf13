# SPDX-License-Identifier: MIT
# ruff: noqa: E402
"""A malicious peer (lib/tests/malicious.py), for so many messages or minutes.

A failing run prints its seed and a minimal test, and ends the program with status 1.
"""

import argparse
import pathlib
import random
import sys
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "lib" / "tests")]

from malicious import attack, shrink

STEPS = 400  # of one run, at most


class Chance(random.Random):
    """Random numbers as malicious.attack() takes them."""

    below = random.Random.randrange
    one_of = random.Random.choice


def report(seed, actions, error):
    """Prints a failure as a test."""
    traceback.print_exception(error, file=sys.stdout)
    print(f"\nseed {seed}\n\ndef test_malicious_{seed}():\n    replay([")
    for action in shrink(actions):
        print(f"        {action!r},")
    print("    ])")


def main():
    """Runs seed after seed. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--messages", type=int, default=0, help="at least so many, in all")
    parser.add_argument("--minutes", type=float, default=0)
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    seed = arguments.seed
    messages = 0
    while messages < arguments.messages or time.monotonic() < end:
        actions = []
        try:
            messages += attack(seed, STEPS, Chance(seed), done=actions)
        except Exception as error:
            report(seed, actions, error)
            return 1
        seed += 1
    print(f"{messages} messages in {seed - arguments.seed} connections")
    return 0


if __name__ == "__main__":
    sys.exit(main())
