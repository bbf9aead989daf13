# SPDX-License-Identifier: MIT
"""Layer `schema`: declarations, which generated modules are made of. Data, not code.

Names from a schema contain no underscore, so every name of ours on these objects does.

A field table is a flat tuple of triples (name, code, extra); fields outside the union come first,
in the order of the schema, then the union's by discriminant. code = kind | offset << 5; the kinds
are in `layout`. extra is

    numbers, Bool   None or the default; as little-endian bytes where it needs more than 31 bits;
                    for floats always as bytes
    Text, Data      None or the default as bytes
    enum            the Enum, or (Enum, default number)
    struct          the Struct, or (Struct, default as a segment whose root points to it)
    list            (element kind, element extra), or with a default segment as third
    interface       the Interface; Capability for one that may have any
    AnyPointer      None; the kind STRUCT for AnyStruct, LIST for AnyList
    group           a Struct of the same sizes
"""

from .layout import on_demand
from .words import const as const

_TEXT = const(12)
_STRUCT = const(15)
_INTERFACE = const(16)
_ENUM = const(19)


class Struct:
    """A struct, a group, or the parameters or results of a method.

    name_       for messages to people; "" for unnamed parameters and results
    data_       words of data
    pointers_   number of pointers
    table_      the field table
    union_at_   index in the table of the union's first field; its length when there is no union
    tag_        offset of the union's tag in 16-bit units; None when there is no union
    """

    def __init__(self, name, data_words, pointers, fields=(), plain=None, tag=None):
        self.name_ = name
        self.data_ = data_words
        self.pointers_ = pointers
        self.kind_ = (_STRUCT, self)
        self.fields_(fields, plain, tag)

    def fields_(self, fields, plain=None, tag=None):
        """Sets the field table; `plain` fields of it are outside the union (all when None)."""
        self.table_ = fields
        self.union_at_ = len(fields) if plain is None else 3 * plain
        self.tag_ = tag
        # By name, filled by find_(): for numbers outside the union and without a default the code of
        # the field | index in the table << 20, else ~index.
        self.index_ = {}

    def find_(self, name):
        """Index of a field in the table by its name, which may end in "_" if it is a keyword.

        Raises AttributeError.
        """
        index = self.index_
        if not index:
            table = self.table_
            for k in range(0, len(table), 3):
                code = table[k + 1]
                plain = code & 31 < _TEXT and table[k + 2] is None and k < self.union_at_
                index[table[k]] = k << 20 | code if plain and (k | code >> 10) < 1024 else ~k
        at = index.get(name)
        if at is None:
            at = index.get(_plain(name))
            if at is None:
                _missing(self, "field", name)
        return at >> 20 if at >= 0 else ~at

    def __getattr__(self, name):
        return on_demand.bound(self, name)


def _plain(name):
    return name[:-1] if name.endswith("_") else name


def _missing(type, what, name):
    raise AttributeError("%s has no %s %s" % (type.name_ or "the struct", what, name))


class Enum:
    """An enum. Its values are their names, as strings: `Color.red == "red"`.

    A number that the schema does not know stays an int.
    """

    def __init__(self, name, names):
        self.name_ = name
        self.names_ = names
        self.kind_ = (_ENUM, self)

    def __getattr__(self, name):
        for known in self.names_:
            if known == name or known == _plain(name):
                return known
        _missing(self, "value", name)


class Interface:
    """An interface.

    name_    for messages to people
    id_      type id, 8 bytes, little-endian
    table_   flat tuple of triples: method name, parameters (Struct), results (Struct), by ordinal
    bases_   the interfaces it extends
    Server   the class that servers of this interface derive from
    """

    def __init__(self, name, id):
        self.name_ = name
        self.id_ = id
        self.kind_ = (_INTERFACE, self)
        self.table_ = ()
        self.bases_ = ()

    def methods_(self, *table):
        """Sets the method table."""
        self.table_ = table

    def supers_(self, *interfaces):
        """Sets the interfaces that this one extends."""
        self.bases_ = interfaces

    def lineage_(self):
        """This interface and all that it extends, each once."""
        found = [self]
        for interface in found:  # grows while it is walked
            for base in interface.bases_:
                if base not in found:
                    found.append(base)
        return found

    def find_(self, name):
        """(interface, ordinal) of a method by its name, own methods first.

        Raises AttributeError.
        """
        plain = _plain(name)
        for interface in self.lineage_():
            table = interface.table_
            for k in range(0, len(table), 3):
                if table[k] == name or table[k] == plain:
                    return interface, k // 3
        _missing(self, "method", name)

    def __getattr__(self, name):
        if name != "Server":
            _missing(self, "attribute", name)
        # Most boards implement few of the interfaces they know: the class is made when asked for.
        self.Server = type(self.name_ + ".Server", (Server,), {"interface_": self})
        return self.Server


class Server:
    """Base of all server classes; `Some.Interface.Server` derives from it.

    interface_   the Interface that it implements
    borrows_     names of methods that take Data parameters as memoryviews into the received
                 message, without a copy. The view is valid only until the method returns, so such
                 a method must be a plain `def`.
    uncancelled_ names of `async def` methods that run to their end when the caller does not want
                 the results any more, or is gone
    """

    interface_ = None
    borrows_ = uncancelled_ = ()
    cap_ = None  # its hook while somebody refers to it

    def cast_as(self, interface):
        """What a builder's field that holds it is read as."""
        return self

    def released_(self):
        """Called when nobody refers to this object over any connection any more."""


def constant(kind, extra, data):
    """The value of a constant: what the root of a segment points to, or a number's bytes."""
    return on_demand.constant(kind, extra, data)


EMPTY = Struct("", 0, 0)
STREAM = Struct("", 0, 0)  # the results of a method that is declared `-> stream`
Capability = Interface("Capability", bytes(8))  # of fields that take any capability
