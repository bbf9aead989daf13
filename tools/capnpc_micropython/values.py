# SPDX-License-Identifier: MIT
"""Values of a schema, defaults and constants, as Python expressions."""

import struct

from capnpc_micropython.text import call, string

_INTEGERS = {
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "uint16": 2,
    "int32": 4,
    "uint32": 4,
    "int64": 8,
    "uint64": 8,
}
_FLOATS = {"float32": "<f", "float64": "<d"}
# Boards without big integers load any integer in this range.
_SMALL = range(-(2**30), 2**30)
_POINTERS = ("list", "struct", "anyPointer")


def default(kind, value):
    """Return a field's default in a schema.capnp Value, or None for zero or empty."""
    if kind in ("void", "interface") or value.which() == "anyPointer":
        return None
    if kind in _POINTERS:
        message = _message(value)
        start = 0 if kind == "list" else 8  # a list's size stands in its pointer
        return string(message) if any(message[start:]) else None
    number = getattr(value, kind)
    if kind in _FLOATS:
        data = struct.pack(_FLOATS[kind], number)
        return string(data) if any(data) else None
    if not number:
        return None
    if kind == "text":
        return string(number.encode())
    if kind == "data":
        return string(bytes(number))
    if kind in _INTEGERS and number not in _SMALL:
        return string(_bytes(kind, number))
    return repr(number)


def constant(kind, value, enumerants, function):
    """Return the value of a constant of a kind, from a schema.capnp Value.

    `enumerants` are the names of an enum's values. `function` is called for what has no literal:
    it takes bytes and returns the expression.
    """
    if kind in ("void", "interface"):
        return "None"
    if kind in _POINTERS:
        return function(string(_message(value)))
    number = getattr(value, kind)
    if kind == "enum":
        return f'"{enumerants[number]}"' if number < len(enumerants) else str(number)
    if kind in _FLOATS and repr(number) in ("inf", "-inf", "nan"):
        return call("float", f'"{number!r}"')
    if kind in ("text", "data"):
        return string(number)
    if kind in _INTEGERS and number not in _SMALL:
        return function(string(_bytes(kind, number)))
    return repr(number)


def _bytes(kind, number):
    return number.to_bytes(_INTEGERS[kind], "little", signed=kind[0] == "i")


def _message(value):
    """Return the list or struct in a Value as a message whose root pointer points to it.

    A copy of the Value is its own root pointer, its data words, its only pointer, and then all
    that this points to: from that pointer on it is the message wanted.
    """
    (segment,) = value.as_builder(value.total_size.word_count + 2).to_segments()
    data_words = int.from_bytes(segment[4:6], "little")
    return bytes(segment[8 * (1 + data_words) :])
