# SPDX-License-Identifier: MIT
"""Every limit of a connection: what the peer or the program is told, and that nothing is left."""

from bed import (
    BLOB,
    CALL_ME,
    ECHO,
    HOLD,
    KEEP,
    LATER,
    MANY,
    SAME,
    SELF,
    WAIT,
    Bed,
    Thing,
)
from byhand import frame, promised
from kinds import STRUCT

from capnrpc_micro.message import MessageError
from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.promise import FAILED, OVERLOADED, Error
from capnrpc_micro.schema import Interface, Struct


def _bed(**limits):
    bed = Bed()
    thing = Thing(bed)
    bed.link(None, thing, left_limits=limits, right_limits=limits)
    return bed, thing, bed.a.bootstrap()


def _serving(**limits):
    bed = Bed()
    thing = Thing(bed)
    end, peer = bed.peer(thing, **limits)
    return bed, thing, end, peer, peer.bootstrap()


def test_nesting():
    """Readers of parameters and of results have it from the limits of the connection."""
    tree = Struct("Tree", 0, 1)
    tree.fields_(("tree", STRUCT, tree))
    interface = Interface("Forest", b"\1\2\3\4\5\6\7\x0a")
    interface.methods_("same", Struct("", 0, 1, ("tree", STRUCT, tree)), tree)

    def climb(reader):
        for _ in range(5):
            reader = reader.tree

    class Server(interface.Server):
        def same(self, tree):
            climb(tree)
            return {"tree": tree}

    def too_deep(left, right):
        bed = Bed()
        server = Server()
        bed.link(None, server, {"nesting": left}, {"nesting": right})
        client = bed.a.conn.bootstrap(interface)
        call = client.same({"tree": {"tree": {"tree": {"tree": {"tree": {}}}}}})
        try:
            climb(bed.get(call))
            return None
        except (Error, MessageError) as error:
            assert "nesting limit" in str(error)
            return error.__class__
        finally:
            release(client)
            bed.check_empty(server)

    assert too_deep(64, 64) is None
    assert too_deep(64, 5) is Error
    assert too_deep(5, 64) is MessageError


def test_questions():
    """A call that would be one too many is not sent; its promise is broken."""
    bed, thing, client = _bed(questions=4)
    bed.get(client.echo(0))
    promises = [client.wait() for _ in range(4)]
    extra = client.echo(1)
    assert extra._call.error.type == OVERLOADED
    assert bed.error(extra).type == OVERLOADED
    assert bed.error(client.self().thing.echo(1)).type == OVERLOADED
    assert bed.error(bed.a.bootstrap().echo(1)).type == OVERLOADED
    for waiting in thing.waiting:
        waiting.resolve(3)
    assert [bed.get(promise).y for promise in promises] == [3, 3, 3, 3]
    assert bed.get(client.echo(2)).y == 2 and thing.calls == [0, 2]
    release(client)
    bed.check_empty(thing)


def test_answers():
    """Calls above the limit are answered, and not kept."""
    bed, thing, end, peer, export = _serving(answers=3)
    for question in range(1, 4):
        peer.call(question, export, WAIT)
    for method in (ECHO, LATER, WAIT, SELF):
        peer.call(9, export, method)
        assert peer.exception(9)[0] == OVERLOADED
    peer.send("bootstrap", {"questionId": 9})
    assert peer.exception(9)[0] == OVERLOADED
    assert end.counts()[1] == 3
    # A parameter of a call that was refused is not kept: there is nothing to be released.
    peer.call(9, export, KEEP, 0, [{"senderHosted": 5}])
    bed.tasks()
    assert peer.exception(9)[0] == OVERLOADED
    assert end.counts()[3] == 0
    body = peer.read("release")
    assert (body.id, body.referenceCount) == (5, 1)
    for question in range(1, 4):
        peer.finish(question)
        assert peer.read("return").which_() == "canceled"
    peer.call(1, export, LATER, 6)
    assert peer.read("return").results.content.x == 6
    peer.release(export)
    bed.check_empty(thing)


def test_results_that_are_not_finished_count():
    """A peer that never sends Finish runs into the limit, not the board into its memory."""
    bed, thing, end, peer, export = _serving(answers=5)
    for question in range(5):
        peer.call(question, export, SELF)
        assert peer.read("return").which_() == "results"
    peer.call(5, export, SELF)
    assert peer.exception(5)[0] == OVERLOADED
    for question in range(5):
        peer.finish(question)
    peer.release(export)
    bed.check_empty(thing)


def test_call_bytes_for_parameters():
    class Slow(Thing):
        async def blob(self, blob):
            await self.pause()
            return blob

    bed = Bed()
    slow = Slow(bed)
    bed.link(None, slow, right_limits={"call_bytes": 1000})
    client = bed.a.bootstrap()
    calls = [client.blob(bytes(300)) for _ in range(4)]
    bed.settle()
    assert len(slow.waiting) == 2
    assert bed.error(calls[2]).type == bed.error(calls[3]).type == OVERLOADED
    assert 600 < bed.b.counts()[5] <= 1000
    for waiting in slow.waiting:
        waiting.resolve(None)
    assert bed.get(calls[0]).blob == bed.get(calls[1]).blob == bytes(300)
    release(client)
    bed.check_empty(slow)


def test_call_bytes_give_back_parameters():
    """The capabilities of a call that was refused for its size are released at once."""
    bed, thing, end, peer, export = _serving(call_bytes=100)
    peer.call(1, export, HOLD, 0, [{"senderHosted": 5}])
    assert peer.exception(1)[0] == OVERLOADED
    assert peer.read("release").id == 5
    peer.release(export)
    bed.check_empty(thing)


def test_call_bytes_for_kept_results():
    """Results that hold capabilities are kept for pipelined calls; that memory counts, too."""
    bed, thing, end, peer, export = _serving(call_bytes=400)
    refused = 0
    for question in range(1, 20):
        peer.call(question, export, SELF)
        body = peer.read("return")
        if body.which_() == "exception":
            assert body.exception.type == OVERLOADED
            refused += 1
        assert end.counts()[5] <= 400
    assert 10 < refused < 19
    sent = end.conn.export_counts[export]
    assert sent == 1 + 19 - refused
    for question in range(1, 20):
        peer.finish(question, False)
    peer.release(export, sent)
    bed.check_empty(thing)


def test_call_bytes_for_pipelines():
    """A peer can ask for the capability at any path of results that are not there; each is
    remembered, so each counts."""
    bed, thing, end, peer, export = _serving(call_bytes=2000)
    peer.call(1, export, HOLD)
    for path in range(100):
        peer.call(2, (1, [path]), ECHO)
        assert end.counts()[5] <= 2000
        if end.counts()[1] == 1:
            assert peer.exception(2)[0] == OVERLOADED
        else:
            peer.finish(2)
            assert peer.read("return").which_() == "canceled"
    assert len(end.conn.answers[1].pipelines) < 10
    bed.tasks()
    thing.waiting[0].resolve(None)
    bed.tasks()
    assert peer.read("return").which_() == "results"
    peer.finish(1)
    peer.release(export)
    bed.check_empty(thing)


def test_cancelled_calls_leave_no_queue():
    """Calls on results that are not there, each cancelled at once: nothing piles up."""
    bed, thing, end, peer, export = _serving()
    peer.call(1, export, HOLD)
    for _ in range(50):
        peer.call(2, (1, [0]), ECHO)
        peer.finish(2)
        assert peer.read("return").which_() == "canceled"
    assert end.conn.answers[1].pipelines[(0,)]._queue == []
    peer.finish(1)
    assert peer.read("return").which_() == "canceled"
    peer.release(export)
    bed.check_empty(thing)


def test_exports_in_results():
    bed, thing, end, peer, export = _serving(exports=4)
    peer.call(1, export, MANY, 5)
    assert peer.exception(1, False)[0] == OVERLOADED
    assert end.counts()[2] == 1
    peer.finish(1)
    peer.call(1, export, MANY, 3)
    assert len(peer.read("return").results.capTable) == 3
    peer.call(2, export, SELF)
    assert peer.read("return").results.capTable[0].senderHosted == export, "it is one already"
    peer.call(3, export, MANY, 1)
    assert peer.exception(3, False)[0] == OVERLOADED
    for question in (1, 2, 3):
        peer.finish(question)
    peer.release(export)
    bed.check_empty(thing)


def test_exports_in_parameters():
    bed, thing, client = _bed(exports=2)
    things = [Thing(bed) for _ in range(3)]
    for mine in things[:2]:
        bed.get(client.keep(mine))
    sent = len(bed.a.sent)
    error = bed.error(client.keep(things[2]))
    assert error.type == OVERLOADED and len(bed.a.sent) == sent
    assert things[2].cap_ is None or things[2].cap_.refs == 0
    assert bed.get(client.echo(1)).y == 1
    bed.cut()
    release(client)
    release(thing.kept)
    bed.check_empty(thing, things[0], things[1])


def test_exports_in_bootstrap():
    bed = Bed()
    thing = Thing(bed)
    end, peer = bed.peer(lambda id: Thing(bed), exports=2)
    for question in range(2):
        peer.send("bootstrap", {"questionId": question})
        assert peer.read("return").which_() == "results"
    peer.send("bootstrap", {"questionId": 2})
    assert peer.exception(2, False)[0] == OVERLOADED
    bed.cut()
    bed.check_empty(thing)


def test_exports_in_resolve():
    """A promise that cannot be told for want of an entry is told as broken."""
    bed, thing, end, peer, export = _serving(exports=2)
    peer.call(1, export, HOLD)
    peer.call(2, export, SAME, 0, [{"receiverAnswer": promised(1, [0])}])
    bed.tasks()
    assert peer.read("return").results.capTable[0].which_() == "senderPromise"
    peer.finish(2, False)
    thing.waiting[0].resolve(Thing(bed))
    bed.tasks()
    assert peer.exception(1, False)[0] == OVERLOADED
    body = peer.read("resolve")
    assert body.exception.type == OVERLOADED
    peer.finish(1)
    peer.release(body.promiseId)
    peer.release(export)
    bed.check_empty(thing)


def test_imports_in_parameters():
    """All are given back; those reached through a third party, too."""
    bed, thing, end, peer, export = _serving(imports=2)
    caps = [{"senderHosted": 5}, {"senderPromise": 6}, {"thirdPartyHosted": {"vineId": 7}}]
    peer.call(1, export, KEEP, 0, caps)
    bed.tasks()
    given = [peer.read("release").id for _ in range(3)]
    assert given == [5, 6, 7]
    assert peer.exception(1)[0] == OVERLOADED
    assert end.counts()[3] == 0
    peer.call(2, export, KEEP, 0, caps[:2])
    peer.read("return")
    assert peer.read("release").id == 6, "only the first is used"
    release(thing.kept)
    assert peer.read("release").id == 5
    peer.release(export)
    bed.check_empty(thing)


def test_imports_in_results():
    bed = Bed()
    end, peer = bed.peer(None, imports=2)
    client = peer.client({"senderHosted": 1})
    promise = client.self()
    peer.read("call")
    peer.results(0, 0, {"senderHosted": 2}, {"senderHosted": 3})
    bed.tasks()
    assert [peer.read("release").id, peer.read("release").id] == [2, 3]
    assert not peer.read("finish").releaseResultCaps
    assert bed.error(promise).type == OVERLOADED
    assert bed.error(promise.thing.echo(1)).type == OVERLOADED
    release(client)
    bed.check_empty()


def test_embargoes():
    """A path that cannot be guarded any more is broken, not taken out of order."""
    bed, mine, client = _bed(embargoes=1)
    thing = Thing(bed)
    promises = [client.hold(thing) for _ in range(2)]
    early = [promise.thing.echo(k) for k, promise in enumerate(promises)]
    bed.settle()
    for waiting in mine.waiting:
        waiting.resolve(None)
    bed.tasks()
    while bed.a.inbox:
        bed.a.deliver()
    late = [promise.thing.echo(5) for promise in promises]
    assert bed.get(late[0]).y == 5 and bed.error(late[1]).type == OVERLOADED
    assert [bed.get(call).y for call in early] == [0, 1]
    for promise in promises:
        release(promise)
    release(client)
    bed.check_empty(mine, thing)


def test_message_size():
    """A frame that announces more than the limit: an Abort that names the limit."""
    bed, thing, end, peer, export = _serving(message_words=100)
    end.receive(b"\0\0\0\0\x65\0\0\0")
    type, reason = peer.aborted()
    assert type == FAILED and "more than 100 words" in reason
    bed.check_empty(thing)


def test_huge_sizes_and_counts():
    for head in (
        b"\0\0\0\0\xff\xff\xff\xff",
        b"\xff\xff\xff\xff\0\0\0\0",
        b"\xfe\xff\xff\xff\xff\xff\xff\xff",
        b"\1\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
        b"\1\0\0\0\1\0\0\0\0\0\0\x80\0\0\0\0",
        b"\0\0\0\0\0\0\0\0",
    ):
        bed, thing, end, peer, export = _serving()
        end.receive(head)
        assert peer.aborted()[0] == FAILED
        bed.check_empty(thing)


def test_output_mark():
    """Above the mark process() pauses; it goes on when the output has been taken."""
    bed, thing, end, peer, export = _serving(output_mark=512, receive_bytes=2048)
    conn = end.conn
    data = b"".join([frame("call", _echo(export, k)) for k in range(10)])
    space = conn.receiver.space()
    assert len(data) <= len(space)
    space[: len(data)] = data
    conn.received(len(data))
    pauses = 0
    while conn.process():
        pauses += 1
        assert conn.out.hi << 2 > 512
        end.flush()
    assert pauses >= 1 and thing.calls == list(range(10))
    end.flush()
    assert [peer.read("return").answerId for _ in range(10)] == list(range(10))
    peer.release(export)
    bed.check_empty(thing)


def _echo(export, k):
    value = {"questionId": k, "methodId": ECHO, "target": {"importedCap": export}}
    value["params"] = {"content": {"x": k}}
    for j, half in enumerate((0x9281, 0xB4A3, 0xD6C5, 0xF8E7)):
        value["i%d" % j] = half
    return value


def test_output_of_calls():
    """A program that calls faster than the peer reads is told so."""
    bed, thing, client = _bed(output_bytes=4096)
    bed.get(client.echo(0))
    promises = [client.blob(bytes(500)) for _ in range(20)]
    bad = [p for p in promises if p._call.settled]
    assert 10 < len(bad) < 20
    assert bad[0]._call.error.type == OVERLOADED
    for promise in promises:
        if promise not in bad:
            assert bed.get(promise).blob == bytes(500)
    release(client)
    bed.check_empty(thing)


def test_output_of_results():
    """Results that do not fit the output become errors; when not even these fit, an Abort."""

    class Big(Thing):
        async def blob(self, blob):
            await self.pause()
            return bytes(600)

    bed = Bed()
    thing = Big(bed)
    end, peer = bed.peer(thing, output_bytes=2048)
    export = peer.bootstrap()
    for question in range(6):
        peer.call(question, export, BLOB)
    bed.tasks()
    for waiting in thing.waiting:
        waiting.resolve(None)
    while end.bed.host.step():  # without the output being taken
        pass
    kinds = []
    end.flush()
    for question in range(6):
        body = peer.read("return")
        assert body.answerId == question
        kinds.append(body.which_())
    assert kinds == ["results", "results"] + 4 * ["exception"]
    for question in range(6):
        peer.finish(question)
    peer.release(export)
    bed.check_empty(thing)


def test_output_that_overflows():
    """Messages that must be sent have no room: the connection ends, with an Abort that says so."""
    bed, thing, end, peer, export = _serving(output_bytes=2048)
    for question in range(8):
        peer.call(question, export, WAIT)
    bed.tasks()
    for waiting in thing.waiting:
        waiting.reject(ValueError("x" * 400))
    while bed.host.step():
        pass
    bed.flush()
    type, reason = peer.aborted()
    assert type == OVERLOADED and "2048" in reason, (type, reason)
    bed.check_empty(thing)


def test_reasons_are_cut_off():
    class Talks(Thing):
        def echo(self, x):
            raise ValueError("x" * 2000)

    bed = Bed()
    thing = Talks(bed)
    end, peer = bed.peer(thing)
    export = peer.bootstrap()
    peer.call(1, export, ECHO)
    assert 100 < len(peer.exception(1, False)[1]) < 1000
    peer.finish(1)
    peer.release(export)
    bed.check_empty(thing)


def test_traversal_limit():
    """In what the protocol itself has to read it ends the connection."""
    bed, thing, end, peer, export = _serving(traversal_words=50)
    peer.call(1, export, CALL_ME, 1, [{"receiverHosted": export}] * 30)
    assert "traversal limit" in peer.aborted()[1]
    bed.check_empty(thing)
