# SPDX-License-Identifier: MIT
"""The CodeGeneratorRequest, the form in which every Cap'n Proto compiler gets its schemas.

Nodes, fields and types are pycapnp's readers of the structs that schema.capnp documents.
"""

import contextlib
import functools
import os

import capnp

# The request comes from our own compiler, so that reading it needs no protection.
LIMITS = {"traversal_limit_in_words": 1 << 60, "nesting_limit": 1 << 16}


class SchemaError(Exception):
    """A schema cannot be compiled; the text names the file and the declaration or line."""


@functools.cache
def schema():
    """Return pycapnp's module for schema.capnp."""
    folder = os.path.dirname(capnp.__file__)
    path = os.path.join(folder, "schema.capnp")
    return capnp.SchemaParser().load(path, imports=[os.path.dirname(folder)])


@contextlib.contextmanager
def read(data):
    """Give the Request in these bytes; its nodes may be used inside the `with` only."""
    with contextlib.ExitStack() as stack:
        try:
            message = schema().CodeGeneratorRequest.from_bytes(data, **LIMITS)
            request = Request(stack.enter_context(message))
        except capnp.KjException:
            raise SchemaError("standard input: not a request of `capnp compile`") from None
        yield request


class Request:
    """All nodes by their ids, and the files to write modules for."""

    def __init__(self, message):
        self.nodes = Nodes((node.id, node) for node in message.nodes)
        self.files = [File(self, file) for file in message.requestedFiles]


class Nodes(dict):
    """All nodes by their ids."""

    def __init__(self, items):
        super().__init__(items)
        self._parameters = {}

    def scopes(self, id_):
        """Return the ids of a declaration and all that it is nested in, outermost first."""
        scopes = []
        while id_ in self and self[id_].which() != "file":
            scopes.append(id_)
            id_ = self[id_].scopeId
        return scopes[::-1]

    def depends(self, id_, scope):
        """Return whether what a declaration is depends on the type parameters of a scope.

        One that is nested in a generic need not use its parameters. Those of its own count always.
        """
        if id_ == scope:
            return True
        if id_ not in self._parameters:
            self._parameters[id_] = self._scopes_used(id_)
        return scope in self._parameters[id_]

    def _scopes_used(self, id_):
        """Return the scopes whose parameters a declaration, or what it leads to, names."""
        used = set()
        reached = set()
        todo = [id_]
        while todo:
            id_ = todo.pop()
            if id_ in self and id_ not in reached:
                reached.add(id_)
                _collect_uses(self[id_], todo, used)
        return used


def _collect_uses(node, ids, scopes):
    """Add what a node refers to: the ids of declarations and the scopes of type parameters."""
    types = []
    brands = []
    if node.which() == "struct":
        for field in node.struct.fields:
            if field.which() == "group":
                ids.append(field.group.typeId)
            else:
                types.append(field.slot.type)
    elif node.which() == "interface":
        for base in node.interface.superclasses:
            ids.append(base.id)
            brands.append(base.brand)
        for method in node.interface.methods:
            ids += (method.paramStructType, method.resultStructType)
            brands += (method.paramBrand, method.resultBrand)
    while types or brands:
        if brands:
            bound = [s.bind for s in brands.pop().scopes if s.which() == "bind"]
            types += [binding.type for b in bound for binding in b if binding.which() == "type"]
            continue
        type_ = types.pop()
        kind = type_.which()
        if kind == "list":
            types.append(type_.list.elementType)
        elif kind in ("struct", "interface"):
            declared = getattr(type_, kind)
            ids.append(declared.typeId)
            brands.append(declared.brand)
        elif kind == "anyPointer" and type_.anyPointer.which() == "parameter":
            scopes.add(type_.anyPointer.parameter.scopeId)


class File:
    """A requested file: its name as given by the user, and its own declarations.

    `declarations` has what the file declares in schema order, outer before inner, each as the
    node and the names that lead to it. Groups and parameter lists are not among them.
    """

    def __init__(self, request, requested):
        self.name = requested.filename
        self.node = request.nodes[requested.id]
        self.declarations = []
        self._collect(request, self.node, ())

    def _collect(self, request, scope, path):
        for nested in scope.nestedNodes:
            node = request.nodes[nested.id]
            inner = (*path, nested.name)
            self.declarations.append((node, inner))
            self._collect(request, node, inner)

    def declares(self):
        """Return whether there is anything in it but declarations of annotations."""
        return any(node.which() != "annotation" for node, _ in self.declarations)


def display(node):
    """Return the name of the file in which a node is, and the names that lead to it there."""
    file, _, path = node.displayName.rpartition(":")
    return file, tuple(path.split("."))
