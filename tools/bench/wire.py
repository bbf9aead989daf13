# SPDX-License-Identifier: MIT
# ruff: noqa: B018 - reading fields is what is measured
"""Measures what messages cost beside hand-written `struct` code and JSON. Runs on MicroPython.

Both sides of a ratio are measured right after one another, once a round; a figure is the median
of the rounds' ratios. The time of the empty loop is taken off. Prints `figure NAME VALUE` lines.
"""

import gc
import json
import math
import sys
import time

sys.path[1:1] = [sys.path[0] + "/../../lib", sys.path[0] + "/../../lib/tests"]

import wire_by_hand as by_hand
from kinds import (
    BOOL,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    TEXT,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
)

from capnrpc_micro.layout import put_struct, struct_at
from capnrpc_micro.limits import Limits
from capnrpc_micro.message import Builder, Receiver
from capnrpc_micro.objects.dispatch import Handler
from capnrpc_micro.schema import EMPTY, Struct

ROUNDS = 15
SLICE_US = 5000  # of one measurement, at least
_ROOT = 16  # bytes of a frame before the root struct: the header and the root pointer

# fmt: off
# One field of each kind, all in the second of three words; its value.
KINDS = (
    ("bool", BOOL | 65 << 5, True, by_hand.bool_),
    ("int8", INT8 | 9 << 5, -5, by_hand.int8),
    ("uint8", UINT8 | 9 << 5, 200, by_hand.uint8),
    ("int16", INT16 | 5 << 5, -3000, by_hand.int16),
    ("uint16", UINT16 | 5 << 5, 60000, by_hand.uint16),
    ("int32", INT32 | 3 << 5, -100000, by_hand.int32),
    ("uint32", UINT32 | 3 << 5, 100000, by_hand.uint32),
    ("int64", INT64 | 1 << 5, -100000, by_hand.int64),
    ("uint64", UINT64 | 1 << 5, 100000, by_hand.uint64),
    ("float32", FLOAT32 | 3 << 5, 21.5, by_hand.float32),
    ("float64", FLOAT64 | 1 << 5, 21.5, by_hand.float64),
)

# Parameters of a method.
TEN = Struct(
    "", 5, 0,
    (
        "position", INT32 | 0 << 5, None,
        "serial", UINT32 | 1 << 5, None,
        "time", INT64 | 1 << 5, None,
        "latitude", FLOAT64 | 2 << 5, None,
        "voltage", FLOAT32 | 6 << 5, None,
        "offset", INT16 | 14 << 5, None,
        "port", UINT16 | 15 << 5, None,
        "level", INT8 | 32 << 5, None,
        "mode", UINT8 | 33 << 5, None,
        "on", BOOL | 272 << 5, None,
    ),
)
TEN_VALUES = (-70000, 70000, 1234567890, 48.25, 3.5, -300, 8080, -70, 3, True)

# What a board reports.
REPORT = Struct(
    "Report", 5, 1,
    (
        "serial", UINT32 | 0 << 5, None,
        "pressure", INT32 | 1 << 5, None,
        "time", INT64 | 1 << 5, None,
        "temperature", FLOAT64 | 2 << 5, None,
        "voltage", FLOAT32 | 6 << 5, None,
        "offset", INT16 | 14 << 5, None,
        "port", UINT16 | 15 << 5, None,
        "signal", INT8 | 32 << 5, None,
        "charging", BOOL | 264 << 5, None,
        "name", TEXT | 0 << 5, None,
    ),
)
REPORT_VALUES = {
    "serial": 70000, "pressure": 101325, "time": 1234567890, "temperature": 21.5, "voltage": 3.5,
    "offset": -300, "port": 8080, "signal": -70, "charging": True, "name": "kitchen window",
}
# fmt: on


def received(frame):
    """The message of a frame that has been received."""
    receiver = Receiver(Limits())
    receiver.space()[: len(frame)] = frame
    receiver.filled(len(frame))
    assert receiver.next()
    return receiver.message


def root(m, type):
    return struct_at(m, m.lo, m.nesting, type)


# Loops of n rounds: what is measured.


def nothing(n):
    for _ in range(n):
        pass


def read_field(n, r):
    for _ in range(n):
        r.x
        r.x
        r.x
        r.x
        r.x


def read_field_by_hand(n, read, buffer, at, size):
    for _ in range(n):
        read(buffer, at, size)
        read(buffer, at, size)
        read(buffer, at, size)
        read(buffer, at, size)
        read(buffer, at, size)


def decode_struct(n, handler, m, t, d, pointers):
    for _ in range(n):
        handler.decode(m, t, d, pointers)


def decode_struct_by_hand(n, read, buffer, at, size):
    for _ in range(n):
        read(buffer, at, size)


def read_two(n, receiver, frame):
    size = len(frame)
    for _ in range(n):
        receiver.space()[:size] = frame  # stands for a socket's readinto()
        receiver.filled(size)
        while receiver.next():
            m = receiver.message
            r = struct_at(m, m.lo, m.nesting, REPORT)
            r.pressure
            r.name


def read_two_of_json(n, text):
    for _ in range(n):
        values = json.loads(text)
        values["pressure"]
        values["name"]


def build_ten(n, m, values):
    for _ in range(n):
        m.begin()
        put_struct(m, m.lo, REPORT, values)
        m.end()
        m.reset()


def build_ten_as_json(n, values):
    for _ in range(n):
        json.dumps(values)


def timed(n, loop, *arguments):
    """Microseconds that n rounds of the loop take."""
    gc.collect()
    start = time.ticks_us()
    loop(n, *arguments)
    return time.ticks_diff(time.ticks_us(), start)


def cost(loop, *arguments):
    """Microseconds of one round of the loop."""
    n = 20
    while True:
        taken = timed(n, loop, *arguments)
        if taken >= SLICE_US:
            return (taken - timed(n, nothing)) / n
        n += 1 + n * SLICE_US // (taken + 1)


def field_pairs():
    """Reading one field of each kind."""
    for name, code, value, read in KINDS:
        type = Struct("Kind", 3, 1, ("x", code, None, "name", TEXT, None))
        frame = type.new_message(x=value).to_bytes()
        hand = (read, bytearray(frame), _ROOT, 24)
        r = root(received(frame), type)
        assert r.x == read(*hand[1:]) == value, name
        yield "read_field_vs_hand_written_" + name, (read_field, r), (read_field_by_hand,) + hand


def message_pairs():
    """Whole messages: (figure, our loop and its arguments, the other loop and its arguments)."""
    b = TEN.new_message()
    for k in range(10):
        setattr(b, TEN.table_[3 * k], TEN_VALUES[k])
    frame = b.to_bytes()
    r = root(received(frame), TEN)
    place = (r._m, r._t, r._d, r._n)
    handler = Handler(nothing, "report", TEN, EMPTY, False)
    hand = (by_hand.ten, bytearray(frame), _ROOT, 40)
    assert tuple(handler.decode(*place)) == tuple(hand[0](*hand[1:])) == TEN_VALUES
    yield (
        "decode_struct_vs_hand_written",
        (decode_struct, handler) + place,
        (decode_struct_by_hand,) + hand,
    )
    frame = REPORT.from_dict(REPORT_VALUES).to_bytes()
    text = json.dumps(REPORT_VALUES)
    r = root(received(frame), REPORT)
    for name in REPORT_VALUES:
        assert getattr(r, name) == json.loads(text)[name] == REPORT_VALUES[name], name
    yield (
        "read_two_vs_json",
        (read_two, Receiver(Limits()), frame),
        (read_two_of_json, text.encode()),
    )
    yield (
        "build_ten_vs_json",
        (build_ten, Builder(2048, 4096), REPORT_VALUES),
        (build_ten_as_json, REPORT_VALUES),
    )


def main():
    pairs = list(field_pairs()) + list(message_pairs())
    ratios = [[] for _ in pairs]
    for _ in range(ROUNDS):
        for k in range(len(pairs)):
            _, ours, other = pairs[k]
            ratios[k].append(cost(*ours) / cost(*other))
    medians = [sorted(found)[ROUNDS // 2] for found in ratios]
    for k in range(len(pairs)):
        print("figure %s %.2f" % (pairs[k][0], medians[k]))
    logs = sum(math.log(ratio) for ratio in medians[: len(KINDS)])
    print("figure read_field_vs_hand_written %.2f" % math.exp(logs / len(KINDS)))


main()
