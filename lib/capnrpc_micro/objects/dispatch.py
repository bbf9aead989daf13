# SPDX-License-Identifier: MIT
"""Layer `objects`: from a method of a server class to its parameters, and back from its results.

Everything here is worked out once for a class, so that a call costs a few comparisons.
"""

from ..layout import (
    StructReader,
    blob,
    fill,
    follow,
    new_struct,
    number,
    pointee,
    put_field,
    put_struct,
    refuse,
    scalar,
    struct_at,
)
from ..schema import STREAM, Server
from ..words import SHIFT, const, view

# Kinds, as in `layout`.
_BOOL = const(1)
_INT32 = const(6)
_INT64 = const(8)
_TEXT = const(12)
_DATA = const(13)
_LIST = const(14)
_STRUCT = const(15)
_INTERFACE = const(16)
_ANYPOINTER = const(17)
_GROUP = const(18)

_len = len

_STRUCTURED = (_LIST, _STRUCT, _ANYPOINTER, _GROUP)
_WITH_CAPS = _STRUCTURED + (_INTERFACE,)


def _plain():
    pass


_FUNCTION = type(_plain)
_CODE_IS_COROUTINE = 0x80 | 0x20 | 0x200  # CPython: coroutine, generator, asynchronous generator


def _is_plain(fn):
    """Whether calling fn runs it to its end: a `def` without yield."""
    if type(fn) is not _FUNCTION:
        return False  # on MicroPython coroutines have a type of their own
    code = getattr(fn, "__code__", None)
    return not getattr(code, "co_flags", 0) & _CODE_IS_COROUTINE


def _holds(type, kinds):
    """Whether a struct has a union, or fields of these kinds."""
    table = type.table_
    for k in range(1, len(table), 3):
        if table[k] & 31 in kinds:
            return True
    return type.tag_ is not None


def _word(type):
    table = type.table_
    if len(table) == 3 and table[1] & 31 == _INT32 and table[2] is None:
        return table[1] >> 5
    return -1


class Handler:
    """How one method of a server class is called.

    fn        the function, called as fn(server, *arguments)
    plain     whether it returns its result; else a coroutine
    lends     whether arguments are readers, which need the message for as long as they are kept
    quick     whether it is plain, its parameters and results hold no structs, lists or unions, and
              its results no capabilities
    single    whether it has one parameter, whose field is (code, extra)
    word      offset of the parameter if it is one Int32 without default, else -1; results_word
              likewise: numbers are what boards mostly deal in
    several   whether the results are not just one value
    frame     of the Return of a quick one, see rpc.quick
    streams   whether it is declared `-> stream`: calls wait for one another, see `streams`
    stays     whether it runs to its end when the caller does not want the results any more
    """

    frame = None

    def __init__(self, fn, name, params, results, borrows, stays=False):
        self.fn = fn
        self.name = name
        self.results = results
        self._params = params
        self._borrows = borrows
        self.plain = _is_plain(fn)
        if borrows and not self.plain:
            raise TypeError("%s is in borrows_, so it must be a plain def" % name)
        self.lends = _holds(params, _STRUCTURED)
        self.quick = self.plain and not self.lends and not _holds(results, _WITH_CAPS)
        self.several = len(results.table_) > 3
        self.streams = results is STREAM
        self.stays = stays
        table = params.table_
        self.word = _word(params)
        self.results_word = _word(results)
        self.single = len(table) == 3 and not borrows
        if self.single:
            self.code = table[1]
            self.extra = table[2]

    def arguments(self, m, p):
        """The arguments that the parameters struct at pointer p stands for, a sequence.

        One value a field, in order; for a struct with a union, one StructReader.
        Raises MessageError, UnicodeError.
        """
        params = self._params
        table = params.table_
        if not table:
            return ()
        if params.tag_ is not None:
            return (struct_at(m, p, m.nesting, params),)
        tag, t = follow(m, p)
        h = m.h
        return self.decode(m, t << 2, h[2 * tag + 2] << 3, h[2 * tag + 3])

    def decode(self, m, t, d, n):
        """The arguments from the struct at t, in bytes, with d bytes of data and n pointers."""
        table = self._params.table_
        args = []
        views = m.v
        t3 = t << 3
        d3 = d << 3
        k = 1
        while k < _len(table):
            code = table[k]
            kind = code & 31
            # Numbers without a default are most of what there is: for them no function is called
            # that need not be.
            if kind < _TEXT and table[k + 1] is None and code >> 5 < d3 >> SHIFT[kind]:
                code = (code >> 5) + (t3 >> SHIFT[kind])
                if _BOOL < kind < _INT64:
                    args.append((views[kind] or view(views, kind))[code])
                else:
                    args.append(number(m, code, kind))
            else:
                args.append(self._argument(m, t, d, n, code, table[k + 1]))
            k += 3
        return args

    def _argument(self, m, t, d, n, code, extra):
        kind = code & 31
        if kind == _DATA and self._borrows:
            at = code >> 5
            view = blob(m, (t + d >> 2) + 2 * at, False) if at < n else None
            return memoryview(extra or b"") if view is None else view
        return read(m, t, d, n, code, extra)


def read(m, t, d, n, code, extra):
    """The value of one field of the struct at byte t with d bytes of data and n pointers."""
    kind = code & 31
    if _TEXT <= kind < _GROUP and code >> 5 < n:
        return pointee(m, (t + d >> 2) + (code >> 5 << 1), m.nesting, kind, extra)
    if kind < _TEXT:
        return scalar(m, t, d, code, extra)
    return StructReader(m, t, d, n, m.nesting, None)._read(code, extra)


def handlers_of(server):
    """The handlers of a server's class: for each of its interfaces the id as four 16-bit halves and
    a list of Handlers by ordinal (None where the class has no such method), in one flat list.
    """
    cls = type(server)
    known = getattr(cls, "handlers_", None)
    if known is None or known[0] is not cls:
        known = cls.handlers_ = (cls, _handlers(cls, server))
    return known[1]


def _handlers(cls, server):
    if server.interface_ is None:
        raise TypeError("%s does not derive from an interface's Server" % cls.__name__)
    found = []
    for interface in server.interface_.lineage_():
        id = interface.id_
        for k in range(0, 8, 2):
            found.append(id[k] | id[k + 1] << 8)
        table = interface.table_
        methods = []
        for k in range(0, len(table), 3):
            name = table[k]
            fn = _method(server, cls, name)
            if not fn and not hasattr(Server, name + "_"):  # `released_` is no method of a schema
                fn = _method(server, cls, name + "_")
            if fn:
                borrows = name in server.borrows_
                stays = name in server.uncancelled_
                fn = Handler(fn, name, table[k + 1], table[k + 2], borrows, stays)
            methods.append(fn)
        found.append(methods)
    return found


def _method(server, cls, name):
    # Asking the object as well: on CPython a class has attributes of its own, `mro` for example.
    return getattr(cls, name, None) if hasattr(server, name) else None


def find_handler(handlers, h, at, method):
    """(Handler, None), or (None, why not).

    h, at   where the interface id stands, four halves
    method  ordinal
    """
    for k in range(0, len(handlers), 5):
        if (
            handlers[k] == h[at]
            and handlers[k + 1] == h[at + 1]
            and handlers[k + 2] == h[at + 2]
            and handlers[k + 3] == h[at + 3]
        ):
            methods = handlers[k + 4]
            if method < len(methods) and methods[method] is not None:
                return methods[method], None
            return None, "method %d is not implemented" % method
    return None, "the object does not implement the requested interface"


def _put(m, p, type, value):
    if put_struct(m, p, type, value):
        refuse(type, None, value)


def put_results(m, p, results, value):
    """Builds what a handler returned as the results struct that pointer p points to.

    The one field's value; for several fields a tuple, a dict or a StructReader; None for defaults;
    or the results of a call of the same method. Raises TypeError, ValueError.
    """
    table = results.table_
    if value.__class__ is StructReader and value._type is results:
        _put(m, p, results, value)
    elif not table:
        if value is not None:
            raise TypeError("the method has no results, but returned " + value.__class__.__name__)
    elif len(table) == 3 and results.tag_ is None:
        t = new_struct(m, p, results.data_, results.pointers_)
        if value is not None:
            put_field(m, t, t + 2 * results.data_, results, 0, value)
    elif value is None:
        new_struct(m, p, results.data_, results.pointers_)
    else:
        _put(m, p, results, value)


def put_params(m, p, name, params, args, kwargs):
    """Builds the parameters struct that pointer p points to from the arguments of a call.

    One positional argument a field in the order of the schema, or by name. Parameters that are one
    struct with a union take one dict. Raises TypeError, ValueError, AttributeError.
    """
    if not params.table_ and not args and not kwargs:
        return
    if params.tag_ is not None and len(args) == 1:
        _put(m, p, params, args[0])
        return
    if len(args) * 3 > params.union_at_:
        raise TypeError(
            "%s takes %d arguments, %d were given" % (name, params.union_at_ // 3, len(args))
        )
    t = new_struct(m, p, params.data_, params.pointers_)
    p = t + 2 * params.data_
    for k in range(len(args)):
        put_field(m, t, p, params, 3 * k, args[k])
    for key in kwargs:
        if params.find_(key) < 3 * len(args):
            raise TypeError("%s: %s is given twice" % (name, key))
    if kwargs:
        fill(m, t, p, params, kwargs)
