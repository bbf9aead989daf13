# SPDX-License-Identifier: MIT
"""One requested file to the text of its module: declarations of types, then their tables.

All named types are created before the first table, so that any table may refer to any type.
"""

import os

from capnpc_micropython import annotations, nodes, values
from capnpc_micropython.brands import Scope, Type
from capnpc_micropython.names import Names, python_path
from capnpc_micropython.text import Group, call, statement, string, tuple_

HEADER = "# Generated from {} by capnpc_micropython; change the schema and generate it again."
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
DECLARED = ("enum", "struct", "interface")
# A call on MicroPython has at most 255 arguments; a method takes three.
_MOST_METHODS = 80
_NO_DISCRIMINANT = 0xFFFF
STREAM_RESULT = 0x995F9A3377C0B16E


# What may also be a pointer to any struct, or any list.
_ANY = ("struct", "list")


class Module:
    """The module for one of the request's files.

    names   the names that it uses; those of branded types are known when text() has returned
    scope   the file's, without type parameters
    """

    def __init__(self, request, file):
        self.names = Names(request.nodes, file)
        self.scope = Scope(request.nodes, {})
        self._nodes = request.nodes
        self._file = file
        self._kinds = set()

    def text(self):
        """Return the text of the module."""
        types = []
        tables = []
        constants = []
        for node, path in self._file.declarations:
            which = node.which()
            if which == "const":
                constants.append(self._constant(node, path))
            elif which in DECLARED:
                type_ = Type(which, node.id)
                types.append(self._create(type_, ".".join(path)))
                tables += self._tables(type_)
        constants += self._annotations(self._file.node, "")
        done = 0
        while done < len(self.names.brands):  # the tables of brands may lead to more of them
            type_ = list(self.names.brands.values())[done]
            types.append(self._create(type_, self.names.title(type_)))
            tables += self._tables(type_)
            done += 1
        head = [
            HEADER.format(os.path.basename(self._file.name)),
            *self.names.library_import(),
        ]
        kinds = [f"{_constant_name(k)} = const({KINDS[k]})" for k in KINDS if k in self._kinds]
        kinds.insert(0, "# fmt: off")
        sections = (head, kinds, types, self.names.other_imports(), tables, constants)
        return "\n\n".join("\n".join(section) for section in sections if section) + "\n"

    def _create(self, type_, title):
        node = self._nodes[type_.id]
        arguments = [f'"{title}"']
        if type_.kind == "enum":
            arguments.append(Group("(", [[f'"{e.name}"' for e in node.enum.enumerants]]))
        elif type_.kind == "interface":
            arguments.append(string(node.id.to_bytes(8, "little")))
        else:
            arguments += _size(node)
        function = self.names.library(type_.kind.capitalize())
        return statement(call(function, *arguments), self.names.type(type_) + " = ")

    def _tables(self, type_):
        node = self._nodes[type_.id]
        name = self.names.type(type_)
        scope = self.scope.of(type_)
        tables = []
        if type_.kind == "struct" and node.struct.fields:
            tables.append(statement(call(name + ".fields_", *self._fields(node, scope))))
        elif type_.kind == "interface":
            tables += self._interface_tables(node, name, scope)
        return tables if type_.brand else tables + self._annotations(node, name + ".")

    # Structs and their fields

    def _fields(self, node, scope):
        """Return the arguments of fields_: the table and, if there is a union, its place."""
        plain, union = fields_in_order(node)
        table = Group("(", [self._field(field, scope) for field in plain + union])
        if not union:
            return [table]
        return [table, str(len(plain)), str(node.struct.discriminantOffset)]

    def _field(self, field, scope):
        name = f'"{field.name}"'
        if field.which() == "group":
            group = self._nodes[field.group.typeId]
            return [name, self._kind("group"), self._unnamed(group, scope)]
        slot = field.slot
        type_ = scope.type(slot.type)
        extra = self._extra(type_)
        code = self._kind_of(type_)
        if type_.kind != "void":
            code += f" | {slot.offset} << 5"
        default = values.default(type_.kind, slot.defaultValue)
        if default is not None:
            if type_.kind == "list":
                extra = tuple_(*extra.rows[0], default)
            else:
                extra = default if extra == "None" else tuple_(extra, default)
        return [name, code, extra]

    def _unnamed(self, node, scope):
        """Return a group, or a list of parameters or results, as an expression."""
        return call(self.names.library("Struct"), '""', *_size(node), *self._fields(node, scope))

    def _kind(self, kind):
        self._kinds.add(kind)
        self.names.library("const")
        return _constant_name(kind)

    def _kind_of(self, type_):
        """Return the kind of a type: AnyStruct and AnyList are AnyPointers to one kind of object."""
        any_ = type_.kind in _ANY and not type_.id and not type_.element
        return self._kind("anyPointer" if any_ else type_.kind)

    def _extra(self, type_):
        """Return what a field's or element's type refers to, "None" for most types."""
        if type_.id:
            return self.names.type(type_)
        if type_.kind == "interface":
            return self.names.library("Capability")
        if type_.element:
            return tuple_(self._kind_of(type_.element), self._extra(type_.element))
        if type_.kind in _ANY:
            return self._kind(type_.kind)
        return "None"

    # Interfaces and their methods

    def _interface_tables(self, node, name, scope):
        tables = []
        bases = [scope.declared("interface", b.id, b.brand) for b in node.interface.superclasses]
        if bases:
            tables.append(statement(call(name + ".supers_", *map(self.names.type, bases))))
        methods = [self._method(method, scope) for method in node.interface.methods]
        if methods:
            brackets = ("(", ")") if len(methods) <= _MOST_METHODS else ("(*(", "))")
            start, end = name + ".methods_" + brackets[0], brackets[1]
            tables.append(statement(Group(start, methods, end, split=len(methods) > 1)))
        return tables

    def _method(self, method, scope):
        params = self._method_struct(method.paramStructType, method.paramBrand, scope)
        results = self._method_struct(method.resultStructType, method.resultBrand, scope)
        return [f'"{method.name}"', params, results]

    def _method_struct(self, id_, brand, scope):
        if id_ == STREAM_RESULT:
            return self.names.library("STREAM")
        node = self._nodes[id_]
        if node.scopeId:  # declared as a struct, not as a list of parameters
            return self.names.type(scope.declared("struct", id_, brand))
        if not node.struct.fields:
            return self.names.library("EMPTY")
        return self._unnamed(node, scope.inside(brand))

    # Constants and annotations

    def _constant(self, node, path):
        expression = self._value(self.scope.type(node.const.type), node.const.value)
        return statement(expression, python_path(path) + " = ")

    def _value(self, type_, value):
        enum = self._nodes[type_.id].enum.enumerants if type_.kind == "enum" else ()

        def function(data):
            name = self.names.library("constant")
            return call(name, self._kind_of(type_), self._extra(type_), data)

        return values.constant(type_.kind, value, [e.name for e in enum], function)

    def _annotations(self, node, prefix):
        """Return the statement that keeps a declaration's annotations, if there are any."""
        rows = []
        for member, annotation in annotations.collect(self._nodes, node):
            declared = self._nodes[annotation.id]
            _, path = nodes.display(declared)
            type_ = self.scope.inside(annotation.brand).type(declared.annotation.type)
            value = self._value(type_, annotation.value)
            rows.append([f'"{member}"', f'"{path[-1]}"', value])
        table = Group("(", rows, split=len(rows) > 1)
        return [statement(table, prefix + "annotations_ = ")] if rows else []


def fields_in_order(node):
    """Return a struct's fields outside its union in schema order, and the union's by tag."""
    plain = [f for f in node.struct.fields if f.discriminantValue == _NO_DISCRIMINANT]
    union = [f for f in node.struct.fields if f.discriminantValue != _NO_DISCRIMINANT]
    plain.sort(key=lambda field: field.codeOrder)
    union.sort(key=lambda field: field.discriminantValue)
    return plain, union


def _constant_name(kind):
    return "_" + kind.upper()


def _size(node):
    return [str(node.struct.dataWordCount), str(node.struct.pointerCount)]
