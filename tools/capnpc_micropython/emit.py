# SPDX-License-Identifier: MIT
"""One requested file to the text of its module: declarations of types, then their tables.

All named types are created before the first table, so that any table may refer to any type.
"""

import os
import struct

from capnpc_micropython.names import Names, python_path
from capnpc_micropython.text import Group, call, statement, string, tuple_

_HEADER = "# Generated from {} by capnpc_micropython; change the schema and run `make schema`."
# A field's code is its kind and its offset << 5.
KINDS = {
    "void": 0,
    "bool": 1,
    "int8": 2,
    "uint8": 3,
    "int16": 4,
    "uint16": 5,
    "int32": 6,
    "uint32": 7,
    "int64": 8,
    "uint64": 9,
    "float32": 10,
    "float64": 11,
    "text": 12,
    "data": 13,
    "list": 14,
    "struct": 15,
    "interface": 16,
    "anyPointer": 17,
    "group": 18,
    "enum": 19,
}
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
# A call on MicroPython has at most 255 arguments; a method takes three.
_MOST_METHODS = 80
_NO_DISCRIMINANT = 0xFFFF
_STREAM_RESULT = 0x995F9A3377C0B16E

_ANY_POINTERS = {
    "anyKind": "AnyPointer fields",
    "struct": "AnyStruct fields",
    "list": "AnyList fields",
    "capability": "Capability fields",
}


def module_text(request, file):
    """Return the text of the module for one of the request's files."""
    return _Module(request, file).text()


class _Module:
    def __init__(self, request, file):
        self._nodes = request.nodes
        self._file = file
        self._names = Names(file)
        self._kinds = set()

    def text(self):
        types = []
        tables = []
        constants = []
        for node, path in self._file.declarations:
            name = ".".join(path)
            which = node.which()
            if node.isGeneric:
                raise self._file.error(name, "generic types are not supported")
            if which == "const":
                constants.append(self._constant(node, path))
            elif which != "annotation":
                types.append(self._create(node, name))
                if which == "struct":
                    tables += self._struct_tables(node, name)
                elif which == "interface":
                    tables += self._interface_tables(node, name)
        head = [
            _HEADER.format(os.path.basename(self._file.name)),
            "# SPDX-License-Identifier: MIT",
            *self._names.library_import(),
        ]
        kinds = [f"{_constant_name(k)} = const({KINDS[k]})" for k in KINDS if k in self._kinds]
        kinds.insert(0, "# fmt: off")
        sections = (head, kinds, types, self._names.other_imports(), tables, constants)
        return "\n\n".join("\n".join(section) for section in sections if section) + "\n"

    def _create(self, node, name):
        which = node.which()
        arguments = [f'"{name}"']
        if which == "enum":
            arguments.append(Group("(", [[f'"{e.name}"' for e in node.enum.enumerants]]))
        elif which == "interface":
            arguments.append(string(node.id.to_bytes(8, "little")))
        else:
            arguments += _size(node)
        kind = self._names.library(which.capitalize())
        return statement(call(kind, *arguments), self._names.type(node) + " = ")

    # Structs and their fields

    def _struct_tables(self, node, name):
        if not node.struct.fields:
            return []
        arguments = self._fields(node, name + ".")
        return [statement(call(self._names.type(node) + ".fields_", *arguments))]

    def _fields(self, node, prefix):
        """Return the arguments of fields_: the table and, if there is a union, its place."""
        plain = [f for f in node.struct.fields if f.discriminantValue == _NO_DISCRIMINANT]
        union = [f for f in node.struct.fields if f.discriminantValue != _NO_DISCRIMINANT]
        plain.sort(key=lambda f: f.codeOrder)
        union.sort(key=lambda f: f.discriminantValue)
        table = Group("(", [self._field(f, prefix + f.name) for f in plain + union])
        if not union:
            return [table]
        return [table, str(len(plain)), str(node.struct.discriminantOffset)]

    def _field(self, field, where):
        name = f'"{field.name}"'
        if field.which() == "group":
            group = self._nodes[field.group.typeId]
            return [name, self._kind("group"), self._unnamed(group, where + ".")]
        slot = field.slot
        kind = slot.type.which()
        extra = self._extra(slot.type, where)
        code = self._kind(kind)
        if kind != "void":
            code += f" | {slot.offset} << 5"
        return [name, code, _with_default(kind, extra, slot.defaultValue)]

    def _unnamed(self, node, prefix):
        """Return a group, or a list of parameters or results, as an expression."""
        return call(self._names.library("Struct"), '""', *_size(node), *self._fields(node, prefix))

    def _kind(self, kind):
        self._kinds.add(kind)
        self._names.library("const")
        return _constant_name(kind)

    def _extra(self, type_, where):
        """Return what a field's or element's type refers to, "None" for most types."""
        kind = type_.which()
        if kind in ("enum", "struct", "interface"):
            return self._reference(getattr(type_, kind).typeId, where)
        if kind == "list":
            element = type_.list.elementType
            extra = self._extra(element, where)
            return tuple_(self._kind(element.which()), extra)
        if kind == "anyPointer":
            pointer = type_.anyPointer
            if pointer.which() == "unconstrained":
                what = _ANY_POINTERS[pointer.unconstrained.which()]
                raise self._file.error(where, f"{what} are not supported")
            raise self._file.error(where, "generic types are not supported")
        return "None"

    def _reference(self, id_, where):
        node = self._nodes[id_]
        if node.isGeneric:
            raise self._file.error(where, "generic types are not supported")
        return self._names.type(node)

    # Interfaces and their methods

    def _interface_tables(self, node, name):
        itself = self._names.type(node)
        tables = []
        bases = [self._reference(base.id, name) for base in node.interface.superclasses]
        if bases:
            tables.append(statement(call(itself + ".supers_", *bases)))
        methods = [self._method(m, f"{name}.{m.name}") for m in node.interface.methods]
        if methods:
            brackets = ("(", ")") if len(methods) <= _MOST_METHODS else ("(*(", "))")
            start, end = itself + ".methods_" + brackets[0], brackets[1]
            tables.append(statement(Group(start, methods, end, split=len(methods) > 1)))
        return tables

    def _method(self, method, where):
        if method.implicitParameters:
            raise self._file.error(where, "generic methods are not supported")
        if method.resultStructType == _STREAM_RESULT:
            raise self._file.error(where, "streaming methods (-> stream) are not supported")
        params = self._method_struct(method.paramStructType, f"{where} parameter ")
        results = self._method_struct(method.resultStructType, f"{where} result ")
        return [f'"{method.name}"', params, results]

    def _method_struct(self, id_, prefix):
        node = self._nodes[id_]
        if node.scopeId:  # declared as a struct, not as a list of parameters
            return self._reference(id_, prefix.strip())
        if not node.struct.fields:
            return self._names.library("EMPTY")
        return self._unnamed(node, prefix)

    # Constants

    def _constant(self, node, path):
        kind = node.const.type.which()
        if kind in ("list", "struct", "enum", "interface", "anyPointer"):
            raise self._file.error(".".join(path), f"constants of {kind} types are not supported")
        value = None if kind == "void" else getattr(node.const.value, kind)
        if kind in _FLOATS and repr(value) in ("inf", "-inf", "nan"):
            text = f'float("{value!r}")'
        elif kind in ("text", "data"):
            text = string(value)
        else:
            text = repr(value)
        return statement(text, python_path(path) + " = ")


def _constant_name(kind):
    return "_" + kind.upper()


def _size(node):
    return [str(node.struct.dataWordCount), str(node.struct.pointerCount)]


def _with_default(kind, extra, value):
    """Return a field's extra with its default value, where that is not zero or empty."""
    default = _default(kind, value)
    if default is None:
        return extra
    if kind == "list":
        return tuple_(*extra.rows[0], default)
    return default if extra == "None" else tuple_(extra, default)


def _default(kind, value):
    """Return the default in a schema.capnp Value as an expression, or None for zero or empty."""
    if kind in ("void", "interface"):
        return None
    if kind == "list":
        message = _pointer_message(value)
        return string(message) if any(message) else None
    if kind == "struct":
        message = _pointer_message(value)
        return string(message) if any(message[8:]) else None
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
        return string(number.to_bytes(_INTEGERS[kind], "little", signed=kind[0] == "i"))
    return repr(number)


def _pointer_message(value):
    """Return the list or struct in a Value as a message whose root pointer points to it.

    A copy of the Value is its own root pointer, its data words, its only pointer, and then all
    that this points to: from that pointer on it is the message wanted.
    """
    (segment,) = value.as_builder(value.total_size.word_count + 2).to_segments()
    data_words = int.from_bytes(segment[4:6], "little")
    return bytes(segment[8 * (1 + data_words) :])
