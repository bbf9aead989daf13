# SPDX-License-Identifier: MIT
"""Messages made by hand: what each one does, and what other implementations do that is unusual."""

import wirekit
from bed import BARE, ECHO, FAIL, HOLD, LATER, MANY, SAME, SELF, WAIT
from byhand import QUARTERS, at, calling, frame, payload, promised, serving, talking
from wirekit import list_ptr, raises, tag, word

from capnrpc_micro.message import MessageError
from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.promise import DISCONNECTED, FAILED, UNIMPLEMENTED
from capnrpc_micro.rpc.captable import structs_at
from capnrpc_micro.schema import Server


def test_an_exception_for_a_pipelined_call_on_an_unknown_question():
    bed, thing, end, peer, export = serving()
    peer.call(1, (44, [0]), ECHO, 1)
    type, reason = peer.exception(1, False)
    assert type == FAILED and "finished" in reason
    peer.finish(1)
    peer.release(export)
    bed.check_empty(thing)


def test_a_call_to_an_unknown_export():
    bed, thing, end, peer, export = serving()
    peer.call(1, export + 1, ECHO)
    assert "not a current export" in peer.aborted()[1]
    bed.check_empty(thing)


def test_a_finish_for_an_unknown_question_is_ignored():
    """It crossed a Return that needed none."""
    bed, thing, end, peer, export = serving()
    peer.finish(99)
    peer.call(1, export, ECHO, 1)
    peer.read("return")
    peer.finish(1)
    peer.finish(1)
    peer.nothing()
    peer.release(export)
    bed.check_empty(thing)


def test_a_question_id_is_used_again_right_after_its_finish():
    bed, thing, end, peer, export = serving()
    for _ in range(3):
        peer.call(0, export, SELF)
        peer.finish(0)
        assert peer.read("return").answerId == 0
        peer.call(0, export, WAIT)
        bed.tasks()
        peer.finish(0)
        assert peer.read("return").which_() == "canceled"
    peer.release(export)
    bed.check_empty(thing)


def test_return_canceled_only_after_finish():
    """As a caller: unasked for, it ends the connection. As a callee: once, after Finish."""
    bed, thing, end, peer, client = calling()
    promise = client.wait()
    peer.read("call")
    peer.send("return", {"answerId": 0, "canceled": None})
    assert "cancelled" in peer.aborted()[1]
    assert bed.error(promise).type == FAILED
    bed.check_empty(thing)

    bed, thing, end, peer, client = calling()
    promise = client.wait()
    peer.read("call")
    promise.cancel_()
    body = peer.read("finish")
    assert body.releaseResultCaps and not body.requireEarlyCancellationWorkaround
    peer.send("return", {"answerId": 0, "canceled": None})
    peer.nothing()
    release(client)
    peer.read("release")
    bed.check_empty(thing)

    bed, thing, end, peer, export = serving()
    peer.call(1, export, WAIT)
    bed.tasks()
    peer.finish(1)
    body = peer.read("return")
    assert body.which_() == "canceled" and not body.releaseParamCaps
    thing.waiting[0].resolve(5)
    peer.finish(1)
    peer.nothing()
    peer.release(export)
    bed.check_empty(thing)


def test_results_that_cross_a_finish():
    """The peer answered before it saw our Finish; that gives back what its results brought."""
    bed, thing, end, peer, client = calling()
    promise = client.self()
    peer.read("call")
    promise.cancel_()
    assert peer.read("finish").releaseResultCaps
    peer.results(0, 0, {"senderHosted": 12})
    peer.nothing()
    assert end.counts()[0] == 0 and end.counts()[3] == 1
    release(client)
    assert peer.read("release").id == 0
    bed.check_empty(thing)


def test_the_question_id_of_a_cancelled_call_waits_for_its_return():
    bed, thing, end, peer, client = calling()
    promise = client.wait()
    assert peer.read("call").questionId == 0
    promise.cancel_()
    peer.read("finish")
    promise = client.echo(1)
    assert peer.read("call").questionId == 1
    peer.send("return", {"answerId": 0, "canceled": None})
    client.echo(2)
    assert peer.read("call").questionId == 0
    bed.cut()
    assert bed.error(promise).type == DISCONNECTED
    release(client)
    bed.check_empty(thing)


def test_finish_is_sent_once():
    """A second one would be the end of the connection for OCaml's implementation."""
    bed, thing, end, peer, client = calling()
    promise = client.echo(1)
    peer.read("call")
    peer.results(0, 1)
    bed.tasks()
    peer.read("finish")
    promise.cancel_()
    release(promise)
    peer.nothing()
    release(client)
    peer.read("release")
    bed.check_empty(thing)


def test_a_return_for_an_unknown_question():
    bed, thing, end, peer, client = calling()
    peer.results(5, 1)
    assert "not asked" in peer.aborted()[1]
    bed.check_empty(thing)


def test_flags_are_always_set():
    """releaseParamCaps and the two of Finish are true by default, and not all peers read them."""
    bed, thing, end, peer, export = serving()
    for method in (ECHO, LATER, SELF, 12):
        peer.call(1, export, method, 1)
        body = peer.read("return")
        assert not body.releaseParamCaps
        peer.finish(1)
    peer.release(export)
    client = peer.client({"senderHosted": 0})
    promise = client.echo(1)
    assert peer.read("call").sendTo == 0
    peer.results(0, 1)
    body = peer.read("finish")
    assert not body.releaseResultCaps and not body.requireEarlyCancellationWorkaround
    bed.get(promise)
    release(client)
    bed.check_empty(thing)


def test_a_call_whose_results_go_elsewhere():
    """To a third party is not supported: the whole Call comes back, with capabilities in it; the
    connection lives."""
    for send_to in (2, 9):
        bed, thing, end, peer, export = serving()
        peer.call(1, export, SAME, 6, [{"senderHosted": 3}], sendTo=send_to)
        body = peer.read("unimplemented").call
        assert body.questionId == 1 and body.sendTo == send_to and body.params.content.x == 6
        assert end.counts() == (0, 0, 1, 0, 0, 0)
        peer.call(1, export, ECHO, 1)
        peer.read("return")
        peer.release(export)
        bed.check_empty(thing)


def test_returns_of_unsupported_kinds():
    """An error for that call."""
    for kind, value in (
        ("resultsSentElsewhere", None),
        ("takeFromOtherQuestion", 0),
        ("acceptFromThirdParty", None),
    ):
        bed, thing, end, peer, client = calling()
        promise = client.echo(1)
        peer.read("call")
        peer.send("return", {"answerId": 0, kind: value})
        peer.read("finish")
        assert bed.error(promise).type == UNIMPLEMENTED
        release(client)
        bed.check_empty(thing)


def test_only_promise_pipeline():
    """A call of which the peer wants no more than to pipeline on it gets no Return, whether it is
    answered, fails or is refused; what is pipelined on it is answered."""
    bed, thing, end, peer, export = serving(answers=3)
    for method, error in ((SELF, None), (FAIL, "as you like"), (BARE, "not implemented")):
        peer.call(9, export, method, 0, onlyPromisePipeline=True)
        peer.nothing()
        peer.call(1, (9, [0]), ECHO, 7)
        if error is None:
            assert peer.read("return").results.content.x == 7
        else:
            assert error in peer.exception(1, False)[1]
        peer.finish(1)
        peer.finish(9)
    peer.call(0, export, ECHO, 7, onlyPromisePipeline=True)  # one that the short way might answer
    peer.call(0, export, SELF, id=QUARTERS[2], onlyPromisePipeline=True)
    peer.call(5, export, WAIT)
    peer.call(6, export, SELF, onlyPromisePipeline=True)
    peer.nothing()
    peer.call(7, (6, [0]), ECHO, 7)
    assert "limit reached: 3 answers" in peer.exception(7)[1]
    peer.finish(0)
    peer.send("finish", {"questionId": 0}, QUARTERS[2])
    peer.call(7, (6, [0]), ECHO, 7)
    assert "limit reached: 3 answers" in peer.exception(7, False)[1], "what was refused is kept"
    peer.finish(5)
    assert peer.read("return").which_() == "canceled"
    peer.finish(6)
    peer.finish(7)
    peer.release(export)
    bed.check_empty(thing)


def test_release_of_an_unknown_export_or_too_often():
    bed, thing, end, peer, export = serving()
    peer.release(export + 1)
    assert "does not exist" in peer.aborted()[1]
    bed.check_empty(thing)
    bed, thing, end, peer, export = serving()
    peer.release(export, 2)
    assert "more references" in peer.aborted()[1]
    bed.check_empty(thing)


def test_unknown_messages_are_echoed():
    """Whole, capabilities included; and the connection lives."""
    bed, thing, end, peer, export = serving()
    for which in ("provide", "accept", "join", "obsoleteSave", "obsoleteDelete", "fourteenth"):
        peer.send(which, {"questionId": 12, "cap": Server()})
        body = peer.read("unimplemented")
        assert body.which_() == which and getattr(body, which).questionId == 12
    for context in ({"accept": None}, {"provide": 3}):
        context["target"] = at(export)
        peer.send("disembargo", context)
        assert peer.read("unimplemented").which_() == "disembargo"
    peer.call(1, export, ECHO, 1)
    peer.read("return")
    peer.release(export)
    bed.check_empty(thing)


def test_our_messages_unknown_to_the_peer():
    """Unimplemented(call) and Unimplemented(bootstrap) are errors of that call."""
    bed, thing, end, peer = talking()
    client = end.bootstrap()
    first = client.callMe(thing, 1)
    peer.read("bootstrap")
    export = peer.read("call").params.capTable[0].senderHosted
    assert export == 0 and end.counts()[2] == 1
    peer.send("unimplemented", {"bootstrap": {"questionId": 0}})
    assert bed.error(client.echo(1)).type == UNIMPLEMENTED
    peer.send("unimplemented", {"call": {"questionId": 1, "target": at(0)}})
    assert bed.error(first).type == UNIMPLEMENTED
    assert end.counts()[2] == 0, "the peer never had the parameters"
    release(client)
    bed.check_empty(thing)


def test_unimplemented_for_what_must_be_implemented():
    for message in ({"call": {"questionId": 5, "target": at(0)}}, {"join": {"questionId": 0}}):
        bed, thing, end, peer, export = serving()
        peer.send("unimplemented", message)
        assert "must implement" in peer.aborted()[1]
        bed.check_empty(thing)


def test_unimplemented_for_what_the_peer_can_do_without():
    """It then keeps what it might give back: that is its own affair."""
    bed, thing, end, peer, export = serving()
    for message in (
        {"finish": {"questionId": 0}},
        {"release": {"id": 0}},
        {"abort": {"reason": "x"}},
    ):
        peer.send("unimplemented", message)
    peer.call(1, export, ECHO, 3)
    assert peer.read("return").results.content.x == 3
    peer.release(export)
    bed.check_empty(thing)


def test_unimplemented_return():
    """What a Return has brought to a peer that does not know it is given back."""
    bed, thing, end, peer, export = serving()
    peer.call(1, export, MANY, 2)
    peer.read("return")
    assert end.counts()[1:3] == (1, 3)
    peer.send("unimplemented", {"return": {"answerId": 1}})
    bed.tasks()
    assert end.counts()[1:3] == (0, 1)
    peer.send("unimplemented", {"return": {"answerId": 1}})
    peer.release(export)
    bed.check_empty(thing)


def test_abort_from_the_peer():
    """All that waits on the connection breaks with its reason and type; nothing is answered."""
    bed, thing, end, peer, client = calling()
    export = peer.bootstrap()
    peer.call(1, export, WAIT)
    bed.tasks()
    promise = client.later(1)
    pipelined = promise.__class__(promise._call, promise._results)
    peer.read("call")
    peer.send("abort", {"reason": "bye", "type": 2})
    bed.tasks()
    assert thing.calls == ["cancelled"]
    for waiting in (promise, pipelined, client.echo(2)):
        error = bed.error(waiting)
        assert error.type == DISCONNECTED and "bye" in error.reason
    peer.nothing()
    peer.call(2, export, ECHO, 1)  # too late
    peer.nothing()
    release(client)
    bed.check_empty(thing)


def test_abort_with_a_reason_that_is_not_text():
    bed, thing, end, peer, client = calling()
    data = bytearray(frame("abort", {"reason": "abc"}))
    data[data.index(b"abc")] = 0xFF
    end.receive(data)
    assert "UTF-8" in bed.error(client.echo(1)).reason
    bed.check_empty(thing)


def test_a_disembargo_for_what_was_no_promise():
    bed, thing, end, peer, export = serving()
    peer.send("disembargo", {"target": at(export), "senderLoopback": 3})
    assert peer.aborted()[0] == FAILED
    bed.check_empty(thing)


def test_a_disembargo_that_was_not_sent():
    bed, thing, end, peer, export = serving()
    peer.send("disembargo", {"target": at(export), "receiverLoopback": 3})
    assert peer.aborted()[0] == FAILED
    bed.check_empty(thing)


def test_a_null_root():
    bed, thing, end, peer, export = serving()
    end.receive(b"\0\0\0\0\1\0\0\0" + bytes(8))
    assert peer.aborted()[0] == FAILED
    bed.check_empty(thing)


def test_structs_shorter_than_any_version():
    """Truncated messages of every kind end the connection, and nothing but it."""
    bed, thing, end, peer, export = serving()
    promise = peer.client({"senderPromise": 1}).echo(1)
    for which in range(15):
        for data_words, pointers in ((0, 0), (1, 0), (0, 1)):
            bed, thing, end, peer = talking()
            body = bytes((which, 0, 0, 0, 0, 0, 0, 0))
            body += bytes((0, 0, 0, 0, data_words, 0, pointers, 0))
            body += bytes(8 * (data_words + pointers))
            head = bytes((0, 0, 0, 0, 1, 0, 1, 0))
            end.receive(bytes((0, 0, 0, 0, (8 + len(body)) // 8, 0, 0, 0)) + head + body)
            assert end.conn.error is None or peer.aborted()[0] == FAILED or which == 1
            bed.cut()
            bed.check_empty(thing)
    assert not promise._call.settled


def test_unknown_operations_in_a_transform():
    bed, thing, end, peer, export = serving()
    peer.call(1, export, SELF)
    peer.read("return")
    value = {"questionId": 2, "methodId": ECHO, "target": at((1, [0])), "params": payload(1)}
    value["target"]["promisedAnswer"]["transform"].insert(0, {"noop": None})
    for k in range(4):
        value["i%d" % k] = thing.interface_.id_[2 * k] | thing.interface_.id_[2 * k + 1] << 8
    end.receive(frame("call", value))
    assert peer.read("return").results.content.x == 1
    value["target"]["promisedAnswer"] = promised(1, [0, 0x5A5A])
    data = bytearray(frame("call", value))
    where = data.index(b"\x5a\x5a")
    data[where - 2] = 7
    end.receive(data)
    assert "unknown operation" in peer.aborted()[1]
    bed.check_empty(thing)


def _finished_early():
    """A call under way and one that waits for its results, of which the first was finished."""
    bed, thing, end, peer, export = serving()
    peer.call(1, export, HOLD)
    peer.call(2, (1, [0]), ECHO, 1)
    bed.tasks()
    peer.finish(1)
    peer.nothing()
    assert thing.calls == [] and end.counts()[1] == 2
    return bed, thing, end, peer, export


def test_finish_of_a_call_that_others_wait_for():
    """It goes on, for them; then it says that it was cancelled, as nobody wants its results."""
    bed, thing, end, peer, export = _finished_early()
    thing.waiting[0].resolve(thing)
    body = peer.read("return")
    assert body.answerId == 1 and body.which_() == "canceled"
    assert peer.read("return").results.content.x == 1
    peer.release(export)
    bed.check_empty(thing)


def test_finish_of_a_call_that_fails_others():
    bed, thing, end, peer, export = _finished_early()
    thing.waiting[0].reject(ValueError("no"))
    assert peer.read("return").which_() == "canceled"
    assert "no" in peer.exception(2, False)[1]
    peer.finish(2)
    peer.release(export)
    bed.check_empty(thing)


def test_finish_of_all_that_waited():
    """When the last one that waits is finished, too, the first is cancelled."""
    bed, thing, end, peer, export = _finished_early()
    peer.finish(2)
    assert [peer.read("return").answerId for _ in range(2)] == [1, 2]
    assert thing.calls == ["cancelled"]
    peer.release(export)
    bed.check_empty(thing)


def test_finish_of_a_call_whose_result_is_a_parameter():
    """As pycapnp does when a program passes on what it has not waited for."""
    for kept in (True, False):
        bed, thing, end, peer, export = serving()
        peer.call(1, export, HOLD)
        peer.call(2, export, HOLD if kept else LATER, 0, [{"receiverAnswer": promised(1, [0])}])
        bed.tasks()
        peer.finish(1)
        if kept:
            peer.nothing()
            peer.finish(2)
        else:
            assert peer.read("return").answerId == 2
        for _ in range(2 if kept else 1):
            assert peer.read("return").which_() == "canceled"
        assert "cancelled" in thing.calls
        peer.release(export)
        bed.check_empty(thing)


def test_finish_of_a_call_whose_result_was_exported():
    """The export of the promise is a reference: with its release the call is cancelled."""
    bed, thing, end, peer, export = serving()
    peer.call(1, export, HOLD)
    peer.call(2, export, SAME, 0, [{"receiverAnswer": promised(1, [0])}])
    bed.tasks()
    promise = peer.read("return").results.capTable[0].senderPromise
    peer.finish(2, False)
    peer.finish(1)
    peer.nothing()
    peer.release(promise)
    assert peer.read("return").which_() == "canceled" and thing.calls == ["cancelled"]
    peer.release(export)
    bed.check_empty(thing)


def test_lists_of_numbers_are_no_lists_of_structs():
    """The tables of our own messages are read in whole words, which numbers need not have."""
    for code in (2, 3, 4):
        m = wirekit.message(list_ptr(0, code, 1) + word(0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF))
        raises(MessageError, "list of numbers", structs_at, m, m.lo)
    m = wirekit.message(list_ptr(0, 7, 1) + tag(1, 1, 0) + word(5))
    assert len(structs_at(m, m.lo)) == 1
