# SPDX-License-Identifier: MIT
"""Messages in files, plain and packed, against the C++ implementation (pycapnp), both ways.

What either writes, the other reads, and the bytes are the same. Of damaged packed messages ours
may refuse more than theirs, never less, and what ours reads has to be what theirs reads.
"""

import os

import capnp
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from schemakit import SCHEMAS

from capnrpc_micro.extra import files
from capnrpc_micro.extra.packed import pack, unpack
from capnrpc_micro.message import MessageError

capnp.remove_import_hook()
THEIRS = capnp.load(str(SCHEMAS / "wire.capnp")).Wire

pytestmark = pytest.mark.filterwarnings("ignore:This message has already been written once")

# The same examples each time.
steady = settings(max_examples=150, deadline=None, derandomize=True, database=None)

# Words of every number of zero bytes, also many of a kind after one another.
WORDS = st.lists(
    st.tuples(
        st.lists(st.sampled_from((0, 0, 1, 255)), min_size=8, max_size=8).map(bytes)
        | st.sampled_from((bytes(8), b"\1" * 8, b"\1" * 7 + b"\0", b"\0" + b"\1" * 6 + b"\0")),
        st.sampled_from((1, 1, 1, 2, 3, 254, 255, 256, 257, 511)),
    ).map(lambda run: run[0] * run[1]),
    max_size=8,
).map(b"".join)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "data": WORDS,
        "int64s": st.lists(st.integers(-1, 1), max_size=9),
        "texts": st.lists(st.text(max_size=9), max_size=4),
        "int64": st.integers(-(1 << 63), (1 << 63) - 1),
        "node": st.fixed_dictionaries({"value": st.integers(-9, 9), "name": st.text(max_size=9)}),
    },
)


def tight(words):
    """Segments with no room for anything else, so that there are many."""
    return bytearray(8 * words)


SEGMENTS = st.sampled_from((None, 1, 2, 40))


def built(value, first=None):
    """A message of theirs, in one segment or in many."""
    if first is None:
        return THEIRS.new_message(**value)
    return THEIRS.new_message(num_first_segment_words=first, allocate_seg_callable=tight, **value)


@steady
@given(VALUES, SEGMENTS)
def test_bytes_are_the_same(value, first):
    theirs = built(value, first)
    plain, small = theirs.to_bytes(), theirs.to_bytes_packed()
    message = files.from_bytes(plain)
    assert files.to_bytes(message) == plain
    assert files.to_bytes(message, pack) == small
    assert files.to_bytes(files.from_bytes(small, None, unpack)) == plain
    segments = theirs.to_segments()
    assert files.to_segments(message) == segments
    assert files.to_bytes(files.from_segments(segments)) == plain


@steady
@given(VALUES, SEGMENTS)
def test_theirs_reads_ours(value, first):
    theirs = built(value, first)
    message = files.from_segments(theirs.to_segments())
    with THEIRS.from_bytes(files.to_bytes(message)) as reader:
        assert str(reader) == str(theirs)
    assert str(THEIRS.from_bytes_packed(files.to_bytes(message, pack))) == str(theirs)
    segments = [bytes(segment) for segment in files.to_segments(message)]
    assert str(THEIRS.from_segments(segments)) == str(theirs)


@settings(steady, max_examples=10)
@given(st.lists(st.tuples(VALUES, SEGMENTS), min_size=1, max_size=4))
@pytest.mark.parametrize("packed", [False, True])
def test_files(tmp_path_factory, packed, values):
    ours = tmp_path_factory.mktemp("files") / "ours"
    theirs = ours.with_name("theirs")
    messages = [built(*value) for value in values]
    texts = [str(message) for message in messages]

    with open(theirs, "wb", buffering=0) as file:
        for message in messages:
            (message.write_packed if packed else message.write)(file)
    read = {"fill": unpack} if packed else {}
    for buffering in (-1, 0):
        with open(theirs, "rb", buffering=buffering) as file, open(ours, "wb", buffering) as copy:
            while (message := files.read(file, **read)) is not None:
                files.write(copy, message, pack if packed else None)
    assert ours.read_bytes() == theirs.read_bytes()

    with open(ours, "rb") as file:
        found = (THEIRS.read_multiple_packed if packed else THEIRS.read_multiple)(file)
        assert [str(message) for message in found] == texts
    with open(ours, "rb") as file:
        first = (THEIRS.read_packed if packed else THEIRS.read)(file)
        assert str(first) == texts[0]


@pytest.mark.parametrize("packed", [False, True])
def test_pipe(packed):
    """A stream that gives what there is, and on which nothing can be given back."""
    value = {"data": os.urandom(20000), "text": "x" * 200}
    theirs = THEIRS.new_message(**value)
    source, sink = os.pipe()
    with open(source, "rb", buffering=0) as source, open(sink, "wb", buffering=0) as sink:
        for _ in range(2):
            (theirs.write_packed if packed else theirs.write)(sink)
        sink.write(b"rest")
        sink.close()
        for _ in range(2):
            message = files.read(source, fill=unpack if packed else files.fill)
            assert files.to_bytes(message) == theirs.to_bytes()
        assert source.read() == b"rest"


# Damaged packed messages.

REFUSED = "refused"


LIMIT = {"traversal_limit_in_words": 5000}


def text_of(data, packed):
    """What theirs reads of a message, as a string."""
    try:
        if packed:
            return str(THEIRS.from_bytes_packed(data, **LIMIT))
        with THEIRS.from_bytes(data, **LIMIT) as reader:
            return str(reader)
    except (capnp.KjException, UnicodeError):
        return REFUSED


def compare(data):
    """Whether ours and theirs read a packed message. What ours unpacks has to be the same."""
    try:
        message = files.from_bytes(data, None, unpack)
    except MessageError as error:
        # Theirs reads what stands before other bytes. Of a message that is cut off in one of
        # several segments it ends the process.
        if data[:1] == b"\x10" and "after the message" not in str(error):
            assert text_of(data, packed=True) == REFUSED
        return False
    theirs = text_of(data, packed=True)
    assert theirs == text_of(files.to_bytes(message), packed=False)
    return theirs != REFUSED


PIECES = st.one_of(
    st.sampled_from(
        (b"\0\0", b"\0\1", b"\0\2", b"\0\3", b"\0\xff", b"\1\0", b"\1\1", b"\0", b"\xff")
    ),
    st.binary(min_size=8, max_size=8).map(lambda word: b"\xff" + word + b"\0"),
    st.binary(min_size=16, max_size=16).map(lambda words: b"\xff" + words[:8] + b"\1" + words[8:]),
    st.binary(min_size=1, max_size=2),
)
HEADERS = st.one_of(
    st.integers(1, 9).map(lambda size: bytes((0x10, size))),
    st.tuples(st.integers(1, 4), st.integers(0, 4)).map(
        lambda sizes: bytes((0x11, 1, sizes[0], 1, sizes[1]))
    ),
    st.sampled_from((b"\0\0", b"\0\1", b"\xff\0\0\0\0\2\0\0\0\0", b"\xff\0\0\0\0\2\0\0\0\1")),
)


@settings(steady, max_examples=2000)
@given(HEADERS, st.lists(PIECES, max_size=6).map(b"".join))
def test_any_packed_bytes(header, rest):
    compare(header + rest)


@settings(steady, max_examples=600)
@given(VALUES, SEGMENTS, st.lists(st.tuples(st.integers(0), PIECES), min_size=1, max_size=3))
def test_damaged_packed_messages(value, first, changes):
    value = {**value, "data": value.get("data", b"")[:200]}
    data = bytearray(built(value, first).to_bytes_packed())
    for where, piece in changes:
        at = where % len(data)
        data[at : at + len(piece)] = piece
    compare(bytes(data))


@steady
@given(VALUES, SEGMENTS)
def test_sound_packed_messages_pass_the_comparison(value, first):
    """Else the comparisons above compare nothing."""
    value = {**value, "data": value.get("data", b"")[:200]}
    assert compare(built(value, first).to_bytes_packed())


@settings(steady, max_examples=50)
@given(VALUES, SEGMENTS, st.integers(0))
def test_cut_packed_messages(value, first, where):
    data = built(value, first).to_bytes_packed()
    assume(len(data) < 5000)
    assert not compare(data[: where % len(data)])
