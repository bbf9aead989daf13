# SPDX-License-Identifier: MIT
"""Random vats beside a model of them, where integers are a board's."""

import pytest
from built import path_of
from interpreters import PLAIN
from model_on_micropython import check


@pytest.mark.parametrize("name", PLAIN)
def test_random_vats(name):
    check([path_of(name)], 4000 + 100 * PLAIN.index(name))
