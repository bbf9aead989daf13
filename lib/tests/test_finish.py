# SPDX-License-Identifier: MIT
"""Finish messages by hand, as other implementations send them: early, twice, for methods that run to their
end."""

from bed import ECHO, HOLD, LATER, SAME, WAIT, Bed, Thing


class Stubborn(Thing):
    """`hold` and `wait` run to their end."""

    uncancelled_ = ("hold", "wait", "echo")


def _finish(peer, question, workaround, keep=False):
    peer.send(
        "finish",
        {
            "questionId": question,
            "releaseResultCaps": not keep,
            "requireEarlyCancellationWorkaround": workaround,
        },
    )


def _canceled_return(peer, question):
    body = peer.read("return")
    assert body.answerId == question and body.which_() == "canceled"
    assert body.noFinishNeeded and not body.releaseParamCaps


def test_early_cancellation():
    """A Finish that comes with its Call, from peers that cannot tell whether the method has begun: it
    begins, and is cancelled then. From others it does not begin."""
    for workaround in (False, True):
        bed = Bed()
        thing = Thing(bed)
        end, peer = bed.peer(thing)
        export = peer.bootstrap()
        peer.call(1, export, WAIT)
        _finish(peer, 1, workaround)
        peer.call(2, export, LATER, 5)
        _finish(peer, 2, workaround)
        peer.call(3, export, LATER, 6)
        bed.tasks()
        if workaround:
            assert thing.calls == [5, 6, "cancelled"] or thing.calls == [5, "cancelled", 6]
        else:
            assert thing.calls == [6] and thing.waiting == []
        seen = []
        for _ in range(3):
            body = peer.read("return")
            seen.append((body.answerId, body.which_()))
        assert sorted(seen) == [(1, "canceled"), (2, "canceled"), (3, "results")]
        peer.nothing()
        peer.release(export)
        bed.check_empty(thing)


def test_early_cancellation_of_a_plain_method():
    """It has been answered when the Finish comes, or begins as a task behind others."""
    for workaround in (False, True):
        bed = Bed()
        thing = Thing(bed)
        end, peer = bed.peer(thing)
        export = peer.bootstrap()
        peer.call(1, export, ECHO, 1)
        _finish(peer, 1, workaround)
        assert peer.read("return").which_() == "results"
        peer.call(2, export, LATER, 2)
        peer.call(3, export, ECHO, 3)
        _finish(peer, 3, workaround)
        bed.tasks()
        assert thing.calls == ([1, 2, 3] if workaround else [1, 2])
        while peer.inbox:
            peer.read("return")
        peer.release(export)
        bed.check_empty(thing)


def test_finish_comes_twice():
    for workaround in (False, True):
        bed = Bed()
        thing = Thing(bed)
        end, peer = bed.peer(thing)
        export = peer.bootstrap()
        peer.call(1, export, WAIT)
        bed.tasks()
        _finish(peer, 1, workaround)
        _finish(peer, 1, workaround)
        _canceled_return(peer, 1)
        _finish(peer, 1, workaround)
        peer.nothing()
        assert thing.calls == ["cancelled"]
        peer.call(2, export, WAIT)
        _finish(peer, 2, workaround)
        _finish(peer, 2, workaround)
        _canceled_return(peer, 2)
        peer.nothing()
        peer.release(export)
        bed.check_empty(thing)


def test_finish_of_a_method_that_runs_to_its_end():
    """Its Return says canceled, when it has ended; until then its question is in use."""
    for workaround in (False, True):
        for begun in (False, True):
            bed = Bed()
            thing = Stubborn(bed)
            end, peer = bed.peer(thing)
            export = peer.bootstrap()
            peer.call(1, export, HOLD, 0, [{"senderHosted": 5}])
            if begun:
                bed.tasks()
            _finish(peer, 1, workaround)
            bed.tasks()
            assert len(thing.waiting) == 1
            peer.nothing()
            fresh = Thing(bed)
            thing.waiting[0].resolve(fresh)
            bodies = [peer.read("return"), peer.read("release")]
            assert bodies[0].which_() == "canceled" and bodies[1].id == 5
            assert fresh.cap_ is None
            peer.nothing()
            peer.release(export)
            bed.check_empty(thing)


def test_the_connection_is_lost_between_finish_and_the_method():
    bed = Bed()
    thing = Thing(bed)
    end, peer = bed.peer(thing)
    export = peer.bootstrap()
    peer.call(1, export, HOLD, 0, [{"senderHosted": 5}])
    _finish(peer, 1, True)
    bed.cut()
    assert thing.waiting == [] and thing.released == 1
    bed.check_empty(thing)


def test_finish_keeps_what_results_brought():
    """Results that came before the Finish, which keeps their capabilities."""
    bed = Bed()
    thing = Thing(bed)
    end, peer = bed.peer(thing)
    export = peer.bootstrap()
    peer.call(1, export, SAME, 0, [{"receiverHosted": export}])
    body = peer.read("return")
    assert body.results.capTable[0].senderHosted == export
    _finish(peer, 1, True, keep=True)
    peer.release(export)
    peer.call(2, export, ECHO, 4)
    assert peer.read("return").results.content.x == 4
    peer.release(export)
    bed.check_empty(thing)
