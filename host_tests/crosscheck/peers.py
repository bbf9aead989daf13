# SPDX-License-Identifier: MIT
"""The two libraries behind one interface: build a message from a dict, read one."""

import io

import capnp
from capnp.lib import capnp as types_of_theirs

from capnrpc_micro.message import MessageError

from .values import Loan

ENUM_SCHEMA = types_of_theirs._EnumSchema


class Ours:
    """How our library is asked."""

    def __init__(self, module):
        self.module = module

    def type(self, name):
        return getattr(self.module, name)

    def build(self, name, value):
        """A framed message whose root is a struct, by its name."""
        return self.message(name, value).to_bytes()

    def message(self, name, value):
        return self.type(name).from_dict(self.lent(value))

    def lent(self, value):
        """The value with each Loan replaced by a reader of it."""
        if isinstance(value, dict):
            return {name: self.lent(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.lent(item) for item in value]
        if isinstance(value, Loan):
            lender = self.message(value.type, value.value)
            return getattr(lender, value.field) if value.field else lender
        return value

    def read(self, name, frame, limits=None):
        return self.type(name).from_bytes(frame, limits)

    def read_first(self, name, data, limits=None, packed=False):
        """The first of the messages in bytes: pycapnp does not mind what comes after it."""
        type = self.type(name)
        reader = (type.read_packed if packed else type.read_)(io.BytesIO(data), limits)
        if reader is None:
            raise MessageError("no message")
        return reader


class Theirs:
    """How pycapnp is asked."""

    def __init__(self, module):
        self.module = module

    def type(self, name):
        return getattr(self.module, name)

    def build(self, name, value, **options):
        return self.message(name, value, **options).to_bytes()

    def message(self, name, value, **options):
        type = self.type(name)
        message = type.new_message(**options)
        message.from_dict(self.lent(value, type.schema))
        return message

    def lent(self, value, schema=None):
        """The value with each Loan replaced by a builder of it.

        So is a dict for a struct that has a default, into which pycapnp would merge it.
        """
        if isinstance(value, list):
            element = _schema(lambda: schema.elementType)
            return [self.lent(item, element) for item in value]
        if isinstance(value, Loan):
            lender = self.message(value.type, value.value)
            return getattr(lender, value.field) if value.field else lender
        if isinstance(value, int) and isinstance(schema, ENUM_SCHEMA):
            return self.number(schema, value)
        if not isinstance(value, dict):
            return value
        found = {}
        for name, item in value.items():
            field = schema.fields[name]
            type = _schema(lambda field=field: field.schema)
            if not isinstance(item, int):
                item = self.lent(item, type)
            if isinstance(item, dict) and _has_default(field.proto):
                builder = capnp._MallocMessageBuilder().init_root(type)
                builder.from_dict(item)
                item = builder
            found[name] = item
        return found

    def number(self, schema, number):
        """A number that may have no name, as a value of an enum: a list takes it in no other way."""
        name, field = {
            "Color": ("Numbers", "color"),
            "MoreColor": ("Version2", "color"),
        }[schema.node.displayName.split(":")[1]]
        return getattr(self.message(name, {field: number}), field)

    def read(self, name, frame, words=None, nesting=None):
        """A context with the reader."""
        return self.type(name).from_bytes(
            frame, traversal_limit_in_words=words, nesting_limit=nesting
        )


def _has_default(proto):
    return proto.which() == "slot" and proto.slot.hadExplicitDefault


def _schema(get):
    """A schema, or None: pycapnp has none for numbers and for pointers of any kind."""
    try:
        return get()
    except (AttributeError, capnp.KjException):
        return None
