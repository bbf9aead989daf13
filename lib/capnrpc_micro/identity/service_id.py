# SPDX-License-Identifier: MIT
"""Layer `identity`: ids of services. Who knows the id of a service may use it.

One more kind, `SecretKey.derived_id(name)`, stays the same as long as the key does.
"""

from .entropy import random32


def random_id():
    """A new id that nobody can guess, 20 bytes. Raises RuntimeError without random numbers."""
    return random32()[:20]


def public_id(name):
    """The id of a service that everybody may use who reaches the vat: its name, UTF-8."""
    return name.encode()
