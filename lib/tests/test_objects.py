# SPDX-License-Identifier: MIT
"""Promises, capabilities and calls within one vat: nothing here has a connection."""

from bed import OTHER, THING, Bed, Cancelled, Thing

from capnrpc_micro.objects.capability import BrokenCap, LocalCap, PromiseCap, hook_of
from capnrpc_micro.objects.client import Client, release, retain
from capnrpc_micro.objects.promise import (
    DISCONNECTED,
    FAILED,
    OVERLOADED,
    TURNS,
    UNIMPLEMENTED,
    Error,
    Promise,
    error_from,
    hold_turns,
    later,
    resume_turns,
)
from capnrpc_micro.schema import EMPTY, Interface
from capnrpc_micro.words import MICROPYTHON


def _local(kind=Thing):
    """A bed, an object and a reference to it, which was counted."""
    bed = Bed()
    thing = kind(bed)
    return bed, thing, retain(Client(hook_of(thing, bed.host), THING))


def _done(bed, thing, client):
    release(client)
    bed.check_empty(thing)


# Errors and turns.


def test_what_cannot_be_retained_or_released():
    for fn in (retain, release):
        try:
            fn(5)
        except TypeError as error:
            assert fn.__name__ + "() takes" in str(error)
        else:
            raise AssertionError("it was taken")


def test_a_class_is_no_object():
    for value, text in ((Thing, "not the class Thing"), (5, "not a int")):
        try:
            hook_of(value, None)
        except TypeError as error:
            assert text in str(error), error
        else:
            raise AssertionError("it was taken")


def test_errors():
    error = Error("too much", OVERLOADED)
    assert str(error) == "overloaded: too much" and error.type == OVERLOADED
    assert str(Error("x")) == "failed: x" and str(Error("x", 9)) == "failed: x"
    assert error_from(error) is error
    assert error_from(ValueError("no")).reason == "ValueError: no"
    assert error_from(ValueError()).reason == "ValueError"
    assert error_from(MemoryError()).type == OVERLOADED
    assert error_from(KeyError("k")).type == FAILED


def test_turns_run_one_after_another():
    seen = []

    def first(x):
        seen.append(x)
        later(second, x + 1)
        seen.append(x + 10)

    def second(x):
        seen.append(x)

    later(first, 1)
    assert seen == [1, 11, 2]
    before = hold_turns()
    later(second, 3)
    assert seen == [1, 11, 2]
    resume_turns(before)
    assert seen == [1, 11, 2, 3]


def test_held_turns_wait_for_the_outermost():
    seen = []
    outer = hold_turns()
    inner = hold_turns()
    later(seen.append, 1)
    resume_turns(inner)
    assert seen == []
    resume_turns(outer)
    assert seen == [1]


def test_a_turn_that_raises_does_not_stop_those_behind_it():
    seen = []

    def fails(_):
        raise ValueError("no")

    before = hold_turns()
    later(fails, None)
    later(seen.append, 1)
    try:
        resume_turns(before)
    except ValueError:
        pass
    later(seen.append, 2)
    assert seen == [1, 2]


def test_turns_keep_nothing():
    """What was settled last, or at the same time as something that is kept, is not kept by that."""
    bed = Bed()
    promises = [Promise(bed.host) for _ in range(3)]
    seen = []
    before = hold_turns()
    for promise in promises:
        promise.then(seen.append)
        promise.resolve(None)
    assert TURNS.first is promises[0] and TURNS.last is promises[2]
    resume_turns(before)
    assert seen == promises
    assert TURNS.first is TURNS.last is None
    for promise in promises:
        assert promise._next is None and not promise._then


# Promises.


def test_promise_settles_once():
    bed = Bed()
    promise = Promise(bed.host)
    seen = []
    promise.then(seen.append)
    assert not promise.settled and seen == []
    promise.resolve(5)
    promise.resolve(6)
    promise.reject(Error("no"))
    assert promise.settled and promise.value == 5 and promise.error is None
    assert seen == [promise]
    promise.then(seen.append)
    assert seen == [promise, promise]
    assert bed.get(promise) == 5


def test_promise_breaks_once():
    bed = Bed()
    promise = Promise(bed.host)
    task = bed.spawn(promise)
    bed.tasks()
    promise.reject(Error("no", DISCONNECTED))
    promise.resolve(5)
    bed.tasks()
    assert task.error.reason == "no" and promise.value is None
    bed.host.failed.clear()
    assert bed.error(promise).type == DISCONNECTED


def test_promise_has_many_waiters():
    bed = Bed()
    promise = Promise(bed.host)
    tasks = [bed.spawn(promise) for _ in range(3)]
    bed.tasks()
    promise.resolve("x")
    bed.tasks()
    assert [task.value for task in tasks] == ["x"] * 3


def test_a_cancelled_waiter_leaves_the_promise_alone():
    bed = Bed()
    promise = Promise(bed.host)
    tasks = [bed.spawn(promise) for _ in range(2)]
    bed.tasks()
    bed.host.cancel(tasks[0])
    bed.tasks()
    assert tasks[0].cancelled and not promise.settled
    promise.resolve(1)
    bed.tasks()
    assert tasks[1].value == 1


def test_a_long_chain_of_promises_needs_no_stack():
    bed = Bed()
    first = promise = Promise(bed.host)

    def chain(old):
        new = Promise(bed.host)
        old.then(lambda _: new.resolve(old.value + 1))
        return new

    length = 120 if MICROPYTHON else 1000  # of either, the stack takes fewer frames
    for _ in range(length):
        promise = chain(promise)
    first.resolve(0)
    assert promise.value == length


# Local objects.


def test_local_calls():
    bed, thing, client = _local()
    assert bed.get(client.echo(1)).y == 1
    assert bed.get(client.later(x=2)).y == 2
    assert bed.get(client.self().thing.self().thing.echo(3)).y == 3
    assert bed.get(client.callMe(client, 4)).y == 4
    assert bed.error(client.fail(1)).type == OVERLOADED
    assert bed.error(client.bare()).type == UNIMPLEMENTED
    assert bed.error(client.cast_as(OTHER).other()).type == UNIMPLEMENTED
    assert thing.calls == [1, 2, 3, 4]


def test_local_results_are_released_by_whoever_has_them():
    bed, thing, client = _local()
    other = Thing(bed)
    results = bed.get(client.same(other))
    assert hook_of(results.thing, None).server is other and other.released == 0
    release(results)
    release(results)
    assert other.released == 1
    promise = client.self()
    bed.settle()
    release(promise)
    _done(bed, thing, client)


def test_local_calls_wait_for_their_turn():
    """As calls over a connection do: a method is never called from within its caller."""
    bed, thing, client = _local()
    promise = client.echo(1)
    assert thing.calls == []
    assert bed.get(promise).y == 1
    _done(bed, thing, client)


def test_local_calls_keep_their_order():
    bed, thing, client = _local()
    for k in range(6):
        if k & 1:
            client.echo(k)
        else:
            client.later(k)
    bed.settle()
    assert thing.calls == list(range(6))
    _done(bed, thing, client)


def test_local_cancel():
    bed, thing, client = _local()
    waiting = client.wait()
    unborn = client.later(1)
    unborn.cancel_()
    bed.settle()
    waiting.cancel_()
    bed.settle()
    assert thing.calls == ["cancelled"] and thing.cap_.starting == 0
    assert bed.error(waiting).type == bed.error(unborn).type == FAILED
    _done(bed, thing, client)


def test_parameters_of_local_calls():
    """Released when the call is over, whichever way; kept if retained."""
    bed, thing, client = _local()
    other = Thing(bed)
    bed.get(client.callMe(other, 1))
    assert other.released == 1
    bed.get(client.keep(other))
    assert other.released == 1
    release(thing.kept)
    assert other.released == 2
    hold = client.hold(other)
    bed.settle()
    hold.cancel_()
    bed.settle()
    assert other.released == 3
    _done(bed, thing, client)


def test_wrong_parameters_hold_nothing():
    """A call that cannot be built keeps no reference to the capabilities before the mistake."""
    bed, thing, client = _local()
    other = Thing(bed)
    for arguments in ((other, "1"), (5, 1)):
        try:
            client.callMe(*arguments)
        except TypeError:
            pass
        else:
            raise AssertionError("TypeError was expected")
    assert other.cap_ is None or other.cap_.refs == 0
    _done(bed, thing, client)


def test_wrong_results_hold_nothing():
    class Odd(Thing):
        def pair(self):
            return {"box": {"thing": other}, "thing": 5}

        async def many(self, x):
            return [other, None, 1.5]

    bed, thing, client = _local(Odd)
    other = Thing(bed)
    assert bed.error(client.pair()).type == FAILED
    assert bed.error(client.many(2)).type == FAILED
    assert other.cap_ is None or other.cap_.refs == 0
    _done(bed, thing, client)


def test_results_of_another_call_are_passed_on():
    """By a plain method as a promise, by a coroutine as its results."""

    class Onward(Thing):
        def echo(self, x):
            return self.kept.echo(x)

        async def later(self, x):
            return await self.kept.later(x)

        def self(self):
            return self.kept.self()

        def fail(self, x):
            return self.kept.fail(x)

        async def bare(self):
            return await self.kept.echo(1)

        def pair(self):
            return self.kept.self()

    bed, thing, client = _local(Onward)
    other = Thing(bed)
    bed.get(client.keep(other))
    assert bed.get(client.echo(5)).y == 5 and bed.get(client.later(6)).y == 6
    assert bed.get(client.self().thing.echo(7)).y == 7
    assert bed.error(client.fail(2)).type == DISCONNECTED
    assert bed.error(client.bare()).type == FAILED, "results of another type"
    refs = other.cap_.refs
    assert bed.error(client.pair()).type == FAILED, "results of another type"
    assert other.cap_.refs == refs
    results = bed.get(client.self())
    assert hook_of(results.thing, None).server is other
    release(results)
    release(thing.kept)
    assert other.calls == [5, 6, 7, 1]
    release(client)


def test_one_hook_for_an_object_while_it_is_referred_to():
    bed, thing, client = _local()
    assert hook_of(thing, bed.host) is hook_of(client, bed.host) is thing.cap_
    release(client)
    assert thing.released == 1 and thing.cap_ is None
    again = retain(Client(hook_of(thing, bed.host), THING))
    assert bed.get(again.echo(1)).y == 1
    _done(bed, thing, again)
    assert thing.released == 2


def test_what_is_no_capability():
    for value in (5, "x", object(), THING, Thing):
        try:
            hook_of(value, None)
        except (TypeError, AttributeError):
            pass
        else:
            raise AssertionError("TypeError was expected")
    assert hook_of(None, None) is None


def test_clients_know_their_methods():
    bed, thing, client = _local()
    try:
        _ = client.nothing
    except AttributeError as error:
        assert "nothing" in str(error)
    else:
        raise AssertionError("AttributeError was expected")
    for name in ("y", "nothing"):
        try:
            getattr(client.echo(1), name)
        except AttributeError:
            pass
        else:
            raise AssertionError("AttributeError was expected")
    bed.settle()
    assert "Thing" in repr(client)
    _done(bed, thing, client)


# Broken and promised capabilities.


def test_broken_capability():
    bed = Bed()
    client = Client(BrokenCap(bed.host, Error("gone", DISCONNECTED)).retain(), THING)
    assert bed.error(client.echo(1)).reason == "gone"
    assert bed.error(client.self().thing.echo(1)).type == DISCONNECTED
    thing = Thing(bed)
    assert bed.error(client.keep(thing)).reason == "gone"
    assert thing.released == 1
    release(client)
    bed.check_empty(thing)


def test_promised_capability():
    bed = Bed()
    thing = Thing(bed)
    hook = PromiseCap(bed.host).retain()
    client = Client(hook, THING)
    seen = []
    hook.when_resolved(seen.append)
    hook.when_resolved(len)
    hook.forget(len)
    calls = [client.echo(k) for k in range(3)]
    calls[1].cancel_()
    bed.settle()
    assert thing.calls == []
    hook.resolve(hook_of(thing, bed.host).retain())
    assert seen == [hook] and hook.resolved().server is thing
    assert bed.get(calls[0]).y == 0 and bed.get(calls[2]).y == 2
    assert thing.calls == [0, 2]
    assert bed.get(client.echo(3)).y == 3
    release(client)
    bed.check_empty(thing)


def test_promised_capability_that_nobody_waits_for():
    bed = Bed()
    thing = Thing(bed)
    hook = PromiseCap(bed.host)
    hook.resolve(hook_of(thing, bed.host).retain())
    assert thing.released == 1
    # Whoever refers to it later holds what it is.
    client = retain(Client(hook, THING))
    assert thing.released == 1
    release(client)
    bed.check_empty()


def test_promised_capability_that_is_itself():
    bed = Bed()
    hook = PromiseCap(bed.host).retain()
    other = PromiseCap(bed.host).retain()
    client = Client(hook, THING)
    call = client.echo(1)
    other.resolve(hook.retain())
    hook.resolve(other.retain())
    assert "itself" in bed.error(call).reason
    assert "itself" in bed.error(client.echo(2)).reason
    hook.release()
    other.release()
    bed.check_empty()


def test_a_call_sent_while_the_queue_is_emptied_keeps_its_order():
    bed = Bed()
    thing = Thing(bed)
    hook = PromiseCap(bed.host).retain()
    client = Client(hook, THING)

    class Nosy(Thing):
        def echo(self, x):
            if x == 0:
                client.echo(2)
            return Thing.echo(self, x)

    thing = Nosy(bed)
    client.echo(0)
    client.echo(1)
    hook.resolve(hook_of(thing, bed.host).retain())
    bed.settle()
    assert thing.calls == [0, 1, 2]
    release(client)
    bed.check_empty(thing)


def test_calls_pipelined_on_a_call_that_is_cancelled():
    bed, thing, client = _local()
    held = client.hold(client)
    call = held.thing.echo(1)
    kept = retain(held.thing)
    bed.settle()
    held.cancel_()
    bed.settle()
    assert "cancelled" in bed.error(call).reason and thing.calls == ["cancelled"]
    assert "cancelled" in bed.error(kept.echo(2)).reason
    release(kept)
    _done(bed, thing, client)


def test_a_task_that_is_cancelled_cancels_its_call():
    bed, thing, client = _local()

    async def waits():
        try:
            await client.wait()
        except Cancelled:
            thing.calls.append("seen")
            raise

    task = bed.host.start(waits())
    bed.settle()
    bed.host.cancel(task)
    bed.settle()
    assert task.cancelled and thing.calls == ["seen", "cancelled"]
    _done(bed, thing, client)


def test_a_server_needs_an_interface():
    from capnrpc_micro.schema import Server

    try:
        LocalCap(None, Server())
    except TypeError:
        return
    raise AssertionError("TypeError was expected")


def test_methods_with_the_names_of_keywords():
    """A method that a schema calls `self`, or that Python reserves, is found with a "_" too."""

    class Underscored(THING.Server):
        def echo_(self, x):
            return x + 1

    bed, thing, client = _local(lambda bed: Underscored())
    assert bed.get(client.echo_(1)).y == 2 and bed.get(client.echo(2)).y == 3
    _done(bed, thing, client)


def test_no_method_of_a_schema_is_one_of_ours():
    """`released` in a schema does not lead a peer to `released_`."""
    names = Interface("Names", b"\x81\x92\xa3\xb4\xc5\xd6\xe7\xfa")
    names.methods_("released", EMPTY, EMPTY)

    class Named(names.Server):
        gone = 0

        def released_(self):
            self.gone += 1

    bed = Bed()
    named = Named()
    bed.link(None, named)
    client = bed.a.bootstrap()
    error = bed.error(client.cast_as(names).released())
    assert "not implemented" in error.reason and not named.gone
    release(client)
    bed.check_empty(named)


def test_a_pipelined_capability_outlives_the_results_it_came_with():
    bed, thing, client = _local()
    call = client.hold(client)
    call.then_(lambda _: release(call))
    kept = retain(call.thing)
    bed.settle()
    thing.waiting[0].resolve(None)
    assert bed.get(kept.echo(5)).y == 5
    release(kept)
    _done(bed, thing, client)
