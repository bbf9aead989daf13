# SPDX-License-Identifier: MIT
"""Types of a schema as type hints: what a field reads as, and what may be given for it."""

import dataclasses

from capnpc_micropython.emit import fields_in_order
from capnpc_micropython.names import python_name

# Names of Python's that the hints use, unless something in the schema has that name.
BUILTINS = ("bool", "bytes", "classmethod", "dict", "float", "int", "property", "str", "tuple")
_PLAIN = {"bool": "bool", "text": "str", "data": "bytes", "float32": "float", "float64": "float"}
_UNTYPED = ("anyPointer", "list", "struct")


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of a struct in a stub.

    name    in Python
    read    hint for what a reader gives
    build   hint for what a builder gives
    give    hint for what may be given
    init    how a builder's init_ is called for it: "struct", "list", "any"; None if it is not
    lead    hint for what a promise of the struct gives, None if that has no such attribute
    """

    name: str
    read: str
    build: str
    give: str
    init: str | None
    lead: str | None


class Hints:
    """Type hints in one stub.

    hidden    names that mean something else inside some class of the stub
    modules   the other modules that the hints name
    roots     the names of this module with which hints begin
    """

    def __init__(self, nodes, names, hidden):
        self._nodes = nodes
        self._names = names
        self.hidden = hidden
        self.modules = set()
        self.roots = set()

    def builtin(self, name):
        """Return the expression for a name of Python's."""
        return "_b." + name if name in self.hidden else name

    def place(self, type_):
        """Return the expression for the class of a declared type."""
        module, path = self._names.place(type_)
        if module is not None:
            self.modules.add(module)
            return f"{module}.{path}"
        root, dot, rest = path.partition(".")
        self.roots.add(root)
        return ("_" if root in self.hidden else "") + root + dot + rest

    def read(self, type_):
        """Return the hint for what a reader gives."""
        if type_.kind == "void":
            return "None"
        if type_.kind == "enum":
            place = self.place(type_) + "_"
            if "." not in place:
                self.roots.add(place.removeprefix("_"))
            return f"{place} | {self.builtin('int')}"
        if type_.id:
            return self.place(type_)
        if type_.element:
            return f"_s.ListReader[{self.read(type_.element)}]"
        if type_.kind == "interface":
            return "_s.Client"
        if type_.kind in _UNTYPED:
            return "_s.AnyReader"
        return self.builtin(_PLAIN.get(type_.kind, "int"))

    def build(self, type_):
        """Return the hint for what a builder gives."""
        if type_.kind == "struct" and type_.id:
            return self.place(type_) + ".Builder_"
        if type_.element:
            element = type_.element
            return f"_s.ListBuilder[{self.build(element)}, {self.give(element)}]"
        return self.read(type_)

    def give(self, type_):
        """Return the hint for what may be given."""
        if type_.element:
            return f"_s.Items[{self.give(type_.element)}]"
        if type_.kind == "struct" and type_.id:
            return f"{self.place(type_)} | _s.Fields"
        if type_.kind == "interface":
            server = self.place(type_) if type_.id else "_s"
            return f"{self.read(type_)} | {server}.Server | None"
        if type_.kind == "data":
            return "_s.Bytes"
        if type_.kind in ("float32", "float64"):
            return self.read(type_) + " | _s.Bytes"
        return "_s.Anything" if type_.kind in _UNTYPED else self.read(type_)

    def fields(self, node, scope, place):
        """Return the Fields of a struct, whose class stands at a place."""
        return [self._field(field, scope, place) for field in sum(fields_in_order(node), [])]

    def _field(self, field, scope, place):
        name = python_name(field.name)
        if field.which() == "group":
            node = self._nodes[field.group.typeId]
            group = f"{place}.{field.name}_group_"
            lead = group + ".Pipeline_" if self.leads(node, scope) else None
            return Field(name, group, group + ".Builder_", group + " | _s.Fields", "struct", lead)
        type_ = scope.type(field.slot.type)
        init = lead = None
        if type_.element:
            init = "list"
        elif type_.kind in _UNTYPED:
            init = "struct" if type_.id else "any"
        if type_.kind == "interface":
            lead = self.read(type_)
        elif type_.kind == "struct" and type_.id:
            if self.leads(self._nodes[type_.id], scope.of(type_)):
                lead = self.place(type_) + ".Pipeline_"
        give = self.give(type_)
        if type_.element or type_.kind in ("text", "data") or type_.kind == "struct" and type_.id:
            give += " | None"
        return Field(name, self.read(type_), self.build(type_), give, init, lead)

    def leads(self, node, scope):
        """Return whether a struct holds capabilities, outside of lists."""
        seen = set()
        todo = [(node, scope)]
        while todo:
            node, scope = todo.pop()
            for field in node.struct.fields:
                if field.which() == "group":
                    todo.append((self._nodes[field.group.typeId], scope))
                    continue
                type_ = scope.type(field.slot.type)
                if type_.kind == "interface":
                    return True
                if type_.kind == "struct" and type_.id and type_ not in seen:
                    seen.add(type_)
                    todo.append((self._nodes[type_.id], scope.of(type_)))
        return False


def literal(names):
    """Return the hint for one of these strings."""
    return "_t.Literal[" + ", ".join(f'"{name}"' for name in names) + "]"
