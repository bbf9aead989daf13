# SPDX-License-Identifier: MIT
"""The wire format against the C++ implementation (pycapnp): random values, and damaged messages.

One walk compares a reader of ours with one of theirs, field by field. For sound messages both have
to read the same. Of damaged ones ours may refuse more than theirs, never less, and what ours does
read has to be what theirs reads.
"""

import contextlib
import functools
import math
import struct

import capnp
import pytest
from conftest import SCHEMAS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capnrpc_micro.layout import (
    BOOL,
    DATA,
    ENUM,
    FLOAT32,
    FLOAT64,
    GROUP,
    LIST,
    STRUCT,
    TEXT,
    VOID,
    struct_at,
)
from capnrpc_micro.layout_build import copy_pointer, put_struct
from capnrpc_micro.limits import Limits
from capnrpc_micro.message import Builder, MessageError, Receiver

LIMITS = Limits.host()
REFUSED = object()
SIGNED = {2: 8, 4: 16, 6: 32, 8: 64}
UNSIGNED = {3: 8, 5: 16, 7: 32, 9: 64}

capnp.remove_import_hook()


@pytest.fixture(scope="module", name="wire")
def _wire(generated):
    return generated("wire").Wire


@pytest.fixture(scope="module", name="theirs")
def _theirs():
    return capnp.load(str(SCHEMAS / "wire.capnp")).Wire


# Random values for a declaration.


def struct_of(extra):
    return extra[0] if isinstance(extra, tuple) else extra


def values(kind, extra, depth):
    """A strategy for the values of a field or an element."""
    if kind in SIGNED:
        half = 1 << (SIGNED[kind] - 1)
        return st.integers(-half, half - 1)
    if kind in UNSIGNED:
        return st.integers(0, (1 << UNSIGNED[kind]) - 1)
    if kind == STRUCT:
        return structs(struct_of(extra), depth - 1)
    if kind == GROUP:
        return structs(extra, depth)
    if kind == LIST:
        return st.lists(values(extra[0], extra[1], depth), max_size=9 if extra[0] < LIST else 3)
    return {
        VOID: lambda: st.none(),
        BOOL: lambda: st.booleans(),
        FLOAT32: lambda: st.floats(width=32),
        FLOAT64: lambda: st.floats(),
        TEXT: lambda: st.text(max_size=20),
        DATA: lambda: st.binary(max_size=20),
        ENUM: lambda: st.sampled_from(struct_of(extra).names_),
    }[kind]()


def is_struct(kind, extra):
    while kind == LIST:
        kind, extra = extra[:2]
    return kind == STRUCT


@functools.cache
def structs(type, depth):
    """A strategy for dicts of a struct's fields."""
    plain = {}
    union = [st.just({})]
    table = type.table_
    for at in range(0, len(table), 3):
        name, code, extra = table[at : at + 3]
        if depth == 0 and is_struct(code & 31, extra):
            continue
        if code & 31 == STRUCT and isinstance(extra, tuple):
            continue  # pycapnp merges a dict into the field's default, ours replaces the default
        value = values(code & 31, extra, depth)
        if at < type.union_at_:
            plain[name] = value
        else:
            union.append(st.fixed_dictionaries({name: value}))
    plain = st.fixed_dictionaries({}, optional=plain)
    return st.builds(lambda a, b: {**a, **b}, plain, st.one_of(union))


# Messages.


def our_frame(type, value):
    m = Builder(64, 1 << 24)
    m.begin()
    put_struct(m, m.lo, type, value)
    m.end()
    return bytes(m.b[: 4 * m.hi])


def received(frame):
    receiver = Receiver(LIMITS)
    while frame:
        space = receiver.space()
        n = min(len(space), len(frame))
        space[:n] = frame[:n]
        frame = frame[n:]
        receiver.filled(n)
        if receiver.next():
            return receiver.message
    raise MessageError("the frame is not complete")


def our_reader(type, frame):
    m = received(frame)
    return struct_at(m, m.lo, LIMITS.nesting, type)


def tight(words):
    """Segments with no room for anything else, so that every pointer is far or double-far."""
    return bytearray(8 * words)


def roomy(words):
    """Segments with some room, so that there are near and far pointers."""
    return bytearray(8 * max(words, 12))


# Comparing.


def attempt(fn, *args):
    try:
        return fn(*args)
    except (MessageError, UnicodeError, capnp.KjException):
        return REFUSED


class Walk:
    """Compares two readers of one message. `strict` says that ours may not refuse more."""

    def __init__(self, strict):
        self.strict = strict
        self.budget = 4000

    def structs(self, ours, theirs, type, depth, path=""):
        table = type.table_
        chosen = None
        if type.tag_ is not None:
            chosen = ours.which_()
            which = attempt(lambda: str(theirs.which()))
            assert which is REFUSED if isinstance(chosen, int) else which == chosen, path
        for at in range(0, len(table), 3):
            name, code, extra = table[at : at + 3]
            if at < type.union_at_ or name == chosen:
                self.both(
                    attempt(getattr, ours, name),
                    attempt(getattr, theirs, name),
                    code & 31,
                    extra,
                    depth,
                    f"{path}.{name}",
                )

    def both(self, ours, theirs, kind, extra, depth, path):
        self.budget -= 1
        if theirs is REFUSED:
            assert ours is REFUSED, f"{path} is refused by theirs, ours reads {ours}"
        elif ours is REFUSED:
            assert not self.strict, f"{path} is refused by ours, theirs reads {theirs}"
        elif self.budget < 0 or depth < 0:
            pass
        elif kind == GROUP:
            self.structs(ours, theirs, extra, depth, path)
        elif kind == STRUCT:
            self.structs(ours, theirs, struct_of(extra), depth - 1, path)
        elif kind == LIST:
            assert len(ours) == len(theirs), path
            for k in range(min(len(ours), 40)):
                mine = attempt(ours.__getitem__, k)
                other = attempt(theirs.__getitem__, k)
                self.both(mine, other, extra[0], extra[1], depth - 1, f"{path}[{k}]")
        elif kind == ENUM:
            names = struct_of(extra).names_
            assert (ours if isinstance(ours, int) else names.index(ours)) == theirs.raw, path
        elif kind in (FLOAT32, FLOAT64):
            same = struct.pack("d", ours) == struct.pack("d", theirs)
            assert same or math.isnan(ours) and math.isnan(theirs), path
        elif kind != VOID:
            assert ours == theirs, path


def compare(wire, ours, theirs, strict=True, depth=8):
    Walk(strict).structs(ours, theirs, wire, depth)


# Tests.


def with_values(examples, *more):
    """Calls the test with random values of Wire, and with what else is given."""

    def decorate(test):
        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.data())
        def run(wire, theirs, data):
            value = data.draw(structs(wire, 3))
            test(wire, theirs, value, *(data.draw(strategy) for strategy in more))

        run.__name__ = test.__name__
        run.__doc__ = test.__doc__
        return run

    return decorate


def test_defaults(wire, theirs):
    """Of a message without anything, and of one with an empty struct."""
    for frame in (
        bytes([0, 0, 0, 0, 1, 0, 0, 0]) + bytes(8),
        our_frame(wire, {}),
        our_frame(wire, {"nodeD": {}}),
        our_frame(wire, {"nodeD": {"name": "other", "next": {}}}),
        theirs.new_message().to_bytes(),
    ):
        with theirs.from_bytes(frame) as reader:
            compare(wire, our_reader(wire, frame), reader)


@with_values(200)
def test_ours_builds_theirs_reads(wire, theirs, value):
    frame = our_frame(wire, value)
    with theirs.from_bytes(frame) as reader:
        compare(wire, our_reader(wire, frame), reader)
        # and it is the value that was asked for
        compare(wire, our_reader(wire, theirs.new_message(**value).to_bytes()), reader)


@with_values(200, st.sampled_from((None, tight, roomy)), st.integers(1, 200))
def test_theirs_builds_ours_reads(wire, theirs, value, segment, first):
    if segment is None:
        message = theirs.new_message(**value)
    else:
        message = theirs.new_message(
            num_first_segment_words=first, allocate_seg_callable=segment, **value
        )
    frame = message.to_bytes()
    ours = our_reader(wire, frame)
    compare(wire, ours, message.as_reader())
    # and it is the value that was asked for
    with theirs.from_bytes(our_frame(wire, value)) as reader:
        compare(wire, ours, reader)


@with_values(100, st.sampled_from((tight, roomy)), st.integers(1, 200))
def test_copies(wire, theirs, value, segment, first):
    """A message of theirs in many segments, copied into one of ours, is read by theirs."""
    message = theirs.new_message(
        num_first_segment_words=first, allocate_seg_callable=segment, **value
    )
    source = received(message.to_bytes())
    copy = Builder(64, 1 << 24)
    copy.begin()
    copy_pointer(copy, copy.lo, source, source.lo)
    copy.end()
    frame = bytes(copy.b[: 4 * copy.hi])
    with theirs.from_bytes(frame) as reader:
        compare(wire, our_reader(wire, frame), reader)
        compare(wire, struct_at(source, source.lo, LIMITS.nesting, wire), reader)


def compare_damaged(wire, theirs, frame):
    ours = attempt(our_reader, wire, frame)
    with contextlib.ExitStack() as stack:
        reader = attempt(lambda: stack.enter_context(theirs.from_bytes(frame)))
        if reader is REFUSED or ours is REFUSED:
            assert ours is REFUSED
        else:
            compare(wire, ours, reader, strict=False, depth=5)


def table_words(frame):
    """Words of the segment table."""
    return (int.from_bytes(frame[:4], "little") + 3) // 2


MUTATIONS = st.lists(
    st.tuples(
        st.integers(0, 1 << 30),
        st.one_of(
            st.binary(min_size=1, max_size=1),
            st.sampled_from([b"\0", b"\1", b"\2", b"\6", b"\x7f", b"\x80", b"\xff"]),
            st.integers(0, 1 << 30),
            # small pointers of every kind
            st.builds(
                lambda offset, kind, sizes: struct.pack("<iI", offset << 2 | kind, sizes),
                st.integers(-20, 20),
                st.integers(0, 3),
                st.one_of(
                    st.integers(0, 300),
                    st.builds(lambda d, n: d | n << 16, st.integers(0, 9), st.integers(0, 9)),
                ),
            ),
        ),
    ),
    min_size=1,
    max_size=4,
)


@with_values(1000, st.sampled_from((None, tight, roomy)), MUTATIONS)
def test_damaged_messages(wire, theirs, value, segment, mutations):
    if segment is None:
        message = theirs.new_message(**value)
    else:
        message = theirs.new_message(
            num_first_segment_words=60, allocate_seg_callable=segment, **value
        )
    frame = bytearray(message.to_bytes())
    start = table_words(frame) * 8
    for where, what in mutations:
        at = start + where % (len(frame) - start)
        if isinstance(what, int):  # a word from elsewhere
            other = start + what % (len(frame) - start) & ~7
            what = frame[other : other + 8]
        if len(what) == 8:
            at &= ~7
        frame[at : at + len(what)] = what
    frame = bytes(frame)
    compare_damaged(wire, theirs, frame)


@with_values(150, st.integers(0, 1 << 30))
def test_truncated_messages(wire, theirs, value, where):
    """A shorter segment: pointers out of it are refused, all else is read."""
    frame = our_frame(wire, value)
    words = 2 + where % (len(frame) // 8 - 1)
    frame = struct.pack("<II", 0, words - 1) + frame[8 : 8 * words]
    compare_damaged(wire, theirs, frame)
