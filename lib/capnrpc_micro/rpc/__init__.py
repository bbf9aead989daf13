# SPDX-License-Identifier: MIT
"""Layer `rpc`: one connection. Complete messages in, complete messages out; no socket, no clock.

    wire         where things stand in the messages of rpc.capnp
    captable     capabilities in messages: the exports and imports tables
    answers      calls that the peer makes: the answers table
    quick        the short way for the most frequent of them
    connection   the message loop, its output, its end

Loaded when first needed (`wire.on_demand`), as a board that serves simple methods never does:

    questions    calls that we make: the questions table, and pipelines on it
    promises     promises that one side exports: Resolve, embargoes
    forward      calls passed on: from another connection, a promise, a membrane; tail calls
    keep         calls of the peer's whose results stay here: what tail calls need on the other side
    liveness     whether the peer is still there
    unusual      messages that one side does not know, statistics

The protocol: rpc.capnp in the C++ implementation, and https://capnproto.org/rpc.html
"""

# Lowest first, so that no import waits for a long chain of others: each link takes stack on a board.
from . import wire, captable, answers, quick, connection  # noqa: F401, I001
