# SPDX-License-Identifier: MIT
"""Memory runs out, anywhere: the call or the connection ends as overloaded, and the vat serves on.

Each scenario is run once for every allocation that it makes on the board, with that one failing; or with
all that follow failing, too, until the board has answered what it is at.
"""

import shortcases as cases
from shortage import Locked, Once, Stuck, exhaust

CALLS = (
    cases.bootstrap,
    cases.plain_calls,
    cases.large_messages,
    cases.coroutines,
    cases.first_call,
)
CAPABILITIES = (cases.capabilities, cases.releases)
PIPELINES = (
    cases.pipelines,
    cases.more_pipelines,
    cases.broken_pipelines,
    cases.cancellation,
)
PROMISES = (
    cases.embargo,
    cases.promise_for_the_board,
    cases.promise_of_its_own,
    cases.promise_of_the_board,
)
FORWARDING = (
    cases.forwarding,
    cases.forwarded_capabilities,
    cases.forwarded_results,
    cases.forwarded_cancellation,
)
ENDS = (cases.disconnection, cases.abort, cases.far_disconnection)
PROGRAMS = (
    cases.calls_of_the_board,
    cases.cancellation_by_the_board,
    cases.results_on_the_board,
    cases.declarations,
)
# With no memory at all for the whole end of a connection, one question's pipelines are left.
_NOT_WHEN_LOCKED = (cases.disconnection,)
ALL = CALLS + CAPABILITIES + PIPELINES + PROMISES + FORWARDING + ENDS + PROGRAMS


def test_calls():
    exhaust(Once, CALLS)


def test_capabilities():
    exhaust(Once, CAPABILITIES)


def test_pipelines():
    exhaust(Once, PIPELINES)


def test_promises():
    exhaust(Once, PROMISES)


def test_forwarding():
    exhaust(Once, FORWARDING)


def test_ends():
    exhaust(Once, ENDS)


def test_programs():
    exhaust(Once, PROGRAMS)


def test_a_full_heap():
    exhaust(Stuck, ALL, 3)


def test_a_locked_heap():
    exhaust(Locked, [scenario for scenario in ALL if scenario not in _NOT_WHEN_LOCKED])
