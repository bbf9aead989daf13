# SPDX-License-Identifier: MIT
"""Runs the library's tests on CPython and on any MicroPython, boards included.

usage: run.py [-v] [names...]

Each `test_*.py` beside this file (or each that is named) is imported, each of its `test_*`
functions is called, and the module is dropped again, so that one test file at a time fits a small
heap. A test says what it expects with `assert`; `skip(reason)` says that it cannot run here.
pytest runs the same files.
"""

import gc
import os
import sys


class Skip(Exception):
    """A test that cannot run on this interpreter."""


def skip(reason):
    """Ends the test that calls it as skipped."""
    if "pytest" in sys.modules:
        sys.modules["pytest"].skip(reason)
    raise Skip(reason)


def power(bits):
    """2 ** bits, worked out when it runs: a constant of more than 31 bits in a compiled module
    could not be loaded where there are no big integers."""
    return 1 << bits


def needs_big_integers(bits=32):
    """Skips the test where the interpreter has no integers of this many bits."""
    try:
        return 1 << bits
    except OverflowError:
        skip("needs integers of %d bits" % bits)


def needs_micropython():
    """Skips the test on CPython."""
    if sys.implementation.name != "micropython":
        skip("needs MicroPython")


def _folder():
    file = globals().get("__file__", "")
    return file.rsplit("/", 1)[0] if "/" in file else "."


def _find_library(folder):
    """Makes the tests, and the library beside them, importable. On boards it may be frozen."""
    for path in (folder + "/..", folder):
        if path not in sys.path:
            sys.path.insert(0, path)


def _names(folder, arguments):
    """Names of the test modules to run, each with the names of its tests (none: all of them)."""
    if arguments:
        names = [name.rsplit("/", 1)[-1] for name in arguments]
    else:
        names = sorted(name for name in os.listdir(folder) if name.startswith("test_"))
    names = [name.rsplit(".", 1)[0] for name in names if "." not in name or ".py" in name]
    return [name if name.startswith("test_") else "test_" + name for name in names]


def _print_exception(error):
    if hasattr(sys, "print_exception"):
        sys.print_exception(error)
    else:
        import traceback

        traceback.print_exception(error, file=sys.stdout)


class Runner:
    """Counts passed, failed and skipped tests."""

    def __init__(self, verbose):
        self.verbose = verbose
        self.counts = [0, 0, 0]

    def module(self, name):
        """Runs one test module."""
        if hasattr(gc, "threshold"):  # as serve() sets it: else the heap gets scattered
            gc.threshold((gc.mem_free() + gc.mem_alloc()) >> 3)
        before = self.counts[:]
        module = self.one(name, lambda: __import__(name))
        if module is not None:
            self.counts[0] -= 1  # importing it is no test
            for test in sorted(dir(module)):
                fn = getattr(module, test)
                if test.startswith("test_") and callable(fn):
                    self.one(name + "." + test, fn)
            module = fn = None
        sys.modules.pop(name, None)
        now = self.counts
        print(name + ": " + _line([now[k] - before[k] for k in range(3)]))

    def one(self, name, fn):
        """Calls fn as a test. Returns its result."""
        gc.collect()
        if self.verbose:
            print(name)
        try:
            result = fn()
            if hasattr(result, "send"):
                result = self.wait(result)
        except Skip as reason:
            self.counts[2] += 1
            print("skipped %s: %s" % (name, reason))
        except Exception as error:
            self.counts[1] += 1
            print("FAILED " + name)
            _print_exception(error)
        else:
            self.counts[0] += 1
            return result

    def wait(self, coroutine):
        """Runs an asynchronous test."""
        try:
            import asyncio
        except ImportError:
            coroutine.close()
            skip("needs asyncio")
        return asyncio.run(coroutine)


def _line(counts):
    return "%d passed, %d failed, %d skipped" % tuple(counts)


def main(arguments):
    """Runs the tests that the arguments name. Returns the exit status."""
    sys.modules["run"] = __import__("__main__")  # one Skip, also for the tests' own import
    folder = _folder()
    _find_library(folder)
    runner = Runner("-v" in arguments)
    for name in _names(folder, [name for name in arguments if name != "-v"]):
        runner.module(name)
    print(_line(runner.counts))
    return 1 if runner.counts[1] or not any(runner.counts) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
