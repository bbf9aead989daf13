# SPDX-License-Identifier: MIT
"""Layer `layout`: structs as roots of whole messages, in bytes and in files. Loaded on demand.

Those that read take the Limits to keep (see `files` for what holds without) and return a StructReader;
they raise MessageError. Streams are blocking and binary, such as open files.
"""

from ..layout import on_demand, struct_at
from ..message import Builder
from . import files


def _root(type, message):
    return message and struct_at(message, message.lo, message.nesting, type)


def from_bytes(type, data, limits=None):
    """The root of the framed message that bytes-like data is; refuses bytes after it."""
    return _root(type, files.from_bytes(data, limits))


def from_bytes_packed(type, data, limits=None):
    """The root of the framed message that bytes-like data in the packed encoding is."""
    from .packed import unpack

    return _root(type, files.from_bytes(data, limits, unpack))


def from_segments(type, segments, limits=None):
    """The root of an unframed message: a list of one or more bytes-like segments."""
    return _root(type, files.from_segments(segments, limits))


def read_(type, stream, limits=None):
    """The root of the next framed message in a stream; None at the end."""
    return _root(type, files.read(stream, limits))


def read_packed(type, stream, limits=None):
    """The root of the next framed message in a packed stream; None at the end."""
    from .packed import unpack

    return _root(type, files.read(stream, limits, unpack))


def _message(struct):
    m = struct._m
    if isinstance(m, Builder) and struct._t == m.lo + 2 << 2:
        return m
    return on_demand.as_builder(struct)._m


def to_bytes(struct):
    """A message of which the struct is the root, framed: its own, or a copy."""
    return files.to_bytes(_message(struct))


def to_bytes_packed(struct):
    """to_bytes() in the packed encoding."""
    from .packed import pack

    return files.to_bytes(_message(struct), pack)


def to_segments(struct):
    """The same without a frame: a list of one segment, bytes."""
    return [bytes(view) for view in files.to_segments(_message(struct))]


def write_(struct, stream):
    """Writes to_bytes() to a stream."""
    files.write(stream, _message(struct))


def write_packed(struct, stream):
    """Writes to_bytes_packed() to a stream."""
    from .packed import pack

    files.write(stream, _message(struct), pack)
