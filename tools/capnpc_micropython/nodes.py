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
        self.nodes = {node.id: node for node in message.nodes}
        self.files = [File(self, file) for file in message.requestedFiles]


class File:
    """A requested file: its name as given by the user, and its own declarations.

    `declarations` has the file's types and constants in schema order, outer before inner, each
    as the node and the names that lead to it. Groups and parameter lists are not among them.
    """

    def __init__(self, request, requested):
        self.name = requested.filename
        self.declarations = []
        self._collect(request, request.nodes[requested.id], ())

    def _collect(self, request, scope, path):
        for nested in scope.nestedNodes:
            node = request.nodes[nested.id]
            inner = (*path, nested.name)
            self.declarations.append((node, inner))
            self._collect(request, node, inner)

    def error(self, declaration, message):
        """Return the SchemaError for a declaration of this file."""
        return SchemaError(f"{self.name}: {declaration}: {message}")


def display(node):
    """Return the name of the file in which a node is, and the names that lead to it there."""
    file, _, path = node.displayName.rpartition(":")
    return file, tuple(path.split("."))
