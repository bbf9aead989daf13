# SPDX-License-Identifier: MIT
"""Layer `layout`: structs as roots of whole messages, in bytes and in files. Loaded on demand.

Those that read take the Limits to keep (see `files` for what holds without) and return a StructReader;
they raise MessageError. Streams are blocking and binary, such as open files.
"""

from ..layout import struct_at
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


def _message(builder):
    m = builder._m
    if builder._t != m.lo + 2 << 2:
        raise ValueError("only the root of a message is written: take as_builder() of this struct")
    return m


def to_bytes(builder):
    """The message of a root, framed."""
    return files.to_bytes(_message(builder))


def to_bytes_packed(builder):
    """The message of a root, framed and packed."""
    from .packed import pack

    return files.to_bytes(_message(builder), pack)


def to_segments(builder):
    """The message of a root without a frame: a list of one segment, bytes."""
    return [bytes(view) for view in files.to_segments(_message(builder))]


def write_(builder, stream):
    """Writes the message of a root, framed."""
    files.write(stream, _message(builder))


def write_packed(builder, stream):
    """Writes the message of a root, framed and packed."""
    from .packed import pack

    files.write(stream, _message(builder), pack)
