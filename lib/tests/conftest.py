# SPDX-License-Identifier: MIT
"""Lets pytest run the files that run.py runs: the same paths, and asynchronous tests."""

import asyncio
import inspect
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]


def pytest_pyfunc_call(pyfuncitem):
    """Runs `async def` tests in an event loop of their own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    asyncio.run(pyfuncitem.obj())
    return True
