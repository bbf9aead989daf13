# SPDX-License-Identifier: MIT
"""The wire format against the C++ implementation (pycapnp): damaged messages, and the limits.

Of a damaged message ours may refuse more than theirs, never less, and what ours does read has to
be what theirs reads. See `crosscheck.walk` for the few refusals of theirs that ours does not share.
"""

import contextlib
import json
import pathlib
import random
import signal
import struct
import subprocess
import sys

import capnp
import pytest
from crosscheck import fuzz
from crosscheck.damage import struct_pointer
from crosscheck.effort import SEED, TIMES
from crosscheck.relay import Layout, Message
from crosscheck.walk import Difference, Refusal, Walk, attempt
from schemakit import ROOT, SCHEMAS

from capnrpc_micro.limits import Limits

SCHEMA = SCHEMAS / "crosscheck.capnp"
CASES = 40_000
PROGRAM = [sys.executable, "-m", "crosscheck.fuzz"]
PYTHONPATH = f"{ROOT / 'lib'}:{ROOT / 'lib' / 'tests'}:{ROOT / 'host_tests'}"

capnp.remove_import_hook()


@pytest.fixture(scope="module", name="module")
def _module(generated):
    return generated("crosscheck")


@pytest.fixture(scope="module", name="messages")
def _messages(module):
    """A Fuzz with valid messages of every kind."""
    made = fuzz.Fuzz(module, capnp.load(str(SCHEMA)), int(SEED or 0))
    made.corpus()
    return made


def test_damaged_messages(module, tmp_path):
    """Bit flips, hostile pointers, words from elsewhere, ...: the same values, or a refusal."""
    state = tmp_path / "state"
    state.touch()
    folder = str(pathlib.Path(module.__file__).parent)
    done = subprocess.run(
        [*PROGRAM, folder, SCHEMA, state, "--seed", SEED or "0", "--cases", str(CASES * TIMES)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": PYTHONPATH},
    )
    if done.returncode:
        case, root, frame = fuzz.State(state).read()
        how = done.stderr
        if done.returncode < 0:
            how += f"ended by {signal.Signals(-done.returncode).name}"
        pytest.fail(f"{how}\ncase {case} of seed {SEED or 0}: --frame {root} {frame.hex()}")
    tally = json.loads(done.stdout)
    print(f"\n{tally}")
    assert tally["cases"] == CASES * TIMES >= 20_000
    assert tally["values"] > 10 * tally["cases"]  # most of a message survives
    assert tally["refused values"] > tally["cases"] / 10  # and much does not
    assert tally["measured"] and tally["copies"] > tally["cases"] / 20


def test_messages_cut_short(messages):
    """At every length: nothing is read of a message that is not all there."""
    rng = random.Random(1)
    for root in fuzz.ROOTS:
        frames = [frame for name, frame in messages.messages if name == root]
        frame = Layout(rng, 3, 0.2, 0.3).frame(Message(max(frames, key=len)).root())
        for size in range(len(frame)):
            ours = attempt(messages.ours.read, root, frame[:size])
            assert isinstance(ours, Refusal), size
            if size % 8 == 0:
                context = messages.theirs.read(root, frame[:size])
                assert isinstance(attempt(context.__enter__), Refusal), size
        messages.compare(root, frame + bytes(8))  # what follows is another message


def test_arbitrary_bytes(messages):
    """Nothing is known of these, except that they are not long."""
    rng = random.Random(int(SEED or 2))
    for _ in range(2000 * TIMES):
        frame = bytearray(rng.randbytes(8 * rng.randrange(20)))
        if rng.random() < 0.9:
            frame[:8] = struct.pack("<II", 0, len(frame) // 8)
            frame[8:16] = struct_pointer(rng.randrange(3), rng.randrange(9), rng.randrange(9))
        messages.compare(rng.choice(fuzz.ROOTS), bytes(frame))


def damage_bytes(data, rng):
    """The bytes with up to two faults."""
    data = bytearray(data)
    for _ in range(rng.choice((0, 1, 1, 2))):
        at = rng.randrange(len(data))
        more = rng.randrange(1, 4)
        data[at : at + rng.choice((0, 1, 1, more))] = rng.choice(
            (b"\0", b"\xff", rng.randbytes(1), rng.randbytes(more), b"")
        )
        del data[rng.choice((len(data), len(data), rng.randrange(1, len(data) + 2))) :]
        data = data or bytearray(1)
    return bytes(data)


def test_damaged_packed_messages(messages):
    rng = random.Random(int(SEED or 4))
    read = 0
    for _ in range(3000 * TIMES):
        root, frame = rng.choice(messages.messages)
        with messages.theirs.read(root, frame) as reader:
            packed = damage_bytes(reader.as_builder().to_bytes_packed(), rng)
        ours = attempt(messages.ours.read_first, root, packed, messages.limits, True)
        theirs = attempt(messages.theirs.type(root).from_bytes_packed, packed)
        if isinstance(theirs, Refusal):
            assert isinstance(ours, Refusal), (root, packed.hex())
        elif not isinstance(ours, Refusal):
            Walk(messages.declarations, strict=False, budget=fuzz.BUDGET).root(ours, theirs)
            read += 1
    assert 1000 * TIMES < read < 2500 * TIMES


# Limits: the same number means the same on both sides.

WORDS = 1 << 16  # more than any message here takes
ROOT_WORDS = 2  # that theirs counts for the root pointer, and ours does not


def ours_keeps(messages, root, frame, words):
    """Whether ours reads everything within a traversal limit."""
    reader = attempt(messages.ours.read, root, frame, Limits.host(traversal_words=words))
    if isinstance(reader, Refusal):
        return False
    with messages.theirs.read(root, frame, WORDS) as other:
        return not Walk(messages.declarations, strict=False).root(reader, other).stricter


def theirs_keeps(messages, root, frame, words):
    """Whether theirs reads everything within a traversal limit."""
    with contextlib.ExitStack() as stack:
        other = attempt(stack.enter_context, messages.theirs.read(root, frame, words))
        if isinstance(other, Refusal):
            return False
        reader = messages.ours.read(root, frame, Limits.host(traversal_words=WORDS))
        try:
            Walk(messages.declarations).root(reader, other)
        except Difference:  # theirs refuses what ours reads
            return False
        return True


def least(keeps, messages, root, frame):
    """The smallest limit within which everything is read."""
    low, most = 0, WORDS
    while low < most:
        middle = (low + most) // 2
        if keeps(messages, root, frame, middle):
            most = middle
        else:
            low = middle + 1
    return low


def test_traversal_is_counted_alike(messages):
    """The limit that a full read just keeps is the same, for messages without far pointers.

    For each of those theirs counts the landing pad, too.
    """
    rng = random.Random(int(SEED or 3))
    typed = [item for item in messages.messages if item[0] not in ("Any", "Generics")]
    for root, frame in rng.sample(typed, 100):
        frame = Layout(rng, 1, 0, 0.2).frame(Message(frame).root())
        ours = least(ours_keeps, messages, root, frame)
        theirs = least(theirs_keeps, messages, root, frame)
        assert ours == theirs - ROOT_WORDS, (root, frame.hex())


def nested(name, depth):
    """A value of Node whose field `name` leads to another Node, and so on."""
    value = {}
    for _ in range(depth):
        value = {name: value if name == "next" else [value]}
    return value


@pytest.mark.parametrize(
    ("step", "levels"),
    [
        (lambda node: node.next, 1),
        # theirs counts such a list and its elements as two levels, ours as one pointer
        (lambda node: node.children[0], 2),
    ],
    ids=["structs", "lists of structs"],
)
@pytest.mark.parametrize("nesting", [1, 2, 5, 20, 64])
def test_nesting_is_counted_alike(messages, step, levels, nesting):
    """How far a reader gets into a message that is nested deeper than the limit."""
    frame = messages.theirs.build("Node", nested("next" if levels == 1 else "children", 70))
    ours = messages.ours.read("Node", frame, Limits.host(nesting=nesting))
    assert depth(ours, step) == nesting
    with messages.theirs.read("Node", frame, None, nesting) as theirs:
        assert depth(theirs, step) == (nesting - 1) // levels + 1


def depth(reader, step):
    """How often a step into a message is not refused, the root included."""
    count = 0
    while not isinstance(reader, Refusal):
        reader = attempt(step, reader)
        count += 1
    return count
