# SPDX-License-Identifier: MIT
"""The wire format against the C++ implementation (pycapnp): valid messages, both ways.

Values are random, for a schema that has every construct. What one library writes the other has to
read as the same value, however the message is laid out.
"""

import collections
import functools
import random
import struct

import capnp
import pytest
from crosscheck.effort import examples
from crosscheck.peers import Ours, Theirs
from crosscheck.relay import Message, relay
from crosscheck.steps import Steps
from crosscheck.values import Values
from crosscheck.walk import Declarations, Walk
from hypothesis import given
from hypothesis import strategies as st
from schemakit import SCHEMAS

from capnrpc_micro.types import Int16, List

ROOTS = (
    ["Numbers", "Defaults", "Pointers", "Unions", "Lists", "Compounds", "Generics", "Any"]
    + ["Names", "Version1", "Version2", "Flat", "Upgraded", "All"]
)  # fmt: skip
OTHER_VERSION = {
    "Version1": "Version2",
    "Version2": "Version1",
    "Flat": "Upgraded",
    "Upgraded": "Flat",
}

# Failing values are shown by hypothesis as the calls that make them, which may be long.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

capnp.remove_import_hook()


class Bench:
    """Both libraries with the schema loaded, and a count of the messages compared."""

    def __init__(self, ours, theirs):
        self.ours = Ours(ours)
        self.theirs = Theirs(theirs)
        self.declarations = Declarations(ours, theirs)
        self.random_values = Values(ours)
        self.tally = collections.Counter()

    def compare(self, root, ours, theirs, refused=False, nulls=True):
        """Compares two frames, one read by each, as the struct `root`.

        Both may refuse the same values if `refused`. For `nulls` see Walk.
        """
        with self.theirs.read(root, theirs) as reader:
            walk = Walk(self.declarations, nulls=nulls)
            walk.root(self.ours.read(root, ours), reader)
        assert refused or not walk.refused
        self.tally["messages"] += 1
        self.tally["values"] += walk.values

    def same(self, ours, theirs):
        """Compares two values of to_dict()."""
        if isinstance(theirs, dict):
            assert ours.keys() == theirs.keys()
            for name in theirs:
                self.same(ours[name], theirs[name])
        elif isinstance(theirs, list):
            assert len(ours) == len(theirs)
            for k in range(len(theirs)):
                self.same(ours[k], theirs[k])
        else:
            Walk(self.declarations).value(ours, theirs, "value")

    def values(self, root):
        """A strategy for values of a struct."""
        return self.random_values.structs(self.ours.type(root), 2)


@pytest.fixture(scope="module", name="bench")
def _bench(generated):
    bench = Bench(generated("crosscheck"), capnp.load(str(SCHEMAS / "crosscheck.capnp")))
    yield bench
    print(f"\n{dict(bench.tally)} of valid messages compared")


def with_values(count, *more):
    """Calls the test for each root with random values of it, and with what else is given."""

    def decorate(test):
        @pytest.mark.parametrize("root", ROOTS)
        def run(bench, root):
            @examples(count)
            @given(st.tuples(bench.values(root), *more))
            def one(drawn):
                test(bench, root, *drawn)

            one()

        run.__name__ = test.__name__
        run.__doc__ = test.__doc__
        return run

    return decorate


SEEDS = st.integers(0, 1 << 30)


@pytest.mark.parametrize("root", ROOTS)
def test_messages_without_anything(bench, root):
    null = bytes([0, 0, 0, 0, 1, 0, 0, 0]) + bytes(8)
    for frame in (null, bench.ours.build(root, {}), bench.theirs.build(root, {})):
        bench.compare(root, frame, frame)


@with_values(40)
def test_both_build_the_same_from_a_dict(bench, root, value):
    ours = bench.ours.build(root, value)
    theirs = bench.theirs.build(root, value)
    for one in (ours, theirs):
        for other in (ours, theirs):
            bench.compare(root, one, other)


@with_values(40, SEEDS)
def test_builders_step_by_step(bench, root, value, seed):
    """Whatever way a value takes into a builder, it is the value that is read."""
    builder = Steps(bench.ours, random.Random(seed)).message(root, value)
    frame = builder.to_bytes()
    theirs = bench.theirs.build(root, value)
    bench.compare(root, theirs, frame)
    bench.compare(root, frame, theirs)
    with bench.theirs.read(root, theirs) as reader:  # a builder is a reader, too
        Walk(bench.declarations).root(builder, reader)


@with_values(40, SEEDS)
def test_any_layout_is_read(bench, root, value, seed):
    """Objects in any order and any segment, far pointers, structs of other sizes."""
    theirs = bench.theirs.build(root, value)
    rng = random.Random(seed)
    for _ in range(5):
        frame = relay(theirs, rng)
        bench.compare(root, frame, frame)


@with_values(20, SEEDS, st.integers(1, 60))
def test_segments_of_theirs(bench, root, value, seed, first):
    """pycapnp's own far pointers: its segments have no room for anything but one object."""
    for room in (0, 12):
        frame = bench.theirs.build(
            root,
            value,
            num_first_segment_words=first,
            allocate_seg_callable=lambda words, room=room: bytearray(8 * max(words, room)),
        )
        bench.compare(root, frame, frame)


@with_values(30, SEEDS)
def test_copies_are_whole(bench, root, value, seed):
    """Reader to builder: a copy of any layout, with what the schema does not know."""
    frame = relay(bench.theirs.build(root, value), random.Random(seed))
    copy = bench.ours.read(root, frame).as_builder().to_bytes()
    bench.compare(root, copy, frame)
    bench.compare(root, frame, copy)


@pytest.mark.parametrize("root", OTHER_VERSION)
def test_another_version_reads_it(bench, root):
    """Newer and older schemas; lists of numbers and pointers as lists of structs and back."""
    other = OTHER_VERSION[root]

    @examples(150)
    @given(bench.values(root), SEEDS)
    def one(value, seed):
        ours = bench.ours.build(root, value)
        theirs = bench.theirs.build(root, value)
        for frame in (ours, theirs, relay(theirs, random.Random(seed), sizes=False)):
            # an older schema may see another member of a union, which is no Text
            bench.compare(other, frame, frame, refused=True)

    one()


@pytest.mark.parametrize("root", OTHER_VERSION)
def test_another_version_hands_it_on(bench, root):
    """What a program does not know survives its hands."""
    other = OTHER_VERSION[root]

    @examples(100)
    @given(bench.values(root), SEEDS)
    def one(value, seed):
        frame = relay(bench.theirs.build(root, value), random.Random(seed))
        copy = bench.ours.read(other, frame).as_builder().to_bytes()
        bench.compare(root, copy, frame)
        bench.compare(root, frame, copy)

    one()


def test_a_struct_of_a_newer_version_is_handed_on(bench):
    """As a field of a message of an older version."""

    @examples(100)
    @given(bench.values("ElementV2"))
    def one(value):
        newer = bench.ours.read("ElementV1", bench.theirs.build("ElementV2", value))
        frame = bench.ours.build("Version1", {"element": newer})
        bench.compare("Version2", bench.theirs.build("Version2", {"element": value}), frame)

    one()


@with_values(30, SEEDS)
def test_dicts(bench, root, value, seed):
    """to_dict() is pycapnp's, and a message made of it has the same values.

    A union is in it even if it holds a null pointer, then as the field's default.
    """
    frame = relay(bench.theirs.build(root, value), random.Random(seed))
    ours = bench.ours.read(root, frame).to_dict()
    bench.compare(root, bench.ours.build(root, ours), frame, nulls=False)
    with bench.theirs.read(root, frame) as reader:
        try:
            theirs = reader.to_dict()
        except RuntimeError:  # pycapnp has no dict for a number that no enumerant has
            return
        bench.same(ours, theirs)
    bench.tally["dicts"] += 1


@with_values(30, SEEDS)
def test_packed(bench, root, value, seed):
    frame = relay(bench.theirs.build(root, value), random.Random(seed))
    with bench.theirs.read(root, frame) as reader:
        packed = reader.as_builder().to_bytes_packed()
        Walk(bench.declarations).root(bench.ours.type(root).from_bytes_packed(packed), reader)
    ours = bench.ours.read(root, frame)
    packed = ours.as_builder().to_bytes_packed()
    reader = bench.theirs.type(root).from_bytes_packed(packed)
    Walk(bench.declarations).root(ours, reader)
    bench.tally["packed"] += 2


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_files(bench, packed, tmp_path):
    """Several messages one after another in a file: of ours for theirs, and back."""
    write, read, read_all = "write_", "read_", "read_multiple"
    if packed:
        write, read, read_all = "write_packed", "read_packed", "read_multiple_packed"
    path = tmp_path / "messages"
    root = "Pointers"
    ours, theirs = bench.ours.type(root), bench.theirs.type(root)

    @examples(30)
    @given(st.lists(bench.values(root), max_size=6))
    def one(values):
        with open(path, "wb") as file:
            for value in values:
                getattr(bench.ours.message(root, value), write)(file)
        with open(path, "rb") as file:
            readers = list(getattr(theirs, read_all)(file))
        assert len(readers) == len(values)
        with open(path, "wb") as file:
            for value in values:
                message = bench.theirs.message(root, value, num_first_segment_words=3)
                getattr(message, write.rstrip("_"))(file)
        with open(path, "rb") as file:
            for reader in readers:
                Walk(bench.declarations).root(getattr(ours, read)(file), reader)
            assert getattr(ours, read)(file) is None
        bench.tally["in files"] += 2 * len(values)

    one()


def test_segments_without_a_frame(bench):
    @examples(50)
    @given(bench.values("Pointers"), SEEDS)
    def one(value, seed):
        frame = relay(bench.theirs.build("Pointers", value), random.Random(seed))
        segments = [bytes(segment) for segment in Message(frame).segments]
        ours = bench.ours.type("Pointers").from_segments(segments)
        Walk(bench.declarations).root(ours, bench.theirs.type("Pointers").from_segments(segments))
        segments = ours.as_builder().to_segments()
        Walk(bench.declarations).root(ours, bench.theirs.type("Pointers").from_segments(segments))

    one()


def test_lists_of_any_list(bench):
    """pycapnp cannot read or build them, so that it sees them as lists of lists of Int16."""

    @examples(50)
    @given(st.lists(st.lists(st.integers(-32768, 32767), max_size=5), max_size=5))
    def one(value):
        ours = bench.ours.read("AnyLists", bench.theirs.build("TypedLists", {"lists": value}))
        found = [list(item.as_(List(Int16))) for item in ours.lists]
        assert found == value
        frame = bench.ours.build("AnyLists", {"lists": list(ours.lists)})
        bench.compare("TypedLists", frame, frame)
        assert bench.ours.read("TypedLists", frame).to_dict() == {"lists": value}

    one()


NUMBERS = "int8 uint8 int16 uint16 int32 uint32 int64 uint64 float32 float64 enum".split()
FORMATS = dict(zip(NUMBERS, "bBhHiIqQfdH", strict=True))


@pytest.mark.parametrize("root", ["Numbers", "Defaults", "Links"])
def test_raw_bytes(bench, root):
    """raw_() of numbers, Text and Data is what the message says, without the default's share."""
    fields = bench.theirs.type(root).schema.fields

    @examples(50)
    @given(bench.values(root))
    def one(value):
        frame = bench.theirs.build(root, value)
        ours = bench.ours.read(root, frame)
        with bench.theirs.read(root, frame) as theirs:
            for name, field in fields.items():
                kind = field.proto.slot.type.which()
                found = theirs._get(name)
                if kind in FORMATS:
                    found = found.raw if kind == "enum" else found
                    if found == found:  # of a NaN pycapnp does not keep the bytes
                        assert ours.raw_(name) == struct.pack("<" + FORMATS[kind], found)
                elif kind in ("text", "data"):
                    found = found.encode() if kind == "text" else found
                    assert ours.raw_(name) == found

    one()


def test_enough_is_compared(bench, request):
    """Runs last of those that count."""
    if request.config.option.keyword or any("::" in name for name in request.config.args):
        pytest.skip("only some of the tests were asked for")
    assert bench.tally["messages"] >= 20_000


def test_constants(bench):
    ours, theirs = bench.ours.module, bench.theirs.module
    names = [name for name in dir(theirs) if name[0].islower() and name != "schema"]
    assert len(names) > 20
    walk = Walk(bench.declarations)
    for name in names:
        walk.both(functools.partial(getattr, ours), functools.partial(getattr, theirs), name, name)
    assert walk.values >= len(names)
