# SPDX-License-Identifier: MIT
"""The gateway at a vat's empty id, for peers that cannot send an id when they bootstrap."""

import hashlib
import pathlib

import capnp

import capnrpc_micro

UNKNOWN = "Unknown persistent service ID"

_SCHEMA = pathlib.Path(capnrpc_micro.__file__).parent / "vat" / "gateway.capnp"

# pycapnp crashes when an interface outlives the parser that it came from.
_parser = capnp.SchemaParser()
Gateway = _parser.load(str(_SCHEMA)).Gateway


class _Unknown(Exception):
    """What pycapnp sends of an exception is its traceback; of this one nothing but the name."""

    __traceback__ = property(lambda self: None)


_Unknown.__module__ = "builtins"
_Unknown.__qualname__ = UNKNOWN


class Services(Gateway.Server):
    """Gives out pycapnp objects to who knows their ids."""

    def __init__(self):
        # By hashes: how long a look-up takes tells nothing about the ids.
        self._objects = {}

    def add(self, id, thing):
        """Adds an object, or a capability. Raises ValueError if the id is there already."""
        digest = hashlib.sha256(id).digest()
        if digest in self._objects:
            raise ValueError("there is a service with this id already")
        self._objects[digest] = thing

    async def restore(self, id, _context, **kwargs):
        try:
            return self._objects[hashlib.sha256(id).digest()]
        except KeyError:
            raise _Unknown from None
