# SPDX-License-Identifier: MIT
"""Layer `words`: one hook for what a program may want to log; boards have no logging module.

The levels are those of Python's logging, so on a host `capnp.log_to(logging.getLogger("capnp").log)`
does.
"""

from .words import const

DEBUG = const(10)
INFO = const(20)  # a connection has ended
WARNING = const(30)  # a limit was reached, a peer was refused
ERROR = const(40)  # an error of a program, or of the library

_to = None
_least = WARNING


def log_to(fn, least=WARNING):
    """Calls fn(level, text) for what is at least of a level; with None for nothing."""
    global _to, _least
    _to = fn
    _least = least


def log(level, what):
    """Logs something, whose str() is the text."""
    if _to is not None and level >= _least:
        _to(level, str(what))
