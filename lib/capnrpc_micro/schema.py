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
    interface       the Interface
    group           a Struct of the same sizes
"""

from .words import const

__all__ = ("EMPTY", "Enum", "Interface", "Server", "Struct", "const")


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
        self.fields_(fields, plain, tag)

    def fields_(self, fields, plain=None, tag=None):
        """Sets the field table; `plain` fields of it are outside the union (all when None)."""
        self.table_ = fields
        self.union_at_ = len(fields) if plain is None else 3 * plain
        self.tag_ = tag
        self.index_ = {}  # of the table by name, filled by find_()

    def find_(self, name):
        """Index of a field in the table by its name, which may end in "_" if it is a keyword.

        Raises AttributeError.
        """
        index = self.index_
        if not index:
            table = self.table_
            for k in range(0, len(table), 3):
                index[table[k]] = k
        at = index.get(name)
        if at is None:
            at = index.get(name[:-1]) if name.endswith("_") else None
            if at is None:
                raise AttributeError("%s has no field %s" % (self.name_ or "the struct", name))
        return at

    def names_(self):
        """The names of the fields, in order."""
        table = self.table_
        return [table[k] for k in range(0, len(table), 3)]


class Enum:
    """An enum. Its values are their names, as strings: `Color.red == "red"`.

    A number that the schema does not know stays an int.
    """

    def __init__(self, name, names):
        self.name_ = name
        self.names_ = names

    def __getattr__(self, name):
        plain = name[:-1] if name.endswith("_") else name
        for known in self.names_:
            if known == name or known == plain:
                return known
        raise AttributeError("%s has no value %s" % (self.name_, name))


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
        self.table_ = ()
        self.bases_ = ()
        self._server = None

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
        plain = name[:-1] if name.endswith("_") else name
        for interface in self.lineage_():
            table = interface.table_
            for k in range(0, len(table), 3):
                if table[k] == name or table[k] == plain:
                    return interface, k // 3
        raise AttributeError("interface %s has no method %s" % (self.name_, name))

    @property
    def Server(self):
        # Most boards implement few of the interfaces they know: the class is made when asked for.
        if self._server is None:
            self._server = type(self.name_ + ".Server", (Server,), {"interface_": self})
        return self._server


class Server:
    """Base of all server classes; `Some.Interface.Server` derives from it.

    interface_   the Interface that it implements
    borrows_     names of methods that take Data parameters as memoryviews into the received
                 message, without a copy. The view is valid only until the method returns, so such
                 a method must be a plain `def`.
    """

    interface_ = None
    borrows_ = ()
    cap_ = None  # its hook while somebody refers to it

    def released_(self):
        """Called when nobody refers to this object over any connection any more."""


EMPTY = Struct("", 0, 0)
