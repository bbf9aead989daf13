# SPDX-License-Identifier: MIT
"""Parts of the layers `message` and `layout` that are loaded when they are first needed.

segments    frames of several segments, and refused ones
files       whole messages from and to bytes and streams
packed      the packed encoding
far         far pointers
any         what an AnyPointer points to
default     defaults of pointers and wide numbers, odd floats
lists       building lists
copy        deep copies
dict        structs from and to dicts, and as text
look        what a struct has set, and the bytes of its fields
builders    structs and lists that are built step by step
messages    structs as roots of whole messages
explain     what is wrong with a value
"""

from .. import words

# Where what `layout.on_demand` gives is.
_WHERE = {
    "AnyReader": "any",
    "as_builder": "builders",
    "constant": "default",
    "copy_into": "copy",
    "copy_pointer": "copy",
    "copy_typed": "copy",
    "element_refusal": "explain",
    "fill_other": "dict",
    "from_bytes": "messages",
    "from_bytes_packed": "messages",
    "from_dict": "builders",
    "from_segments": "messages",
    "has_": "look",
    "locate": "far",
    "lossless": "dict",
    "new_message": "builders",
    "not_finite": "default",
    "not_set": "explain",
    "put_any": "copy",
    "put_list": "lists",
    "put_unusual": "default",
    "raw_": "look",
    "read_": "messages",
    "read_packed": "messages",
    "refusal": "explain",
    "text": "default",
    "to_bytes": "messages",
    "to_bytes_packed": "messages",
    "to_dict": "dict",
    "to_segments": "messages",
    "to_text": "dict",
    "write_": "messages",
    "write_packed": "messages",
    "with_default": "default",
}
_OF_STRUCTS = (
    "as_builder",
    "has_",
    "raw_",
    "to_bytes",
    "to_bytes_packed",
    "to_dict",
    "to_segments",
    "to_text",
    "write_",
    "write_packed",
)
_OF_LISTS = ("to_text",)
_OF_DECLARATIONS = (
    "from_bytes",
    "from_bytes_packed",
    "from_dict",
    "from_segments",
    "new_message",
    "read_",
    "read_packed",
)


def load(name):
    """A function or class by its name."""
    if name == "bound":
        return bound
    if name not in _WHERE:
        raise AttributeError("nothing is named " + name)
    return words.load("capnrpc_micro.extra." + _WHERE[name], name)


def load_all():
    """Loads all of it, before memory gets short. A program that reads no files need not."""
    for name in _WHERE:
        load(name)


def bound(self, name):
    """The method `name` of a StructReader, a ListReader or a Struct. Raises AttributeError."""
    from ..layout import ListReader, StructReader

    names = _OF_DECLARATIONS
    if isinstance(self, StructReader):
        names = _OF_STRUCTS
    elif isinstance(self, ListReader):
        names = _OF_LISTS
    if name not in names:
        if names is _OF_STRUCTS and name.endswith("_") and "_" not in name[:-1]:
            return getattr(self, self._type.table_[self._type.find_(name)])  # a keyword
        what = self.__class__.__name__
        if names is _OF_DECLARATIONS:
            what = self.name_ or what
        raise AttributeError("%s has no attribute %s" % (what, name))
    function = load(name)
    return lambda *args, **values: function(self, *args, **values)
