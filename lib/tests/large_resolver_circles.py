# SPDX-License-Identifier: MIT
"""Promises that a program resolves, kept in its own vat and passed on to others before."""

from bed import THING
from vatkit import connected

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import (
    problem,
    promise,
)
from capnrpc_micro.objects.promise import (
    FAILED,
)


def _ys(vats, calls):
    return [vats.bed.get(call).y for call in calls]


# Promises.


@connected
def test_promises_in_a_circle_through_connections_are_broken(vats):
    """Each vat's promise turns out to be the other vat's."""
    bed = vats.bed
    for called in (False, True):
        ours, end_ours = promise(THING)
        theirs, end_theirs = promise(THING)
        here = vats.given(theirs)
        there = vats.passed(ours)
        calls = [here.echo(1), there.echo(2)] if called else []
        end_ours.resolve(here)
        end_theirs.resolve(there)
        bed.settle()
        for call in calls + [ours.echo(1), theirs.echo(2), here.echo(3), there.echo(4)]:
            assert bed.error(call).type == FAILED
        for one in (here, there, ours, theirs):
            assert problem(one) is not None
            release(one)
        vats.done()


# Promises that were passed on before they are resolved.
