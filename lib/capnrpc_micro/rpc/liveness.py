# SPDX-License-Identifier: MIT
"""Layer `rpc`: whether the peer is still there. Boards have no TCP keepalive.

A peer from which nothing has come for a while is sent a Bootstrap, the one message that every
implementation answers, if only with an error. Whatever it sends then shows that it is alive.
"""

from ..objects.client import release_results
from ..objects.promise import DISCONNECTED, Error
from ..words import const
from .questions import Question
from .wire import NO_ROOM, begin, put_key

_BOOTSTRAP = const(8)  # of Message

_NEVER = const(1 << 28)


def tick(conn, elapsed):
    """See Connection.tick."""
    if conn.error is not None:
        return None
    limits = conn.limits
    conn.quiet += elapsed
    conn.calm += elapsed
    if conn.bytes_in != conn.seen:
        conn.seen = conn.bytes_in
        if not conn.asked:
            conn.calm = 0  # a call, or whatever was not just the answer to our question
        conn.asked = False
    first = 0 if conn.bytes_in else conn.first_ms
    if first and conn.quiet >= first:
        conn.abort(Error("no message came within %d ms" % first, DISCONNECTED))
        return None
    limit = limits.idle_ms
    if limit and conn.calm >= limit:
        conn.abort(Error("nothing was called for %d ms" % limit, DISCONNECTED))
        return None
    left = (limit or _NEVER) - conn.calm
    limit = limits.ping_ms
    if limit:
        if conn.asked:
            limit += limits.dead_ms
            if conn.quiet >= limit:
                conn.end(Error("the peer has not answered for %d ms" % limit, DISCONNECTED))
                return None
        elif conn.quiet >= limit:
            _ask(conn)
            limit += limits.dead_ms
        left = min(left, limit - conn.quiet)
    if first:
        left = min(left, first - conn.quiet)
    return max(left, 1)


def _ask(conn):
    """Sends a Bootstrap, whatever the limit on questions says: they may be what waits in vain."""
    conn.asked = True
    m = conn.out
    question = Question(conn)
    try:
        t = begin(m, _BOOTSTRAP, 1, 1)
    except NO_ROOM as error:
        conn.fail_output(error)
    else:
        put_key(m.h, 2 * t, question.id)
        question.then(release_results)
        conn.sent()
