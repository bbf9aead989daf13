# SPDX-License-Identifier: MIT
# ruff: noqa: F403
"""Tests of the library that take more memory than a board has, with the library not frozen."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "lib" / "tests"))

from large_resolver_circles import *
from large_rpc_drained import *
from large_streams import *
from large_streams_more import *
