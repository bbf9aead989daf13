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

_RESTING = const(8)  # bytes of a receive buffer
_NEVER = const(1 << 28)
_LONGEST = const(0x1FFFFFFF)  # of counted times: with another it is a small integer everywhere


def tick(conn, elapsed):
    """See Connection.tick."""
    if conn.error is not None:
        return None
    limits = conn.limits
    asking = conn.ping is not None and not conn.ping.settled
    # Input and calls set these to 0, some time since the last tick.
    if not conn.quiet:
        conn.asked = False
    conn.quiet = conn.quiet and min(conn.quiet + elapsed, _LONGEST) or 1
    left = _NEVER
    if conn.most_answers:
        conn.first_ms = 0
    elif conn.first_ms:
        left = conn.first_ms - elapsed
        if left <= 0:
            text = "no message came within %d ms" % limits.first_ms
            conn.abort(Error(text, DISCONNECTED))
            return None
        conn.first_ms = left
    limit = limits.rest_ms
    if limit and not conn.asked:
        left = min(left, max(limit - conn.quiet, limit >> 2))
        if conn.quiet >= limit and len(conn.receiver.message.b) > _RESTING:
            try:
                conn.rest()
            except MemoryError:
                pass  # there is little to be had
    limit = conn.unused_ms
    if limit:
        if conn.imports or conn.answers or len(conn.exports) or len(conn.questions) > asking:
            conn.unused = 0
        else:
            conn.unused += elapsed
        if conn.unused >= limit:
            conn.abort(Error("no reference was held for %d ms" % limit, DISCONNECTED))
            return None
        left = min(left, limit - conn.unused, limit >> 2)
    limit = limits.idle_ms
    if limit:
        if len(conn.questions) > asking:
            conn.calm = 0  # a call is under way
        for answer in conn.answers.values():
            if not answer.settled:
                conn.calm = 0
        conn.calm = conn.calm and min(conn.calm + elapsed, _LONGEST) or 1
        if conn.calm >= limit:
            conn.abort(Error("nothing was called for %d ms" % limit, DISCONNECTED))
            return None
        left = min(left, limit - conn.calm, limit >> 2)
    limit = limits.ping_ms
    if limit:
        left = min(left, limit >> 2)  # nobody tells when something comes
        if not conn.asked and conn.quiet >= limit:
            conn.asked = True
            conn.quiet = limit  # the time that the program was too busy to ask in does not count
            if not asking:
                _ask(conn)
        if conn.asked:
            limit += limits.dead_ms
            if conn.quiet >= limit:
                conn.end(Error("the peer has not answered for %d ms" % limit, DISCONNECTED))
                return None
        left = min(left, limit - conn.quiet)
    return max(left, 1)


def _ask(conn):
    """Sends a Bootstrap, whatever the limit on questions says: they may be what waits in vain."""
    m = conn.out
    try:
        question = conn.ping = Question(conn)
        question.then(release_results)
        t = begin(m, _BOOTSTRAP, 1, 1)
    except NO_ROOM as error:
        conn.fail_output(error)
    else:
        put_key(m.h, 2 * t, question.id)
        conn.sent()
