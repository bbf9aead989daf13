# SPDX-License-Identifier: MIT
"""Reads a message with both implementations in step and compares every value.

pycapnp's schema decides what is read, so that a field that our compiler lost is missed. A refusal
of one field hides no other: the walk goes on beside it.
"""

import struct

import capnp
from capnp.lib import capnp as types_of_theirs

from capnrpc_micro.layout import ListReader
from capnrpc_micro.message import MessageError
from capnrpc_micro.types import Bool, Data, Float64, Int8, Int16, Int64, List, Text, Void

THEIR_STRUCT = types_of_theirs._DynamicStructReader
THEIR_LIST = types_of_theirs._DynamicListReader
THEIR_ENUM = types_of_theirs._DynamicEnum
THEIR_ANY = types_of_theirs._DynamicObjectReader

POINTERS = {"text", "data", "list", "struct", "interface", "anyPointer"}
LONG = 24  # elements of a list that are all read; of longer ones some
ABSENT = 2  # null pointers after one another: a recursive struct has defaults without an end


# What pycapnp refuses for reasons of its own: pointers into an empty segment, where there may be
# objects without a size; and a list of bits as one of Void, where there is nothing to be read.
EMPTY_SEGMENT = "pointer to unknown segment"
BITS = "Found bit list where struct list was expected"


class Difference(AssertionError):
    """The two read different values, or one reads what the other refuses."""


class Refusal:
    """Stands for a value that could not be read, and says why."""

    def __init__(self, error):
        self.why = str(error).split("\nstack:")[0]

    def is_theirs_alone(self, ours=None):
        """Whether pycapnp refuses what may be read, as `ours` is."""
        if BITS in self.why:
            return isinstance(ours, ListReader) and (not len(ours) or ours[0] is None)
        return EMPTY_SEGMENT in self.why

    def __repr__(self):
        return f"<refused: {self.why}>"


def attempt(function, *args):
    """What the function returns, or a Refusal. Whatever else is raised is a fault."""
    try:
        return function(*args)
    except (MessageError, UnicodeError, capnp.KjException) as error:
        return Refusal(error)


def their_which(reader):
    """The name of the union's field that is set; None if their schema does not know it."""
    try:
        return str(reader.which())
    except (RuntimeError, capnp.KjException):  # "Member was null": there is no name
        return None


class Walk:
    """Compares readers of one message, one walk a message.

    strict   the message is valid: ours must refuse nothing that theirs reads
    budget   values to be read at most
    nulls    the same pointers must be null; else one may be null where the other is the default
    values   how many were read by both
    refused  how many were refused by both
    stricter (path, why) of what ours refuses and theirs reads
    """

    def __init__(self, declarations, strict=True, budget=100_000, nulls=True):
        self.declarations = declarations
        self.strict = strict
        self.budget = budget
        self.nulls = nulls
        self.values = 0
        self.refused = 0
        self.stricter = []
        self.absent = 0  # null pointers on the way here

    def root(self, ours, theirs):
        """Compares everything in two readers of structs."""
        self.struct(ours, theirs, "")
        return self

    def both(self, our_get, their_get, key, path, strict=True):
        """Compares one value, got from two readers by the same key."""
        self.budget -= 1
        if self.budget < 0:
            return
        theirs = attempt(their_get, key)
        ours = attempt(our_get, key)
        if isinstance(theirs, Refusal):
            if isinstance(ours, Refusal):
                self.refused += 1
            elif not theirs.is_theirs_alone(ours):
                raise Difference(f"{path}: ours reads {ours!r}, theirs {theirs!r}")
        elif isinstance(ours, Refusal):
            if self.strict and strict:
                raise Difference(f"{path}: ours reads {ours!r}, theirs {theirs!r}")
            self.stricter.append((path, ours.why))
        else:
            self.values += 1
            self.value(ours, theirs, path)

    def value(self, ours, theirs, path):
        kind = type(theirs)
        if kind is THEIR_STRUCT:
            self.struct(ours, theirs, path)
        elif kind is THEIR_LIST:
            self.list(ours, theirs, path)
        elif kind is THEIR_ANY:
            self.any(ours, theirs, path)
        elif kind is THEIR_ENUM:
            same = ours == theirs.raw if isinstance(ours, int) else ours == str(theirs)
            if not same:
                raise Difference(f"{path}: ours reads {ours!r}, theirs number {theirs.raw}")
        elif kind is float:
            same = struct.pack("d", ours) == struct.pack("d", theirs)
            if not same and not (ours != ours and theirs != theirs):
                raise Difference(f"{path}: ours reads {ours!r}, theirs {theirs!r}")
        elif ours != theirs or type(ours) is not kind:
            raise Difference(f"{path}: ours reads {ours!r}, theirs {theirs!r}")

    def struct(self, ours, theirs, path):
        chosen = None
        fields, union = self.declarations.fields(theirs.schema)
        if union:
            chosen = their_which(theirs)
            which = ours.which_()
            if which != chosen and not (chosen is None and isinstance(which, int)):
                raise Difference(f"{path}: ours holds {which!r}, theirs {chosen!r}")
        for name, pointer, in_union in fields:
            if in_union and name != chosen:
                continue
            absent = pointer and not self.has(ours, theirs, name, path)
            self.absent += absent
            if self.absent <= ABSENT:
                self.both(ours.__getattr__, theirs._get, name, f"{path}.{name}")
            self.absent -= absent

    def has(self, ours, theirs, name, path):
        """Whether a pointer is not null."""
        has = attempt(theirs._has, name)  # follows far pointers, so it may refuse
        if self.nulls and isinstance(has, bool) and ours.has_(name) != has:
            raise Difference(f"{path}.{name}: has_() of ours is {not has}")
        return has

    def list(self, ours, theirs, path):
        count = len(theirs)
        if len(ours) != count:
            raise Difference(f"{path}: ours has {len(ours)} elements, theirs {count}")
        for k in range(count) if count <= LONG else (*range(LONG // 2), count // 2, count - 1):
            self.both(ours.__getitem__, theirs._get, k, f"{path}[{k}]")

    def any(self, ours, theirs, path):
        """Reads a pointer of any kind as every type; most are refused by both."""
        if ours is None:  # a null pointer, as has_() has told
            return
        values, refused = self.values, self.refused
        for name, by_ours, by_theirs in self.declarations.probes:
            self.both(
                lambda _, read=by_ours: read(ours),
                lambda _, read=by_theirs: read(theirs),
                None,
                f"{path}.as_({name})",
                strict=False,
            )
        if self.strict and self.values == values and self.budget >= 0:
            raise Difference(f"{path}: ours reads this as no type at all")
        self.refused = refused


class Declarations:
    """Both sides' declarations of one schema file."""

    def __init__(self, ours, theirs):
        self.ours = ours
        self.theirs = theirs
        self.probes = probes(ours, theirs)
        self._fields = {}

    def fields(self, schema):
        """((name, whether it is a pointer, whether it is in the union), ...), and the union's."""
        key = schema.node.id
        if key not in self._fields:
            self._fields[key] = _fields(schema)
        return self._fields[key]


def _fields(schema):
    union = set(schema.union_fields)
    found = []
    for name, field in schema.fields.items():
        proto = field.proto
        pointer = proto.which() == "slot" and proto.slot.type.which() in POINTERS
        found.append((name, pointer, name in union))
    return found, union


def probes(ours, theirs):
    """Ways to read a pointer of any kind: (name, function for ours, function for theirs)."""
    kinds = capnp.types
    of = capnp._ListSchema
    found = [
        # pycapnp gives a Text up to its first NUL, and Data only as a list of bytes.
        ("Text", lambda p: p.as_(Text).split("\0")[0], lambda p: p.as_text()),
        ("Data", lambda p: p.as_(Data), lambda p: bytes(p.as_list(of(kinds.UInt8)))),
        ("Node", lambda p: p.as_(ours.Node), lambda p: p.as_struct(theirs.Node)),
        ("Links", lambda p: p.as_(ours.Links), lambda p: p.as_struct(theirs.Links)),
    ]
    for name, mine, other in (
        ("Void", Void, kinds.Void),
        ("Bool", Bool, kinds.Bool),
        ("Int8", Int8, kinds.Int8),
        ("Int16", Int16, kinds.Int16),
        ("Int64", Int64, kinds.Int64),
        ("Float64", Float64, kinds.Float64),
        ("Text", Text, kinds.Text),
        ("Data", Data, kinds.Data),
        ("List(Int16)", List(Int16), of(kinds.Int16)),
        ("Node", ours.Node, theirs.Node),
        ("Plain", ours.Plain, theirs.Plain),
    ):
        mine, other = List(mine), of(other)
        found.append(
            (
                f"List({name})",
                lambda p, type=mine: p.as_(type),
                lambda p, type=other: p.as_list(type),
            )
        )
    return found
