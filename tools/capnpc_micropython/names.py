# SPDX-License-Identifier: MIT
"""Schema names as Python names, and the names under which a module has types of other files."""

import keyword
import os

from capnpc_micropython import nodes, text

LIBRARY = ("EMPTY", "Enum", "Interface", "Struct", "const")


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
    name = stem.replace("-", "_") + "_capnp"
    if not name.isidentifier():
        raise nodes.SchemaError(f"{schema_file}: {name} cannot be the name of a Python module")
    return name


class Names:
    """The names in one generated module: its own types, and imports as they are asked for."""

    def __init__(self, file):
        self._own = {node.id: python_path(path) for node, path in file.declarations}
        # Constants are set after everything else, so that they may take any name.
        types = ("enum", "interface", "struct")
        self._top = {path[0] for node, path in file.declarations if node.which() in types}
        self._library = set()
        self._imports = {}

    def type(self, node):
        """Return the expression for a named type, which is then imported if it has to be."""
        if node.id in self._own:
            return self._own[node.id]
        schema_file, path = nodes.display(node)
        module = module_name(schema_file)
        first = python_name(path[0])
        if (module, first) not in self._imports:
            taken = {*self._top, *LIBRARY, *self._imports.values()}
            self._imports[module, first] = f"{module}_{first}" if first in taken else first
        return ".".join((self._imports[module, first], *python_path(path).split(".")[1:]))

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
