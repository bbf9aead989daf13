# SPDX-License-Identifier: MIT
"""Layer `identity`: random bytes to make secrets from."""

import os
from hashlib import sha256


def random32():
    """32 bytes that nobody can guess.

    From 1024 of os.urandom(), since a board's source may be weak: each bit of an RP2040's is one
    look at a ring oscillator, a microsecond after the last one. Raises RuntimeError for a source
    that stands still.
    """
    mix = sha256()
    last = None
    for _ in range(16):
        block = os.urandom(64)
        if block == last:
            raise RuntimeError("os.urandom() repeats itself: no secret can be made from it")
        mix.update(block)
        last = block
    return mix.digest()
