# SPDX-License-Identifier: MIT
"""Layer `layout`: structs from and to dictionaries, and as text. Loaded on demand.

What follows structs into structs calls itself: deep messages end in RuntimeError on a small stack.
"""

from ..layout import ListReader, StructReader, on_demand, put_field, put_scalar, refuse
from ..words import const
from .look import has_, is_not_set, raw_

_VOID = const(0)
_TEXT = const(12)
_DATA = const(13)


def fill_other(m, t, p, type, value, group):
    """layout.fill() from what is not a tuple of all fields: a dict or a reader.

    Returns whether the value is refused. Errors about its fields name them.
    """
    if isinstance(value, StructReader):
        if value._type is not type:
            return True
        if not group:
            return on_demand.copy_into(m, t, p, type.pointers_, value)
        # It stands among other fields of its struct.
        value = lossless(value)
    if not isinstance(value, dict):
        return True
    chosen = None
    index = type.index_
    for name in value:
        if name in index and index[name] >= 0:  # a number: the most frequent and simple
            at = index[name]
            if put_scalar(m, t << 2, at & 0xFFFFF, None, value[name]):
                refuse(type, at >> 20, value[name])
            continue
        at = type.find_(name)
        if at >= type.union_at_:
            # A dict may have no order, so that neither would be the last.
            if chosen:
                raise ValueError("%s and %s are in one union" % (chosen, name))
            chosen = name
        put_field(m, t, p, type, at, value[name])


def lossless(reader):
    """The fields of a struct that are set, by name; floats as their bytes."""
    fields = {}
    for name, _, value in _fields(reader):
        fields[name] = raw_(reader, name) if isinstance(value, float) else value
    return fields


def _fields(reader):
    """(name, kind, value) of each field that is set."""
    type = reader._type
    table = type.table_
    for at in range(0, len(table), 3):
        chosen = at >= type.union_at_ and not is_not_set(reader, at)
        if chosen or has_(reader, table[at]):
            yield table[at], table[at + 1] & 31, reader._read(table[at + 1], table[at + 2])


def to_dict(reader):
    """The fields that are set by their names: structs as dicts, lists as lists, all else as read."""
    return {name: _plain(value) for name, _, value in _fields(reader)}


def _plain(value):
    if isinstance(value, StructReader):
        return to_dict(value)
    if isinstance(value, ListReader):
        return [_plain(item) for item in value]
    return value


def to_text(value):
    """A struct or a list as the schema language writes it: (name = "Ada", tags = ["x"])."""
    if isinstance(value, StructReader):
        return "(%s)" % ", ".join(
            [name + " = " + _text(kind, item) for name, kind, item in _fields(value)]
        )
    return "[%s]" % ", ".join([_text(value._kind, item) for item in value])


_ESCAPES = {"'": "\\'", '"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def _escaped(c):
    return c if c >= " " else "\\x%02x" % ord(c)


def _text(kind, value):
    if isinstance(value, (StructReader, ListReader)):
        return to_text(value)
    if kind == _TEXT:
        return '"%s"' % "".join([_ESCAPES.get(c) or _escaped(c) for c in value])
    if kind == _DATA:
        return '0x"%s"' % " ".join(["%02x" % byte for byte in value])
    if kind == _VOID:
        return "void"
    return str(value).lower() if isinstance(value, bool) else str(value)
