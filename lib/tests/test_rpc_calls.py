# SPDX-License-Identifier: MIT
"""Calls over a connection: bootstrap, results, errors, order, pipelining, cancellation."""

import sys

from bed import OTHER, THING, Bed, Cancelled, Thing
from kinds import INT32

from capnrpc_micro.objects.client import release, retain
from capnrpc_micro.objects.promise import FAILED, OVERLOADED, UNIMPLEMENTED, Error, Promise
from capnrpc_micro.schema import EMPTY, Interface, Struct


def _bed(**limits):
    bed = Bed()
    thing = Thing(bed)
    bed.link(None, thing, left_limits=limits, right_limits=limits)
    return bed, thing, bed.a.bootstrap()


def _done(bed, thing, client):
    release(client)
    bed.check_empty(thing)


def test_plain_call():
    bed, thing, client = _bed()
    assert bed.get(client.echo(5)).y == 5
    assert bed.get(client.echo(x=-6)).y == -6
    assert bed.b.sent == ["return", "return", "return"]
    # Two questions were asked at once; the answers without capabilities need no Finish.
    assert bed.a.sent == ["bootstrap", "call", "finish", "call"]
    _done(bed, thing, client)


def test_async_call():
    bed, thing, client = _bed()
    assert bed.get(client.later(7)).y == 7
    _done(bed, thing, client)


def test_call_without_parameters_and_results():
    class Mine(Thing):
        def bare(self):
            self.calls.append("bare")

    bed = Bed()
    thing = Mine(bed)
    bed.link(None, thing)
    client = bed.a.bootstrap()
    bed.get(client.bare())
    assert thing.calls == ["bare"]
    _done(bed, thing, client)


def test_several_results_as_they_were_read():
    """A StructReader may be returned, too: what another call has brought."""
    point = Struct("", 1, 0, ("x", INT32, None, "y", INT32 | 1 << 5, None))
    interface = Interface("Point", b"\1\2\3\4\5\6\7\x08")
    interface.methods_("get", EMPTY, point)

    class Server(interface.Server):
        value = (3, -4)

        def get(self):
            return self.value

    bed = Bed()
    server = Server()
    bed.link(None, server)
    client = bed.a.conn.bootstrap(interface)
    for _ in range(2):
        results = server.value = bed.get(client.get())
        assert (results.x, results.y) == (3, -4)
    release(client)
    bed.check_empty(server)


class _Unspeakable(Exception):
    def __str__(self):
        raise ValueError("no")


def test_errors_that_are_hard_to_tell():
    """Whatever a handler raises is answered, and the connection goes on."""
    errors = (
        Error(12345),
        Error(None),
        Error(OSError(2), "overloaded"),
        Error("x", 77),
        Error("x", -1),
        Error("x" * 5000),
        _Unspeakable(),
    )
    if sys.implementation.name != "micropython":
        errors += (ValueError("a" + chr(0xD800)), Error(chr(0xDFFF)))

    class Mine(Thing):
        def echo(self, x):
            raise errors[x]

        async def later(self, x):
            raise errors[x]

    bed = Bed()
    thing = Mine(bed)
    bed.link(None, thing)
    client = bed.a.bootstrap()
    for x in range(len(errors)):
        assert bed.error(client.echo(x)).type == FAILED
        assert bed.error(client.later(x)).type == FAILED
    bed.get(client.keep(thing))
    release(thing.kept)
    _done(bed, thing, client)


def test_nothing_returned_by_a_method_without_results():
    class Mine(Thing):
        def keep(self, thing):
            return {}

        def bare(self):
            return ()

    bed = Bed()
    thing = Mine(bed)
    bed.link(None, thing)
    client = bed.a.bootstrap()
    assert bed.error(client.keep(None)).type == FAILED
    assert bed.error(client.bare()).type == FAILED
    _done(bed, thing, client)


def test_results_of_one_field_as_they_were_read():
    class Mine(Thing):
        results = 5

        def echo(self, x):
            return self.results

    bed = Bed()
    thing = Mine(bed)
    bed.link(None, thing)
    client = bed.a.bootstrap()
    for _ in range(2):
        thing.results = bed.get(client.echo(1))
        assert thing.results.y == 5
    _done(bed, thing, client)


def test_argument_given_twice():
    bed, thing, client = _bed()
    for call in (lambda: client.echo(1, x=2), lambda: client.callMe(thing, 1, thing=thing)):
        try:
            call()
        except TypeError as error:
            assert "is given twice" in str(error)
        else:
            raise AssertionError("it was taken")
    bed.get(client.echo(1))
    _done(bed, thing, client)


def test_method_named_as_an_attribute_of_classes():
    interface = Interface("Order", b"\1\2\3\4\5\6\7\x09")
    interface.methods_("mro", EMPTY, EMPTY)

    class Server(interface.Server):
        pass

    bed = Bed()
    server = Server()
    bed.link(None, server)
    client = bed.a.conn.bootstrap(interface)
    assert bed.error(client.mro()).type == UNIMPLEMENTED
    release(client)
    bed.check_empty(server)


def test_handlers_may_return_promises():
    """A plain method may return a coroutine, a promise, or another call's promise."""

    class Mine(Thing):
        def wait(self):
            promise = Promise(self.host)
            self.waiting.append(promise)
            return promise

        def later(self, x):
            return Thing.later(self, x)

        def callMe(self, thing, x):
            return thing.echo(x)

        def same(self, thing):
            return thing.same(thing)

    bed = Bed()
    thing = Mine(bed)
    mine = Thing(bed)
    bed.link(None, thing)
    client = bed.a.bootstrap()
    task = bed.spawn(client.wait())
    bed.settle()
    thing.waiting[0].resolve(8)
    bed.settle()
    assert task.value.y == 8
    assert bed.get(client.later(9)).y == 9
    assert bed.get(client.callMe(mine, 10)).y == 10
    results = bed.get(client.same(mine))
    assert results.thing._hook.resolved().server is mine
    release(results)
    release(client)
    bed.check_empty(thing, mine)


def test_many_calls_in_flight():
    bed, thing, client = _bed()
    promises = [client.later(k) if k & 1 else client.echo(k) for k in range(24)]
    assert [bed.get(promise).y for promise in promises] == list(range(24))
    assert thing.calls == list(range(24))
    _done(bed, thing, client)


def test_errors_arrive_with_their_type():
    bed, thing, client = _bed()
    for type in (0, 1, 2, 3):
        error = bed.error(client.fail(type))
        assert (error.type, error.reason) == (type, "as you like")
    _done(bed, thing, client)


def test_exceptions_arrive_as_class_and_message():
    class Mine(Thing):
        def echo(self, x):
            return (1, 2, 3)[x]

        async def later(self, x):
            if x:
                raise MemoryError("at home")
            raise ValueError("no good")

    bed = Bed()
    thing = Mine(bed)
    bed.link(None, thing)
    client = bed.a.bootstrap()
    error = bed.error(client.echo(5))
    assert error.type == FAILED and error.reason.startswith("IndexError: ")
    assert bed.error(client.later(0)).reason == "ValueError: no good"
    assert bed.error(client.later(1)).type == OVERLOADED
    _done(bed, thing, client)


def test_unimplemented_method_and_interface():
    bed, thing, client = _bed()
    error = bed.error(client.bare())
    assert error.type == UNIMPLEMENTED and "12" in error.reason
    error = bed.error(client.cast_as(OTHER).other())
    assert error.type == UNIMPLEMENTED and "interface" in error.reason
    assert bed.a.conn.error is None
    _done(bed, thing, client)


def test_wrong_arguments_send_nothing():
    bed, thing, client = _bed()
    bed.settle()
    sent = len(bed.a.sent)
    for arguments in (("5",), (1, 2), (1.5,)):
        try:
            client.echo(*arguments)
        except TypeError:
            pass
        else:
            raise AssertionError("TypeError was expected")
    try:
        client.callMe(5, 1)
    except TypeError:
        pass
    else:
        raise AssertionError("TypeError was expected")
    bed.settle()
    assert len(bed.a.sent) == sent
    _done(bed, thing, client)


def test_no_bootstrap_object():
    bed = Bed()
    bed.link()
    client = bed.a.bootstrap()
    # These go on their way before the error has come, so they must be answered, too.
    first, second = client.echo(1), client.self().thing.echo(2)
    assert "no bootstrap object" in bed.error(first).reason
    assert bed.error(second).type == FAILED
    assert "no bootstrap object" in bed.error(client.echo(3)).reason
    release(client)
    bed.check_empty()


def test_pipelining_on_bootstrap_and_results():
    """Calls on results that have not arrived, several hops deep; nothing is delivered between."""
    bed, thing, client = _bed()
    hops = [client.self()]
    for _ in range(4):
        hops.append(hops[-1].thing.self())
    last = hops[-1].thing.echo(11)
    pair = client.pair()
    boxed = pair.box.thing.echo(12)
    assert not bed.b.sent
    bed.a.flush()
    assert bed.a.sent == ["bootstrap"] + 8 * ["call"]
    assert bed.get(last).y == 11 and bed.get(boxed).y == 12
    for promise in hops + [pair]:
        bed.get(promise)
        release(promise)
    _done(bed, thing, client)


def test_pipelining_on_a_call_that_takes_its_time():
    bed, thing, client = _bed()
    held = client.hold(client)
    calls = [held.thing.echo(k) for k in range(3)] + [held.thing.self().thing.echo(3)]
    bed.settle()
    assert thing.calls == []
    thing.waiting[0].resolve(thing)
    assert [bed.get(call).y for call in calls] == [0, 1, 2, 3]
    assert thing.calls == [0, 1, 2, 3]
    release(held)
    # What was pipelined through `self` was never read: its connection is all that ends it.
    bed.cut()
    bed.check_empty(thing)


def test_pipelining_on_failed_calls():
    bed, thing, client = _bed()

    class Failing(Thing):
        def self(self):
            raise ValueError("no")

    failing = Failing(bed)
    bed.get(client.keep(failing))
    there = retain(thing.kept)
    first = there.self()
    assert "no" in bed.error(first.thing.echo(1)).reason
    assert "no" in bed.error(first.thing.self().thing.echo(1)).reason
    # Results without the capability that is asked for.
    assert "no capabilities" in bed.error(client.same(None).thing.echo(1)).reason
    release(there)
    release(thing.kept)
    _done(bed, thing, client)


def test_order_of_plain_and_async_methods():
    """Calls of one object begin in the order in which they were made, whatever their kind."""
    bed, thing, client = _bed()
    promises = [client.later(k) if k in (1, 2, 5) else client.echo(k) for k in range(8)]
    bed.settle()
    assert thing.calls == list(range(8))
    assert [bed.get(promise).y for promise in promises] == list(range(8))
    _done(bed, thing, client)


def test_a_plain_method_waits_while_another_is_starting():
    bed, thing, client = _bed()
    bed.settle()
    client.later(1)
    client.echo(2)
    bed.a.flush()
    bed.b.deliver()
    bed.b.deliver()
    assert thing.calls == [] and thing.cap_.starting == 2
    bed.settle()
    assert thing.calls == [1, 2] and thing.cap_.starting == 0
    _done(bed, thing, client)


def test_an_async_method_that_is_suspended_holds_nobody_up():
    bed, thing, client = _bed()
    waiting = bed.spawn(client.wait())
    assert bed.get(client.echo(1)).y == 1
    assert not waiting.done
    thing.waiting[0].resolve(2)
    bed.settle()
    assert waiting.value.y == 2
    _done(bed, thing, client)


def test_cancel_reaches_the_handler():
    bed, thing, client = _bed()
    promise = client.wait()
    bed.settle()
    promise.cancel_()
    assert bed.error(promise).reason == "the call was cancelled"
    assert thing.calls == ["cancelled"]
    assert bed.a.sent[-1] == "finish" and bed.b.sent[-1] == "return"
    promise.cancel_()
    release(promise)
    bed.settle()
    assert bed.a.sent.count("finish") == 2, "one for the bootstrap, one for the call"
    assert len(bed.b.sent) == 2
    _done(bed, thing, client)


def test_cancelling_the_task_cancels_the_call():
    bed, thing, client = _bed()
    task = bed.spawn(client.wait())
    bed.settle()
    bed.host.cancel(task)
    bed.settle()
    assert task.cancelled and thing.calls == ["cancelled"]
    _done(bed, thing, client)


def test_cancel_before_the_handler_has_begun():
    bed, thing, client = _bed()
    bed.settle()
    promise = client.later(1)
    promise.cancel_()
    echo = client.echo(2)
    bed.a.flush()
    while bed.b.inbox:
        bed.b.deliver()
    assert thing.cap_.starting == 0 and thing.calls == [2]
    assert bed.get(echo).y == 2 and thing.calls == [2]
    _done(bed, thing, client)


def test_a_handler_that_goes_on_after_its_cancellation():
    """What it returns then is dropped: the Return was sent once."""

    class Stubborn(Thing):
        async def hold(self, thing):
            try:
                await self.pause()
            except Cancelled:
                pass
            return thing

    bed = Bed()
    thing = Stubborn(bed)
    bed.link(None, thing)
    client = bed.a.bootstrap()
    promise = client.hold(client)
    bed.settle()
    promise.cancel_()
    bed.settle()
    assert thing.calls == ["cancelled"] and len(bed.b.sent) == 2
    _done(bed, thing, client)


def test_cancel_a_call_that_was_passed_on():
    """Finish travels through a vat that only passes the call on."""
    bed = Bed()
    thing = Thing(bed)
    bed.link(None, thing)
    far = bed.a.bootstrap()
    bed.settle()
    client = bed.link(None, far)[0].bootstrap()
    promise = client.wait()
    bed.settle()
    assert len(thing.waiting) == 1
    promise.cancel_()
    bed.settle()
    assert thing.calls == ["cancelled"]
    assert bed.get(client.echo(3)).y == 3
    release(client)
    release(far)
    bed.check_empty(thing)


def test_cancel_a_call_that_waits_in_a_queue():
    """A call pipelined to a promise, cancelled before that is settled, is never made."""
    bed, thing, client = _bed()
    held = client.hold(client)
    cancelled = held.thing.echo(1)
    echo = held.thing.echo(2)
    bed.settle()
    cancelled.cancel_()
    bed.settle()
    assert bed.b.sent[-1] == "return"
    thing.waiting[0].resolve(thing)
    assert bed.get(echo).y == 2 and thing.calls == [2]
    release(held)
    _done(bed, thing, client)


def test_cancel_what_a_plain_handler_promised():
    """A handler that returned another call's promise: the cancellation reaches that call, even
    when it comes before the event loop has had a turn."""

    class Onward(Thing):
        def wait(self):
            return self.kept.wait()

    for turns in (False, True):
        bed = Bed()
        thing = Onward(bed)
        mine = Thing(bed)
        bed.link(None, thing)
        client = bed.a.bootstrap()
        bed.get(client.keep(mine))
        promise = client.wait()
        bed.a.flush()
        bed.b.deliver()
        if turns:
            bed.settle()
        promise.cancel_()
        bed.settle()
        assert len(mine.waiting) == len(mine.calls)
        assert bed.b.sent.count("finish") == 1
        release(thing.kept)
        release(client)
        bed.check_empty(thing, mine)


def test_results_that_cannot_be_encoded():
    """The caller is told; no half message, no capability and no memory is left behind."""

    class Odd:
        def __iter__(self):
            raise OverflowError("odd")

        __len__ = __iter__

    class Mine(Thing):
        def echo(self, x):
            return ("text", 1.5, [], (1, 2), self)[x]

        async def later(self, x):
            return self.echo(x)

        def pair(self):
            return {"box": {"thing": self}, "thing": 5}

        async def wait(self):
            return {"y": 1, "unknown": 2}

        def same(self, thing):
            return {"thing": thing}

        def blob(self, blob):
            return Odd()

        async def many(self, x):
            return [Thing(self), self, Odd()]

        async def hold(self, thing):
            return Odd()

    bed = Bed()
    thing = Mine(bed)
    mine = Thing(bed)
    bed.link(None, thing)
    client = bed.a.bootstrap()
    for k in range(5):
        assert bed.error(client.echo(k)).type == FAILED
        assert bed.error(client.later(k)).type == FAILED
    for promise in (
        client.pair(),
        client.wait(),
        client.same(mine),
        client.blob(b""),
        client.many(1),
        client.hold(mine),
    ):
        assert bed.error(promise).type == FAILED
    assert bed.b.counts()[1:] == (0, 1, 0, 0, 0)
    _done(bed, thing, client)
    assert mine.cap_ is None


def test_a_message_above_the_limit_is_not_sent():
    bed, thing, client = _bed(message_words=256)
    assert bed.get(client.blob(bytes(1900))).blob == bytes(1900)
    try:
        client.blob(bytes(2048))
    except ValueError as error:
        assert "256 words" in str(error)
    else:
        raise AssertionError("ValueError was expected")
    assert bed.get(client.blob(b"x")).blob == b"x"
    _done(bed, thing, client)


def test_results_above_the_limit_become_an_error():
    class Mine(Thing):
        def blob(self, blob):
            return bytes(2048)

        async def hold(self, thing):
            return self

    bed = Bed()
    thing = Mine(bed)
    bed.link(None, thing, right_limits={"message_words": 256})
    client = bed.a.bootstrap()
    assert "256 words" in bed.error(client.blob(b"")).reason
    assert bed.get(client.echo(3)).y == 3
    _done(bed, thing, client)


def test_a_suspended_handler_keeps_its_own_parameters():
    """A connection that is flooded meanwhile reuses its receive buffer; the handler's message is a
    copy."""

    class Slow(Thing):
        async def blob(self, blob):
            await self.pause()
            return blob

        async def callMe(self, thing, x):
            await self.pause()
            return x

    bed = Bed()
    thing = Slow(bed)
    bed.link(None, thing)
    client = bed.a.bootstrap()
    blob = client.blob(b"mine" * 20)
    number = client.callMe(client, 1000)
    bed.settle()
    assert bed.b.counts()[5] > 0
    for k in range(100):
        bed.get(client.echo(-k))
    for promise in thing.waiting:
        promise.resolve(None)
    assert bed.get(blob).blob == b"mine" * 20
    assert bed.get(number).y == 1000
    _done(bed, thing, client)


def test_borrowed_data_needs_no_copy():
    class Borrows(Thing):
        borrows_ = ("blob",)

        def blob(self, blob):
            assert isinstance(blob, memoryview)
            self.calls.append(bytes(blob))
            return blob

    bed = Bed()
    thing = Borrows(bed)
    bed.link(None, thing)
    client = bed.a.bootstrap()
    assert bed.get(client.blob(b"12345")).blob == b"12345"
    assert bed.get(client.blob()).blob == b""
    assert thing.calls == [b"12345", b""]
    _done(bed, thing, client)


def test_a_message_in_pieces():
    """A transport may deliver any number of bytes at a time."""
    for size in (1, 7, 8, 33):
        bed, thing, client = _bed()
        promises = [client.echo(k) for k in range(4)]
        bed.a.flush()
        data = b"".join(bed.b.inbox)
        bed.b.inbox.clear()
        for k in range(0, len(data), size):
            bed.b.receive(data[k : k + size])
        assert [bed.get(promise).y for promise in promises] == [0, 1, 2, 3]
        _done(bed, thing, client)


def test_a_client_of_another_interface_shares_the_reference():
    bed, thing, client = _bed()
    again = client.cast_as(THING)
    assert bed.get(again.echo(1)).y == 1
    _done(bed, thing, again)
