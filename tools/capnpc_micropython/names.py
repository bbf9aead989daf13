# SPDX-License-Identifier: MIT
"""Schema names as Python names, and the names under which a module has types of other files."""

import keyword
import os
import re

from capnpc_micropython import nodes, text

LIBRARY = ("EMPTY", "STREAM", "Capability", "Enum", "Interface", "Struct", "const", "constant")
_KINDS = ("text", "data", "void", "bool", "anyPointer", "int8", "int16", "int32", "int64")
_KINDS += ("uint8", "uint16", "uint32", "uint64", "float32", "float64")
_SCHEMA_NAMES = {kind: kind[0].upper() + kind[1:] for kind in _KINDS}
_SCHEMA_NAMES |= {kind: kind[:2].upper() + kind[2:] for kind in _KINDS if kind[0] == "u"}
_WITHOUT_DECLARATION = {"struct": "AnyStruct", "list": "AnyList", "interface": "Capability"}


def python_name(name, nested=False):
    """Return a schema name as the name of a variable or attribute.

    Schema names have no underscore, so that a name with one at its end is free. `Server` is what
    an interface calls the base class of its implementations.
    """
    if keyword.iskeyword(name) or (nested and name == "Server"):
        return name + "_"
    return name


def python_path(path):
    """Return the names that lead to a declaration as one Python expression."""
    return ".".join(python_name(name, nested=bool(i)) for i, name in enumerate(path))


def module_name(schema_file):
    """Return the name of the module that is generated from a schema file."""
    stem = os.path.basename(schema_file).removesuffix(".capnp")
    name = re.sub(r"\W", "_", stem) + "_capnp"
    return name if name.isidentifier() else "_" + name


class Names:
    """The names in one generated module: its own types, and imports as they are asked for.

    brands   the branded types that the module needs, by name: all that were asked for
    """

    def __init__(self, nodes_, file):
        self._nodes = nodes_
        self._own = {node.id: python_path(path) for node, path in file.declarations}
        # Constants are set after everything else, so that they may take any name but this.
        types = ("enum", "interface", "struct")
        self._top = {path[0] for node, path in file.declarations if node.which() in types}
        self._top |= {"constant"} & {path[0] for _, path in file.declarations}
        self._library = set()
        self._imports = {}
        self._brand_names = {}
        self.brands = {}

    def type(self, type_):
        """Return the expression for a declared type, which is then imported if it has to be."""
        module, path = self.place(type_)
        if module is None:
            return path
        first, dot, rest = path.partition(".")
        if (module, first) not in self._imports:
            taken = {*self._top, *LIBRARY, *self._imports.values()}
            self._imports[module, first] = f"{module}_{first}" if first in taken else first
        return self._imports[module, first] + dot + rest

    def place(self, type_):
        """Return the module that has a declared type, None for this one, and its name there."""
        if type_.brand:
            return None, self._branded(type_)
        if type_.id in self._own:
            return None, self._own[type_.id]
        schema_file, path = nodes.display(self._nodes[type_.id])
        return module_name(schema_file), python_path(path)

    def _branded(self, type_):
        if type_ not in self._brand_names:
            name = start = self._spell(type_, ("_", "_", "", "__"))
            count = 1
            while name in self.brands:  # the same names in several other files
                count += 1
                name = f"{start}_{count}"
            self.brands[name] = type_
            self._brand_names[type_] = name
        return self._brand_names[type_]

    def title(self, type_):
        """Return a type as it is written in schemas, for people."""
        return self._spell(type_, ("(", ", ", ")", "."))

    def _spell(self, type_, marks):
        start, comma, end, dot = marks
        if type_.kind in _SCHEMA_NAMES:
            return _SCHEMA_NAMES[type_.kind]
        if type_.kind == "list" and type_.element:
            return "List" + start + self._spell(type_.element, marks) + end
        if not type_.id:
            return _WITHOUT_DECLARATION[type_.kind]
        brand = dict(type_.brand)
        schema_file, path = nodes.display(self._nodes[type_.id])
        parts = []
        for id_, name in zip(self._nodes.scopes(type_.id), path, strict=True):
            types = brand.get(id_)
            if types:
                name += start + comma.join(self._spell(t, marks) for t in types) + end
            parts.append(name)
        if dot != "." and type_.id not in self._own and path[0] in self._top:
            parts[0] = f"{module_name(schema_file)}_{parts[0]}"
        return dot.join(parts)

    def library(self, name):
        """Return the expression for a name of capnrpc_micro.schema, which is then imported."""
        self._library.add(name)
        return name + "_" if name in self._top else name

    def library_import(self):
        """Return the import statements for the library's names."""
        used = {name: self.library(name) for name in LIBRARY if name in self._library}
        return _imports("capnrpc_micro.schema", used)

    def other_imports(self):
        """Return the import statements for types of other schema files.

        They follow the creation of our own types, so that files may import each other.
        """
        modules = {}
        for (module, name), alias in sorted(self._imports.items()):
            modules.setdefault(module, {})[name] = alias
        return [
            line
            for module, aliases in modules.items()
            for line in _imports(module, aliases, "  # noqa: E402")
        ]


def _imports(module, aliases, comment=""):
    """Return the statements that import names of a module, each under an alias or its own."""
    plain = [name for name, alias in aliases.items() if alias == name]
    start = f"from {module} import "
    line = start + ", ".join(plain) + comment
    if len(line) > text.WIDTH:
        line = start + f"({comment}\n    " + ",\n    ".join(plain) + ",\n)"
    return [line] * bool(plain) + [
        f"{start}{name} as {alias}{comment}" for name, alias in aliases.items() if alias != name
    ]
