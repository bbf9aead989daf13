# SPDX-License-Identifier: MIT
"""The protocol's own schema, rpc.capnp, as it comes with pycapnp."""

import functools
import pathlib

import capnp
from micropython import LIB

capnp.remove_import_hook()

# Schemas point into their parser's memory and do not keep it.
_parsers = []


@functools.cache
def folder():
    """The folder of the schemas that come with pycapnp, a pathlib.Path."""
    package = pathlib.Path(capnp.__file__).parent
    if (package / "rpc.capnp").exists():
        return package
    # Some wheels keep them beside the module, in another place.
    return next(package.parent.rglob("capnp/rpc.capnp")).parent


def load(*paths):
    """pycapnp's modules of schema files, which must be free of errors: pycapnp ends the process at one.

    Imports that start with a slash are found there and in the library.
    """
    parser = capnp.SchemaParser()
    _parsers.append(parser)
    folders = [str(folder().parent), str(LIB)]
    return [parser.load(str(path), imports=folders) for path in paths]


@functools.cache
def rpc():
    """pycapnp's module of rpc.capnp."""
    return load(folder() / "rpc.capnp")[0]
