# SPDX-License-Identifier: MIT
"""Layer `layout`: numbers that fit a small int are read and set without taking memory.

Shown twice: with the heap locked, where making any object fails; and by how much of the heap is
taken at the moment when the message's memory is touched. For a function with more than 11 words of
names and temporaries has its frame on the heap, and gives it back at its end: that would be seen
neither before and after a call nor with the heap locked, when frames go to the C stack.
"""

import gc

from kinds import (
    BOOL,
    ENUM,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
)
from run import skip
from wirekit import ALL, COLOR, SHAPE, built, root

from capnrpc_micro import layout
from capnrpc_micro.schema import Struct

_pack_into = layout.pack_into

try:
    from micropython import heap_lock, heap_unlock

    mem_alloc = gc.mem_alloc
    gc.threshold(-1)  # nothing is collected while it is counted
except (ImportError, AttributeError):
    mem_alloc = None

_LARGE = (1 << 29) - 1 + (1 << 29)  # the largest small int of a 32-bit board

VALUES = (
    ("flag", True),
    ("last", False),
    ("i8", -128),
    ("u8", 255),
    ("i16", -32768),
    ("u16", 65535),
    ("i32", -_LARGE),
    ("u32", _LARGE),
    ("i64", -_LARGE),
    ("u64", _LARGE),
    ("color", "blue"),
)

# The same kinds with defaults.
# fmt: off
DEFAULTS = Struct(
    "Defaults", 5, 0,
    (
        "flag", BOOL | 0 << 5, True,
        "i8", INT8 | 1 << 5, -5,
        "u8", UINT8 | 2 << 5, 200,
        "i16", INT16 | 2 << 5, -300,
        "u16", UINT16 | 3 << 5, 60000,
        "i32", INT32 | 2 << 5, -70000,
        "u32", UINT32 | 3 << 5, 70000,
        "i64", INT64 | 2 << 5, -70000,
        "u64", UINT64 | 3 << 5, 70000,
        "color", ENUM | 16 << 5, (COLOR, 1),
    ),
)
# fmt: on

SMALLER = [item for item in VALUES if item[0] in DEFAULTS.table_]


class Probe:
    """Stands for a view of a message's memory; notes the most heap taken while it is used."""

    most = 0

    def __init__(self, view):
        self.view = view

    def __getitem__(self, k):
        note(mem_alloc())
        return self.view[k]

    def __setitem__(self, k, value):
        note(mem_alloc())
        self.view[k] = value


def pack_into(format, buffer, at, value):
    """struct.pack_into() to a view behind a Probe."""
    note(mem_alloc())
    _pack_into(format, buffer.view, at, value)


def note(taken):
    if taken > Probe.most:
        Probe.most = taken


def needs_a_watched_heap():
    if mem_alloc is None:
        skip("needs gc.mem_alloc and micropython.heap_lock")


def watch(m):
    """Puts probes before the views of a message, all of which have been used before."""
    m.use([view and Probe(view) for view in m.v])


def read_locked(r, name):
    heap_lock()
    try:
        return getattr(r, name)
    finally:
        heap_unlock()


def taken_by_reading(r, name):
    """Bytes of heap that are taken at most while the field is read, and after that."""
    Probe.most = 0
    before = mem_alloc()
    getattr(r, name)
    after = mem_alloc()
    return max(after, Probe.most) - before


def set_locked(b, name, value):
    heap_lock()
    try:
        setattr(b, name, value)
    finally:
        heap_unlock()


def taken_by_setting(b, name, value):
    """The same while it is set."""
    Probe.most = 0
    before = mem_alloc()
    setattr(b, name, value)
    after = mem_alloc()
    return max(after, Probe.most) - before


def with_many_names(view):
    a = b = c = d = e = f = g = h = i = j = view[0]
    return a + b + c + d + e + f + g + h + i + j


def test_the_measures_themselves():
    needs_a_watched_heap()
    probe = Probe((1,))
    Probe.most = 0
    before = mem_alloc()
    assert probe[0] == 1
    assert Probe.most == mem_alloc() == before
    assert with_many_names(probe) == 10
    assert Probe.most > before == mem_alloc()
    heap_lock()
    try:
        made = [before]
    except MemoryError:
        made = None
    finally:
        heap_unlock()
    assert made is None


def read_all(type, values):
    r = root(built(type, dict(values)), type)
    for name, value in values:
        assert getattr(r, name) == value  # the first time, names are looked up and views are made
        assert read_locked(r, name) == value
    watch(r._m)
    taken = {}
    for name, _ in values:
        taken[name] = taken_by_reading(r, name)
    assert not any(taken.values()), taken


def test_reading():
    needs_a_watched_heap()
    read_all(ALL, VALUES)


def test_reading_with_defaults():
    needs_a_watched_heap()
    read_all(DEFAULTS, SMALLER)


def test_reading_in_a_union():
    needs_a_watched_heap()
    read_all(SHAPE, (("id", 65535), ("size", -_LARGE)))


def test_reading_beyond_the_end():
    needs_a_watched_heap()
    r = root(built(Struct("Short", 0, 0), {}), DEFAULTS)
    values = {}
    for name, _ in SMALLER:
        values[name] = getattr(r, name)
    for name in values:
        assert read_locked(r, name) == values[name]
    watch(r._m)
    for name in values:
        assert taken_by_reading(r, name) == 0, name


def set_all(type, values):
    b = type.new_message()
    for name, value in values:
        setattr(b, name, value)  # the first time, names are looked up and views are made
        set_locked(b, name, value)
        assert getattr(b, name) == value
    watch(b._m)
    taken = {}
    layout.pack_into = pack_into
    try:
        for name, value in values:
            taken[name] = taken_by_setting(b, name, value)
    finally:
        layout.pack_into = _pack_into
    assert not any(taken.values()), taken


def test_setting():
    needs_a_watched_heap()
    set_all(ALL, VALUES)


def test_setting_with_defaults():
    needs_a_watched_heap()
    set_all(DEFAULTS, SMALLER)


def test_setting_in_a_union():
    needs_a_watched_heap()
    set_all(SHAPE, (("id", 65535), ("size", -_LARGE)))
