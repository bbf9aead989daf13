# SPDX-License-Identifier: MIT
# ruff: noqa: E402
"""A malicious peer (lib/tests/malicious.py), for so many messages or minutes.

A failing run prints its seed and a minimal test, and ends the program with status 1.
"""

import pathlib
import random
import sys
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "lib" / "tests")]

from malicious import attack, replay
from seeds import main
from shrinking import fewer

STEPS = 400  # of one run, at most


class Chance(random.Random):
    """Random numbers as malicious.attack() takes them."""

    below = random.Random.randrange
    one_of = random.Random.choice


def fails(actions):
    """Whether these actions go wrong, in whatever way."""
    try:
        replay(actions)
    except Exception:  # any at all: that is what is looked for
        return True
    return False


def report(actions, error, seed):
    """Prints a failure as a test."""
    traceback.print_exception(error, file=sys.stdout)
    print(f"\nseed {seed}\n\ndef test_malicious_{seed}():\n    replay([")
    for action in fewer(actions, fails):
        print(f"        {action!r},")
    print("    ])")


def run(seed, done):
    """One run. Returns how many messages there were."""
    return attack(seed, STEPS, Chance(seed), done=done)


if __name__ == "__main__":
    sys.exit(main(__doc__, "messages", run, report))
