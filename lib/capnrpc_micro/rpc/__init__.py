# SPDX-License-Identifier: MIT
"""Layer `rpc`: one connection. Complete messages in, complete messages out; no socket, no clock.

    wire         where things stand in the messages of rpc.capnp
    tables       own ids, and the errors that end a connection
    captable     capabilities in messages: the exports and imports tables
    questions    calls that we make: the questions table, pipelines, embargoes
    answers      calls that the peer makes: the answers table
    connection   the message loop, its output, its end

The protocol: rpc.capnp in the C++ implementation, and https://capnproto.org/rpc.html
"""

# Lowest first, so that no import waits for a long chain of others: each link takes stack on a board.
from . import wire, tables, hooks, captable, questions, answers, quick, connection  # noqa: F401, I001
