# SPDX-License-Identifier: MIT
"""Random values for the declarations of a generated module, as dicts, and the two ways to build.

A dict is what both libraries take. What they take differently, structs and lists for pointers of
any kind, stands in it as a Loan: a value of a struct, or one field of it.
"""

import dataclasses

from hypothesis import strategies as st
from kinds import (
    ANYPOINTER,
    BOOL,
    DATA,
    ENUM,
    FLOAT32,
    FLOAT64,
    GROUP,
    INT8,
    INT16,
    INT32,
    INT64,
    INTERFACE,
    LIST,
    STRUCT,
    TEXT,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    VOID,
)

SIGNED = {INT8: 8, INT16: 16, INT32: 32, INT64: 64}
UNSIGNED = {UINT8: 8, UINT16: 16, UINT32: 32, UINT64: 64}


@dataclasses.dataclass
class Loan:
    """A struct to be copied from a message of its own, or one of its fields."""

    type: str
    value: dict
    field: str | None = None


def struct_of(extra):
    """The type of a field whose extra may have a default, too."""
    return extra[0] if isinstance(extra, tuple) else extra


class Values:
    """Strategies for the structs of a generated module."""

    def __init__(self, module):
        self.module = module
        self._structs = {}

    def structs(self, type, depth):
        """A strategy for dicts of a struct's fields; structs are `depth` deep within one another."""
        key = type, depth
        if key not in self._structs:
            self._structs[key] = self._fields(type, depth)
        return self._structs[key]

    def _fields(self, type, depth):
        plain = {}
        union = [st.just({})]
        table = type.table_
        for at in range(0, len(table), 3):
            name, code, extra = table[at : at + 3]
            if depth <= 0 and _leads_on(code & 31, extra):
                continue
            value = self.values(code & 31, extra, depth)
            if at < type.union_at_:
                plain[name] = value
            else:
                union.append(st.fixed_dictionaries({name: value}))
        plain = st.fixed_dictionaries({}, optional=plain)
        return st.builds(lambda a, b: {**a, **b}, plain, st.one_of(union))

    def values(self, kind, extra, depth):
        """A strategy for the values of a field or an element."""
        if kind in SIGNED:
            half = 1 << (SIGNED[kind] - 1)
            return st.integers(-half, half - 1)
        if kind in UNSIGNED:
            return st.integers(0, (1 << UNSIGNED[kind]) - 1)
        if kind == GROUP:
            return self.structs(extra, depth)
        if kind == ANYPOINTER:
            return self.anything(extra or kind, depth - 1)
        if kind == STRUCT:
            return self.structs(struct_of(extra), depth - 1)
        if kind == LIST:
            most = 9 if extra[0] < LIST else 3
            return st.lists(self.values(extra[0], extra[1], depth), max_size=most)
        return {
            VOID: st.none,
            BOOL: st.booleans,
            FLOAT32: lambda: st.floats(width=32),
            FLOAT64: st.floats,
            TEXT: lambda: st.text(max_size=20),
            DATA: lambda: st.binary(max_size=20),
            # numbers beyond the names are what a newer program writes
            ENUM: lambda: st.one_of(
                st.sampled_from(struct_of(extra).names_), st.integers(0, 65535)
            ),
        }[kind]()

    def anything(self, kind, depth):
        """A strategy for what a pointer to anything, a struct or a list may lead to."""
        module = self.module
        structs = [
            st.builds(Loan, st.just(name), self.structs(getattr(module, name), depth))
            for name in ("Node", "Links", "Plain", "Empty")
        ]
        lists = [
            st.builds(
                lambda name, value: Loan("Lists", {name: value}, name),
                st.just(name),
                self.values(LIST, (element, None), depth),
            )
            for name, element in (
                ("bools", BOOL),
                ("int16s", INT16),
                ("texts", TEXT),
                ("uint8s", UINT8),
            )
        ]
        lists.append(
            st.builds(
                lambda value: Loan("Compounds", {"nodes": value}, "nodes"),
                self.values(LIST, (STRUCT, module.Node), depth),
            )
        )
        if kind == STRUCT:
            return st.one_of(structs)
        if kind == LIST:
            return st.one_of(lists)
        return st.one_of([st.text(max_size=9), *structs, *lists])


def _leads_on(kind, extra):
    """Whether a value may contain structs, so that depth has to end it."""
    while kind == LIST:
        kind, extra = extra[:2]
    return kind in (STRUCT, ANYPOINTER, INTERFACE)
