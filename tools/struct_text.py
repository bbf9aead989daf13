# SPDX-License-Identifier: MIT
"""Structs as text, and interfaces by their ids, with pycapnp's schemas."""

import json

import capnp
import capnp.lib.capnp as _classes

UNKNOWN = "(unknown)"  # what which_of() gives for a number that the schema does not know
POINTERS = ("text", "data", "list", "struct", "interface", "anyPointer")
_MOST = 20  # elements of a list, bytes of Data that are shown


def interfaces(modules):
    """The interfaces that schemas declare or mention, by type id."""
    found = {}
    seen = set()
    waiting = [module.schema for module in modules]
    while waiting:
        schema = waiting.pop()
        node = schema.node
        if (node.id, type(schema)) in seen:
            continue
        seen.add((node.id, type(schema)))
        if isinstance(schema, _classes._ParsedSchema):
            waiting += [schema.get_nested(nested.name) for nested in node.nestedNodes]
            if node.which() == "interface":
                waiting.append(schema.as_interface())
            elif node.which() == "struct":
                waiting.append(schema.as_struct())
        elif node.which() == "interface":
            found[node.id] = schema
            waiting += schema.superclasses
            for method in schema.methods.values():
                waiting += [method.param_type, method.result_type]
        else:
            waiting += filter(None, map(type_of, schema.fields.values()))
    return found


def type_of(field):
    """The schema of the struct or the interface that a field holds, perhaps in lists; or None."""
    if field.proto.which() == "slot":
        kind = field.proto.slot.type.which()
        if kind not in ("struct", "interface", "list"):
            return None
    schema = field.schema
    while isinstance(schema, _classes._ListSchema):
        try:
            schema = schema.elementType
        except capnp.KjException:
            return None  # of numbers, Text or Data
    known = _classes._StructSchema, _classes._InterfaceSchema
    return schema if isinstance(schema, known) else None


def name_of(schema):
    """What a schema file calls it."""
    return schema.node.displayName.rpartition(":")[2]


def text_of(reader):
    """A struct as text in one line. Capabilities are not read: without a connection there are none.

    Raises capnp.KjException when it is damaged.
    """
    parts = []
    which = which_of(reader) if reader.schema.node.struct.discriminantCount else None
    for name, field in reader.schema.fields.items():
        if field.proto.discriminantValue != 0xFFFF and name != which:
            continue
        if field.proto.which() == "group":
            parts.append(f"{name} = {text_of(reader._get(name))}")
            continue
        kind = field.proto.slot.type.which()
        if kind in POINTERS and not reader._has(name):
            continue
        parts.append(f"{name} = {_value(reader, name, field.proto.slot.type)}")
    return f"({', '.join(parts)})"


def _value(reader, name, type):
    kind = type.which()
    if kind == "interface" or kind == "list" and _holds_interfaces(type):
        return "<capability>" if kind == "interface" else "<capabilities>"
    if kind == "anyPointer":
        return "<pointer>"
    try:
        return _shown(reader._get(name), kind, type)
    except UnicodeDecodeError:
        return "<Text that is not UTF-8>"


def _holds_interfaces(type):
    while type.which() == "list":
        type = type.list.elementType
    return type.which() in ("interface", "anyPointer")


def _shown(value, kind, type):
    if kind == "struct":
        return text_of(value)
    if kind == "list":
        inner = type.list.elementType
        count = len(value)
        shown = [_shown(value[k], inner.which(), inner) for k in range(min(count, _MOST))]
        return f"[{', '.join(shown + [f'... {count} in all'] * (count > _MOST))}]"
    if kind == "text":
        return json.dumps(value, ensure_ascii=False)
    if kind == "data":
        more = f"... {len(value)} bytes in all" * (len(value) > _MOST)
        return f'0x"{value[:_MOST].hex()}{more}"'
    if kind == "enum":
        return enum_text(value)
    if kind == "bool":
        return str(value).lower()
    return "void" if kind == "void" else str(value)


def which_of(reader):
    """The name of a union's member that is set, or UNKNOWN."""
    try:
        return reader.which()
    except capnp.KjException:
        return UNKNOWN


def enum_text(value):
    """An enum's value by its name, or by its number if the schema does not know it."""
    try:
        return str(value)
    except RuntimeError:
        return str(value.raw)


def reason_of(error):
    """A KjException in one line: where in the C++ code it comes from does not help here."""
    line = str(error).splitlines()[0]
    return line.partition("failed: ")[2] or line


def pointer_field(type, index):
    """(name, struct type) of the field that is the pointer with an index; (index, None) if unknown."""
    waiting = [type] if isinstance(type, _classes._StructSchema) else []
    while waiting:
        for name, field in waiting.pop().fields.items():
            if field.proto.which() == "group":
                waiting.append(field.schema)
            elif field.proto.slot.type.which() in POINTERS and field.proto.slot.offset == index:
                return name, type_of(field)
    return index, None
