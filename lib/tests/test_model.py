# SPDX-License-Identifier: MIT
"""Vats that do random things, and a model that knows what must come of it: see model.py.

host_tests/test_model_fuzz.py does much more of the same.
"""

import gc

from model_random import Chance, fuzz
from run import needs_micropython

from capnrpc_micro.words import MICROPYTHON

RUNS = 20 if MICROPYTHON else 40
STEPS = 50 if MICROPYTHON else 300  # all vats share the heap of one board


def test_random_operations():
    for seed in range(RUNS):
        fuzz(seed, STEPS)


def test_memory_is_given_back():
    """What a run has taken is free after it."""
    needs_micropython()
    taken = []
    for _ in range(6):
        for seed in (3, 5):
            fuzz(seed, STEPS)
        gc.collect()
        taken.append(gc.mem_alloc())
    assert max(taken[1:]) - min(taken[1:]) < 1000, taken


def test_random_numbers():
    """They are the same everywhere, and not the same for two seeds."""
    chance = Chance(1)
    assert [chance.below(100) for _ in range(5)] == [7, 31, 16, 79, 57]
    firsts = set()
    for seed in range(100):
        chance = Chance(seed)
        firsts.add((chance.below(1000), chance.below(1000), chance.below(1000)))
    assert len(firsts) == 100
