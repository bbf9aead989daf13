# SPDX-License-Identifier: MIT
"""Layer `identity`: big integers, where the interpreter has them."""


def big(data):
    """The number that bytes stand for, high byte first.

    Numbers of keys are kept as bytes: a constant of more than 31 bits could not even be loaded where
    there are no big integers. There, this raises NotImplementedError and says what to do.
    """
    try:
        return int.from_bytes(data, "big")
    except OverflowError:
        raise NotImplementedError(
            "no big integers here: make the key and its certificate elsewhere, and copy them"
        )
