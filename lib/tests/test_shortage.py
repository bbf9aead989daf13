# SPDX-License-Identifier: MIT
"""What the tests of running out of memory rest on: the module `emu`, and what MicroPython does then."""

import sys

from shortage import Locked, emu, needs, needs_emu

from capnrpc_micro.extra import load


class _Empty:
    pass


class _Failure(Exception):
    pass


def _generator():
    yield


async def _coroutine():
    pass


def _many_names(x):
    a = b = c = d = e = f = g = h = i = j = x
    return a + b + c + d + e + f + g + h + i + j


def _list():
    made = []
    for k in range(20):
        made.append(k)


def _dict():
    made = {}
    for k in range(20):
        made[k] = k


def _buffer():
    made = bytearray()
    for k in range(40):
        made.append(k)
    made.extend(bytes(100))


def _attributes():
    made = _Empty()
    made.a = made.b = made.c = made.d = made.e = made.f = 1


def _exception():
    try:
        raise _Failure("text")
    except _Failure:
        pass


_VIEW = memoryview(bytes(10))
_FOUR = (1, 2, 3, 4)

# Each of these takes memory. What is the second, whether one allocation that fails is a MemoryError:
# MicroPython does without the memory of a frame, and of an exception's text.
PATHS = (
    (_Empty, True),
    (_generator, True),
    (lambda: _coroutine().close(), True),
    (_list, True),
    (_dict, True),
    (_buffer, True),
    (_attributes, True),
    (lambda: _VIEW[1:3], True),
    (lambda: bytes(_VIEW), True),
    (lambda: list(_FOUR), True),
    (lambda: set(_FOUR), True),
    (lambda: "%d" % len(_FOUR), True),
    (lambda: (_VIEW, _FOUR), True),
    (lambda: lambda: _VIEW, True),
    (lambda: _many_names(1), False),
    (_exception, None),
)


def _attempt(fn, n):
    """Calls fn with the n-th allocation failing. Returns whether there was a MemoryError."""
    emu.fail_after(n)
    emu.count(True)
    try:
        fn()
        return False
    except MemoryError:
        return True
    finally:
        emu.count(False)


def test_every_path():
    needs_emu()
    for fn, raises in PATHS:
        assert not _attempt(fn, 0)
        total = emu.allocations()
        assert total and not emu.failures()
        failed = []
        for n in range(1, total + 1):
            failed.append(_attempt(fn, n))
            assert emu.failures() == 1
        assert raises is None or failed == [raises] * total, (fn, failed)
        assert not _attempt(fn, total + 1) and not emu.failures()


def test_a_locked_heap():
    needs(Locked)
    for fn, raises in PATHS:
        if raises is not None:
            shortage = Locked(1)
            failed = False
            shortage.enter()
            try:
                fn()
            except MemoryError:
                failed = True
            shortage.leave()
            assert failed == raises, fn
            fn()


def test_what_gives_memory_back():
    needs_emu()
    made = list(range(50))
    buffer = bytearray(100)
    d = {k: k for k in range(20)}

    def shrink():
        while made:
            made.pop()
        d.clear()
        buffer[2:] = b""

    assert not _attempt(shrink, 1) and not emu.allocations()


def _tries(first, times):
    """Which of five attempts to make an object have failed, the shortage being like this."""
    failed = [None] * 5
    emu.fail_after(first, times)
    emu.count(True)
    for k in range(5):
        try:
            _Empty()
            failed[k] = False
        except MemoryError:
            failed[k] = True
    emu.count(False)
    return failed


def test_several_in_a_row():
    needs_emu()
    assert _tries(0, 1) == [False] * 5
    assert emu.allocations() == 5
    assert _tries(2, 1) == [False, True, False, False, False]
    # What is raised would take memory, too: with the second failing in a row there is none for it.
    assert _tries(2, 2)[:2] == [False, True]
    assert _tries(3, -1) == [False, False, True, True, True]
    assert emu.failures() > 3
    emu.fail_after(0)


def test_every_so_many():
    needs_emu()
    emu.fail_every(3)
    emu.count(True)
    for _ in range(9):
        try:
            _Empty()
        except MemoryError:
            pass
    emu.count(False)
    assert emu.failures() == emu.allocations() // 3 >= 3
    emu.fail_after(0)


def test_nothing_counts_in_the_beginning():
    needs_emu()
    emu.fail_every(1)
    assert emu.count(False) is False
    assert _Empty() and emu.allocations() == 0
    emu.fail_after(0)


def test_parts_that_are_loaded():
    """An import that fails can be tried again, wherever it has failed."""
    needs_emu()
    name = "capnrpc_micro.extra.any"
    load("AnyReader")
    before = sys.modules[name]

    def again():
        sys.modules.pop(name, None)
        load("AnyReader")

    try:
        n = 1
        while _attempt(again, n) or emu.failures():
            emu.fail_after(0)
            assert load("AnyReader").__name__ == "AnyReader", n
            n += 1 if n < 30 else 7
        assert n > 5  # fewer places where it is frozen
    finally:
        sys.modules[name] = before
