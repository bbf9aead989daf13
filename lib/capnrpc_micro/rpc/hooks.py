# SPDX-License-Identifier: MIT
"""Layer `rpc`: hooks of capabilities that are reached over a connection."""

from ..objects.capability import Cap, PromiseCap
from .tables import put_key
from .wire import (
    IMPORTED_CAP,
    PROMISED_ANSWER,
    RECEIVER_ANSWER,
    RECEIVER_HOSTED,
    TARGET_TAG,
    put_promised_answer,
)


class Import(Cap):
    """A capability that the peer exports.

    id          the peer's export id, a table key
    received    how often the peer has sent it to us: what a Release gives back
    unsettled   whether the peer will still tell, in a Resolve, what it turned out to be
    used        whether calls have been sent to it
    """

    def __init__(self, conn, id, unsettled):
        Cap.__init__(self, conn.host)
        self.conn = conn
        self.id = id
        self.received = 0
        self.unsettled = unsettled
        self.used = False

    def call(self, interface, ordinal, args, kwargs):
        return self.conn.call(self, interface, ordinal, args, kwargs)

    def send(self, request):
        self.conn.forward(self, request)

    def put_target(self, m, t):
        """Builds a MessageTarget for it at t."""
        put_key(m.h, 2 * t, self.id)
        m.h[2 * t + TARGET_TAG] = IMPORTED_CAP

    def describe(self, m, t):
        """Builds a CapDescriptor for it at t, in a message to its own host."""
        m.h[2 * t] = RECEIVER_HOSTED
        put_key(m.h, 2 * t + 2, self.id)

    def dropped(self):
        Cap.dropped(self)
        self.conn.drop_import(self)


class Pipeline(PromiseCap):
    """A capability in the results of a call that has not returned: calls go to where it will be."""

    def __init__(self, conn, question, path):
        PromiseCap.__init__(self, conn.host)
        self.conn = conn
        self.question = question
        self.path = path
        self.used = False

    def call(self, interface, ordinal, args, kwargs):
        return self.conn.call(self, interface, ordinal, args, kwargs)

    def send(self, request):
        self.conn.forward(self, request)

    def put_target(self, m, t):
        """Builds a MessageTarget for it at t."""
        m.h[2 * t + TARGET_TAG] = PROMISED_ANSWER
        put_promised_answer(m, t + 2, self.question.id, self.path)

    def describe(self, m, t):
        """Builds a CapDescriptor for it at t, in a message to the host of the call."""
        m.h[2 * t] = RECEIVER_ANSWER
        put_promised_answer(m, t + 2, self.question.id, self.path)
