# SPDX-License-Identifier: MIT
"""Compares how the two libraries read damaged messages.

It is a program, so that a fault of either library in a damaged message ends this process and not
the tests'. The message being read stands in a file meanwhile, which whoever started it reads then.

usage, with lib, lib/tests and host_tests on PYTHONPATH:
    python -m crosscheck.fuzz FOLDER SCHEMA STATE --seed N --cases N   prints a tally as JSON
    python -m crosscheck.fuzz FOLDER SCHEMA STATE --frame ROOT HEX     reads one message again
FOLDER has the generated module, STATE is the file.
"""

import argparse
import collections
import contextlib
import importlib
import json
import mmap
import pathlib
import random
import re
import resource
import signal
import struct
import sys
import tracemalloc

import capnp
import hypothesis

from capnrpc_micro.limits import Limits

from .damage import damage
from .peers import Ours, Theirs
from .relay import relay
from .values import Values
from .walk import Declarations, Difference, Refusal, Walk, attempt

ROOTS = (
    ["Numbers", "Defaults", "Pointers", "Unions", "Lists", "Compounds", "Generics", "Any"]
    + ["Names", "Version1", "Version2", "Flat", "Upgraded"]
)  # fmt: skip
EXAMPLES = 40  # valid messages to damage, for each root
BUDGET = 2000  # values read of one message at most: cycles have no end
# Ours. Theirs are wider, because it counts landing pads and a list of structs twice: so ours is the
# first to refuse. How much alike they count, other tests tell.
TRAVERSAL = 1 << 16  # words
NESTING = 64
THEIR_LIMITS = (8 * TRAVERSAL, 2 * NESTING + 1)
STATE_BYTES = 1 << 18
SECONDS = 30  # that one case may take: a hang ends the process
MEMORY = 4 << 30
COPIED = 4  # of so many cases one is copied
SAMPLE = 50  # of so many cases one is measured
# What reading a message may take besides itself, whatever stands in it.
HEAP_BYTES = 300 << 10


class State:
    """The case being read, in a file that outlives the process."""

    def __init__(self, path):
        with open(path, "r+b") as file:
            file.truncate(STATE_BYTES)
            self.memory = mmap.mmap(file.fileno(), STATE_BYTES)

    def write(self, case, root, frame):
        struct.pack_into("<III", self.memory, 0, case, ROOTS.index(root), len(frame))
        self.memory[12 : 12 + len(frame)] = frame

    def read(self):
        """(case, root, frame)"""
        case, root, size = struct.unpack_from("<III", self.memory)
        return case, ROOTS[root], self.memory[12 : 12 + size]


class Fuzz:
    """Cases by number: each depends on the seed, its number and the corpus alone."""

    def __init__(self, ours, theirs, seed):
        self.ours = Ours(ours)
        self.theirs = Theirs(theirs)
        self.declarations = Declarations(ours, theirs)
        self.limits = Limits.host(
            message_words=1 << 14, traversal_words=TRAVERSAL, nesting=NESTING
        )
        self.seed = seed
        self.tally = collections.Counter()

    def corpus(self):
        """Makes valid messages of every kind."""
        values = Values(self.ours.module)
        self.messages = []
        for root in ROOTS:
            self.collect(root, values.structs(getattr(self.ours.module, root), 2))

    def collect(self, root, strategy):
        @hypothesis.seed(self.seed)
        @hypothesis.settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(strategy)
        def build(value):
            self.messages.append((root, self.theirs.build(root, value)))

        build()

    def frame(self, case):
        """(root, damaged message) of a case by its number."""
        rng = random.Random(f"{self.seed}/{case}")
        root, frame = rng.choice(self.messages)
        other = rng.choice(self.messages)[1]
        return root, damage(relay(frame, rng), other, rng)

    def compare(self, root, frame):
        """Reads one message. Raises Difference, or whatever a reader must not raise."""
        tally = self.tally
        tally["cases"] += 1
        ours = attempt(self.ours.read_first, root, frame, self.limits)
        with contextlib.ExitStack() as stack:
            context = self.theirs.read(root, frame, *THEIR_LIMITS)
            theirs = attempt(stack.enter_context, context)
            if isinstance(ours, Refusal):
                tally["refused messages"] += isinstance(theirs, Refusal)
                tally["messages only ours refuses"] += not isinstance(theirs, Refusal)
                return
            if isinstance(theirs, Refusal):
                if theirs.is_theirs_alone():
                    return
                raise Difference(f"ours reads the message, theirs {theirs!r}")
            walk = Walk(self.declarations, strict=False, budget=BUDGET).root(ours, theirs)
        tally["values"] += walk.values
        tally["refused values"] += walk.refused
        for _, why in walk.stricter:
            tally["only ours: " + re.sub(r"\d+", "N", why)] += 1

    def copy(self, root, frame):
        """Copies one message and reads the copy: it is refused, or what can be read is the same."""
        tally = self.tally
        ours = attempt(self.ours.read_first, root, frame, self.limits)
        if isinstance(ours, Refusal):
            return
        for use in (ours.to_dict, ours.__str__):
            attempt(use)  # must not raise anything but a refusal
        copy = attempt(lambda: ours.as_builder().to_bytes())
        if isinstance(copy, Refusal):
            tally["copies refused"] += 1
            return
        tally["copies"] += 1
        copied = self.ours.read_first(root, copy)
        with self.theirs.read(root, frame, *THEIR_LIMITS) as theirs:
            Walk(self.declarations, strict=False, budget=BUDGET).root(copied, theirs)
        with self.theirs.read(root, copy, *THEIR_LIMITS) as theirs:
            Walk(self.declarations, strict=False, budget=BUDGET).root(copied, theirs)

    def measure(self, root, frame):
        """Reads one message again, and measures the memory that it takes."""
        tally = self.tally.copy()
        tracemalloc.start()
        try:
            self.compare(root, frame)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        if peak > HEAP_BYTES + 4 * len(frame):
            raise Difference(f"reading {len(frame)} bytes took {peak} bytes of memory")
        self.tally = tally
        self.tally["measured"] += 1
        self.tally["peak bytes"] = max(self.tally["peak bytes"], peak)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("schema")
    parser.add_argument("state")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=0)
    parser.add_argument("--frame", nargs=2)
    options = parser.parse_args()
    sys.path.append(options.folder)
    capnp.remove_import_hook()
    name = pathlib.Path(options.schema).stem
    ours = importlib.import_module(name + "_capnp")
    fuzz = Fuzz(ours, capnp.load(options.schema), options.seed)
    if options.frame:
        root, text = options.frame
        fuzz.compare(root, bytes.fromhex(text))
        return print(json.dumps(fuzz.tally))
    fuzz.corpus()
    state = State(options.state)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for case in range(options.cases):
        root, frame = fuzz.frame(case)
        state.write(case, root, frame)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        fuzz.compare(root, frame)
        if not case % COPIED:
            fuzz.copy(root, frame)
        if not case % SAMPLE:  # again: now all that is loaded on demand is loaded
            fuzz.measure(root, frame)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(json.dumps(fuzz.tally))


if __name__ == "__main__":
    main()
