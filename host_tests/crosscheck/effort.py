# SPDX-License-Identifier: MIT
"""How much the tests try, from the environment: nothing set is what `make test` runs.

CROSSCHECK_TIMES   multiplies the number of examples
CROSSCHECK_SEED    random examples from this seed instead of the same ones each time
"""

import os

import hypothesis

TIMES = int(os.environ.get("CROSSCHECK_TIMES", "1"))
SEED = os.environ.get("CROSSCHECK_SEED")


def examples(count):
    """A decorator for a test with @given: twice so many examples."""
    settings = hypothesis.settings(
        max_examples=2 * count * TIMES,
        deadline=None,
        derandomize=SEED is None,
        database=None,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        print_blob=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    if SEED is None:
        return settings
    return lambda test: hypothesis.seed(int(SEED))(settings(test))
