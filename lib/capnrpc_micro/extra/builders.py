# SPDX-License-Identifier: MIT
"""Layer `layout`: structs and lists that are built step by step. Loaded on demand.

A message only grows: what a pointer led to before it was set anew stays in it, unused, and a list
keeps its length (init_() makes a new one). A builder stays valid for as long as its message.
"""

from ..layout import (
    CODE,
    ListReader,
    StructReader,
    fill,
    list_at,
    new_list,
    new_struct,
    on_demand,
    put_field,
    put_pointer,
    put_scalar,
    refuse,
)
from ..message import Builder
from ..words import SHIFT, clear, const
from .lists import new_struct_list

_BOOL = const(1)
_TEXT = const(12)
_LIST = const(14)
_STRUCT = const(15)
_ANYPOINTER = const(17)
_GROUP = const(18)
_ENUM = const(19)
_NO_LIMIT = const(1 << 28)


def new_message(type_, **values):
    """The root StructBuilder of a new message, with fields set by name."""
    return from_dict(type_, values)


def from_dict(type, values):
    """The root StructBuilder of a new message, with fields set from a dict."""
    m = Builder(128, _NO_LIMIT)
    m.begin()
    return _new(m, m.lo, type, values)


def as_builder(reader):
    """The root StructBuilder of a new message that is a deep copy of a struct."""
    m = Builder(128, _NO_LIMIT)
    m.begin()
    on_demand.copy_typed(m, m.lo, reader._type, reader)
    return _builder(m, m.lo + 2, m.h[2 * m.lo + 2], m.h[2 * m.lo + 3], reader._type)


def _new(m, p, type, values):
    t = new_struct(m, p, type.data_, type.pointers_)
    if values is not None and fill(m, t, t + 2 * type.data_, type, values):
        refuse(type, None, values)
    return _builder(m, t, type.data_, type.pointers_, type)


def _builder(m, t, data_words, pointers, type):
    return StructBuilder(m, t << 2, data_words << 3, pointers, m.nesting, type)


class StructBuilder(StructReader):
    """A struct in a message that is being built. Its fields can be read and set.

    Setting a field of a union selects it. A value that does not fit raises TypeError or ValueError
    with the field's name and changes nothing.
    """

    def __setattr__(self, name, value):
        if name[0] == "_":
            object.__setattr__(self, name, value)
            return
        type = self._type
        name = type.find_(name)
        kind = type.table_[name + 1] & 31
        if kind < _TEXT or kind == _ENUM:
            self._set_scalar(type, name, value)
            if name >= type.union_at_:
                self._select(type, name)
        else:
            self._set_other(type, name, value)

    # Short functions: a longer one's names and temporaries do not fit on the stack, see `layout`.

    def _set_other(self, type, at, value):
        end = self._t + self._d + (self._n << 3)
        _attempt(self._m, self._t, end, self._set_in_place, type, at, value)

    def _set_in_place(self, type, at, value):
        extra = type.table_[at + 2]
        if type.table_[at + 1] & 31 == _GROUP:
            copied = isinstance(value, StructReader) and value._type is extra
            if copied:
                value = on_demand.lossless(value)  # before it is overwritten, if it is our own
            if copied or at >= type.union_at_:
                self._zero(_GROUP, extra)
        put_field(self._m, self._t >> 2, self._pointers(), type, at, value)

    def _set_scalar(self, type, at, value):
        if put_scalar(self._m, self._t, type.table_[at + 1], type.table_[at + 2], value):
            refuse(type, at, value)

    def _select(self, type, at):
        self._m.h[(self._t >> 1) + type.tag_] = (at - type.union_at_) // 3

    def _pointers(self):
        return self._t + self._d >> 2

    def __getattr__(self, name):
        m = self._m
        m.left = _NO_LIMIT  # our own may be read without limit
        value = StructReader.__getattr__(self, name)
        if value.__class__ is StructReader or value.__class__ is ListReader:
            value = self._own(name, value)
        return value

    def _own(self, name, value):
        """A builder of what a field was read as, in our message and of its full size."""
        type = value._type if value.__class__ is StructReader else None
        short = type and (value._d < type.data_ << 3 or value._n < type.pointers_)
        if short or value._m is not self._m:
            setattr(self, name, value)
            value = StructReader.__getattr__(self, name)
        return _writable(value)

    def init_(self, name, what=None, count=None):
        """Sets a field to a new struct or group, whose builder it returns; to a list of `what` empty
        elements; AnyPointer to a struct of the type `what`, or a list of a type of `types` with
        `count` elements.
        """
        type = self._type
        at = type.find_(name)
        code = type.table_[at + 1]
        extra = type.table_[at + 2]
        kind = code & 31
        p = self._pointers() + (code >> 5 << 1)
        if kind == _LIST:
            new = _init_list(self._m, p, extra[0], extra[1], what)
        elif kind == _ANYPOINTER:
            kind, extra = getattr(what, "kind_", (None, None))
            if kind != _LIST and kind != _STRUCT:
                raise TypeError("init_() of %s takes a struct's type or List(...)" % name)
            if kind == _LIST:
                new = _init_list(self._m, p, extra[0], extra[1], count)
            else:
                new = _new(self._m, p, extra, None)
        elif kind == _STRUCT or kind == _GROUP:
            self._zero(code, extra)
            put_field(self._m, self._t >> 2, self._pointers(), type, at, {})
            return getattr(self, name)
        else:
            raise TypeError("%s is no struct, group or list: set it" % name)
        if at >= type.union_at_:
            self._select(type, at)
        return new

    def clear_(self, name):
        """Sets a field to its default: a pointer to null, all fields of a group."""
        type = self._type
        at = type.find_(name)
        self._zero(type.table_[at + 1], type.table_[at + 2])
        if at >= type.union_at_:
            self._select(type, at)

    def _zero(self, code, extra):
        kind = code & 31
        code >>= 5
        m = self._m
        if kind == _GROUP:
            for at in range(0, len(extra.table_), 3):
                self._zero(extra.table_[at + 1], extra.table_[at + 2])
            if extra.tag_ is not None:
                m.h[(self._t >> 1) + extra.tag_] = 0
        elif kind == _BOOL:
            m.b[self._t + (code >> 3)] &= ~(1 << (code & 7))
        elif _TEXT <= kind < _GROUP:
            code = (self._pointers() << 2) + (code << 3)
            clear(m.b, code, code + 8)
        elif kind:
            kind = 1 << SHIFT[kind] >> 3
            code = self._t + code * kind
            clear(m.b, code, code + kind)

    def adopt_(self, name, value):
        """Sets a field to a deep copy of what a reader reads, fields that our schema does not know
        included; the same as assigning it."""
        setattr(self, name, value)


class ListBuilder(ListReader):
    """A list in a message that is being built. Its elements can be read and set."""

    def __getitem__(self, k):
        self._m.left = _NO_LIMIT
        return _writable(ListReader.__getitem__(self, k))

    def __setitem__(self, k, value):
        t = self._place(k)
        end = t + self._d + (self._n << 3)
        if _TEXT <= self._kind < _GROUP:
            _attempt(self._m, t, end, self._set_in_place, t, end, value)
            return
        kind = self._kind
        if kind == _BOOL:
            kind |= k % self._count << 5
        if put_scalar(self._m, t, kind, self._extra, value):
            raise on_demand.element_refusal(self._kind, self._extra, value)

    def _set_in_place(self, t, end, value):
        m = self._m
        kind = self._kind
        p = t + self._d >> 2
        if kind != _STRUCT:
            bad = put_pointer(m, p, kind, self._extra, value)
        else:
            if isinstance(value, StructReader) and value._m is m:
                value = as_builder(value)  # it may be what is cleared now
            clear(m.b, t, end)
            bad = fill(m, t >> 2, p, self._extra, value)
        if bad:
            raise on_demand.element_refusal(kind, self._extra, value)

    def _place(self, k):
        if not -self._count <= k < self._count:
            raise IndexError("list index out of range")
        if self._kind == _BOOL:
            return self._t
        return self._t + k % self._count * (self._d + (self._n << 3))

    def init_(self, k, count):
        """Sets element k of a list of lists to a list of `count` empty elements; returns its builder."""
        if self._kind != _LIST:
            raise TypeError("the elements are no lists: set them")
        kind, extra = self._extra
        return _init_list(self._m, self._place(k) + self._d >> 2, kind, extra, count)


def _init_list(m, p, kind, extra, count):
    if not isinstance(count, int) or not 0 <= count < 1 << 28:
        raise ValueError("init_() of a list takes its length, not %r" % (count,))
    if kind == _STRUCT:
        new_struct_list(m, p, extra, count)
    else:
        new_list(m, p, CODE[kind], count)
    m.left = _NO_LIMIT
    return _writable(list_at(m, p, m.nesting, kind, extra))


def _attempt(m, start, end, set, *values):
    """Calls set(*values), which changes what is from start to end; if it fails all is as before."""
    before = bytes(m.b[start:end])
    hi = m.hi
    caps = len(m.caps)
    try:
        set(*values)
    except Exception:
        m.b[start:end] = before
        clear(m.b, hi << 2, m.hi << 2)
        m.hi = hi
        m.caps = m.caps[:caps]
        raise


def _writable(value):
    if value.__class__ is StructReader:
        type = value._type
        if value._d < type.data_ << 3 or value._n < type.pointers_:
            raise ValueError("the list was made by an older schema: make it anew to change it")
        return StructBuilder(value._m, value._t, value._d, value._n, value._left, type)
    if value.__class__ is ListReader:
        v = value
        return ListBuilder(v._m, v._p, v._t, v._count, v._d, v._n, v._left, v._kind, v._extra)
    return value
