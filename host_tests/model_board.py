# SPDX-License-Identifier: MIT
"""Random vats beside a model of them, on MicroPython.

arguments: the first seed, how many seeds, the steps of each. Prints how many steps there were.
"""

import sys

sys.path[:0] = [__file__.rsplit("/", 2)[0] + "/lib", __file__.rsplit("/", 2)[0] + "/lib/tests"]

from model_random import run
from model_shrink import report

first, seeds, steps = [int(argument) for argument in sys.argv[1:]]
done = 0
for seed in range(first, first + seeds):
    operations = []
    try:
        done += run(seed, steps, operations)
    except Exception as error:
        report(operations, error, seed)
        sys.exit(1)
print(done)
