# SPDX-License-Identifier: MIT
"""Makes a list of what has gone wrong small."""


def fewer(operations, fails, first=0):
    """The operations without all that can be left out while fails(operations) still says so.

    first   those before it stay
    """
    size = len(operations) // 2
    while size:
        at = first
        while at < len(operations):
            rest = operations[:at] + operations[at + size :]
            if fails(rest):
                operations = rest
            else:
                at += size
        size //= 2
    return operations
