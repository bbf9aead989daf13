# SPDX-License-Identifier: MIT
"""Runs a fuzzer with seed after seed: the command line of the programs that do."""

import argparse
import time


def main(about, unit, run, report):
    """Reads the command line and runs. Returns the exit status, 1 once a run has failed.

    about    what the program does
    unit     what run() counts, "steps" for example; the option --steps asks for so many
    run      fn(seed, done) -> how many there were; it appends what it does to the list `done`
    report   fn(done, error, seed), called when run() has raised `error`
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument(f"--{unit}", type=int, default=0, help="at least so many, in all")
    parser.add_argument("--minutes", type=float, default=0)
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    least = getattr(arguments, unit)
    seed = arguments.seed
    count = 0
    while count < least or time.monotonic() < end:
        done = []
        try:
            count += run(seed, done)
        except Exception as error:
            report(done, error, seed)
            return 1
        seed += 1
    print(f"{count} {unit} from {seed - arguments.seed} seeds")
    return 0
