# SPDX-License-Identifier: MIT
"""Layer `objects`: promises and capabilities, no wire.

promise      values that are not there yet, and the queue of turns in which they are told
capability   what a reference leads to: a local object, a broken one, a promised one
dispatch     from a method of a server class to its parameters and back from its results
client       what a program holds: typed references, and the promises that calls return
"""

# Lowest first, so that no import waits for a long chain of others: each link takes stack on a board.
from ..message import MessageError  # noqa: F401, I001
from ..layout import fill  # noqa: F401
from . import promise, dispatch, client, capability  # noqa: F401
