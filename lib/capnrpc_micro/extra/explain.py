# SPDX-License-Identifier: MIT
"""Layer `layout`: what is wrong with a value that a field refuses. Loaded on demand."""

from ..layout import StructReader, put_struct
from ..message import Builder
from ..words import SHIFT, const
from .lists import put_element

_VOID = const(0)
_BOOL = const(1)
_FLOAT32 = const(10)
_LIST = const(14)
_STRUCT = const(15)
_ENUM = const(19)
_NAMES = ("None", "a bool") + 8 * ("an int",) + 2 * ("a float or its bytes",)
_NAMES += (
    "a str",
    "bytes",
    "a list or tuple",
    "a dict, or a tuple of all fields",
    "a capability (a Client or an object of a Server class)",
    "a str, bytes, a reader or a capability",
    "a dict, or a tuple of all fields",
)


def refusal(type, at, value):
    """The TypeError or ValueError for a value that the field at `at` in the table, or with None the
    struct itself, refuses."""
    if at is None:
        kind = _STRUCT
        where = type.name_ or "the struct"
        extra = type
    else:
        kind = type.table_[at + 1] & 31
        extra = type.table_[at + 2]
        where = type.table_[at]
        if type.name_:
            where = type.name_ + "." + where
    error, text = _reason(kind, extra, value)
    return error(where + ": " + text)


def element_refusal(kind, extra, value):
    """The TypeError or ValueError for a value that a list's element refuses."""
    error, text = _reason(kind, extra, value)
    return error(text)


def not_set(reader, name):
    """The AttributeError for a field of a union that holds another."""
    return AttributeError(
        "%s.%s: the union holds %s" % (reader._type.name_ or "the struct", name, reader.which_())
    )


def _is_refused(scratch, kind, extra, value):
    scratch.reset()
    t = scratch.alloc(2)
    if kind == _STRUCT:
        return put_struct(scratch, t, extra, value)
    return put_element(scratch, t, 0, kind, extra, value)


def _reason(kind, extra, value):
    met = value.__class__.__name__
    if kind == _LIST and met in ("list", "tuple", "ListReader"):
        kind, extra = extra[:2]
        scratch = Builder(64, 1 << 28)
        k = 0
        while not _is_refused(scratch, kind, extra, value[k]):
            k += 1
        error, text = _reason(kind, extra, value[k])
        return error, "element %d: %s" % (k, text)
    if kind == _ENUM:
        if isinstance(extra, tuple):
            extra = extra[0]
        if isinstance(value, str):
            known = ", ".join(extra.names_)
            return ValueError, "%s has no value %s; it has %s" % (extra.name_, value, known)
        kind = 5
        if not isinstance(value, int):
            return TypeError, "a name or a number is expected, not " + met
    if kind == _STRUCT:
        if isinstance(extra, tuple):
            extra = extra[0]
        if isinstance(value, StructReader):
            met = "a struct " + (value._type.name_ or "of a method")
        elif isinstance(value, tuple):
            if extra.tag_ is not None:
                return TypeError, "it has a union: give a dict"
            return TypeError, "it has %d fields, not %d" % (len(extra.table_) // 3, len(value))
    if _BOOL < kind < _FLOAT32 and isinstance(value, int):
        bits = 1 << SHIFT[kind]
        if kind & 1:
            return ValueError, "%d is out of range (0 to 2**%d - 1)" % (value, bits)
        return ValueError, "%d is out of range (-2**%d to 2**%d - 1)" % (value, bits - 1, bits - 1)
    return TypeError, "%s is expected, not %s" % (_NAMES[kind], met)
