# SPDX-License-Identifier: MIT
"""Layer `identity`: .cap files, each with one capnp:// URI, which others hand on as a file."""

from .address import Address
from .files import read, write


def load(path):
    """The Address in a file. Raises OSError, or ValueError for a file with anything else."""
    data = read(path)
    if data is None:
        raise OSError(2, path)  # ENOENT
    try:
        return Address.parse(data.decode().strip())
    except ValueError as error:
        raise ValueError("%s: %s" % (path, error))


def save(path, address):
    """Writes the whole URI, its secret included; mode 0600 where there are modes.

    address   an Address, or a URI

    Raises OSError, and ValueError for what is no URI.
    """
    if isinstance(address, str):
        address = Address.parse(address)
    write(path, (address.uri() + "\n").encode())
