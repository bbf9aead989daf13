# SPDX-License-Identifier: MIT
"""The protocol's own schema, rpc.capnp, as it comes with pycapnp."""

import functools
import pathlib

import capnp

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
    """pycapnp's modules of schema files; imports that start with a slash are found there, too.

    Raises capnp.KjException for a file that is no schema.
    """
    parser = capnp.SchemaParser()
    _parsers.append(parser)
    return [parser.load(str(path), imports=[str(folder().parent)]) for path in paths]


@functools.cache
def rpc():
    """pycapnp's module of rpc.capnp."""
    return load(folder() / "rpc.capnp")[0]
