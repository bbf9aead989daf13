# SPDX-License-Identifier: MIT
"""Random vats beside a model of them, on the MicroPython of PyPI."""

from micropython import command
from model_on_micropython import check


def test_random_vats():
    check(command(), 3000)
