# SPDX-License-Identifier: MIT
"""Layer `vat`: capabilities that connect again by themselves, to a vat whose answers the test gives."""

import asyncio

from bed import THING
from streamkit import SINK

from capnrpc_micro.net.host import HOST
from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.operations import client, problem, promise
from capnrpc_micro.objects.promise import DISCONNECTED, FAILED, OVERLOADED, Error, Promise
from capnrpc_micro.objects.streams import drained
from capnrpc_micro.vat.live import live

URI = "capnp://insecure@localhost:1/bWFpbg"
LOST = Error("connection lost", DISCONNECTED)


class Thing(THING.Server):
    def __init__(self):
        self.seen = []
        self.started = asyncio.Event()

    def echo(self, x):
        self.seen.append(x)
        return x

    async def wait(self):
        self.started.set()
        await asyncio.sleep(1000)


class Vat:
    """Stands for a vat: connect() waits until the test says how it ends.

    A service is a promise that turns out to be the thing, as one that is reached over a connection
    would; lose() breaks what was given out.
    """

    def __init__(self):
        self.thing = Thing()
        self.attempts = []
        self.asked = asyncio.Event()
        self.resolvers = []

    async def connect(self, service, interface):
        attempt = Promise(HOST)
        self.attempts.append(attempt)
        self.asked.set()
        return await attempt

    async def answer(self, error=None):
        """Waits for an attempt to connect, and ends it."""
        await self.asked.wait()
        self.asked.clear()
        attempt = self.attempts.pop()
        if error is not None:
            attempt.reject(error)
            return
        # What the live reference has is a promise, so that it can still break.
        client, resolver = promise(THING)
        self.resolvers.append(resolver)
        attempt.resolve(client)

    def lose(self, error=LOST):
        self.resolvers.pop().reject(error)


class Told:
    """What `changed` was called with."""

    def __init__(self):
        self.changes = []
        self.news = asyncio.Event()

    def __call__(self, there, error):
        self.changes.append((there, error and error.reason))
        self.news.set()

    async def until(self, *changes):
        while self.changes != list(changes):
            assert len(self.changes) < len(changes), self.changes
            self.news.clear()
            await self.news.wait()


def start(vat, **settings):
    told = Told()
    client = live(
        vat,
        URI,
        THING,
        changed=told,
        first_ms=1,
        most_ms=4,
        **settings,
    )
    return client, told


async def fails(call, kind, text):
    try:
        await call
        raise AssertionError("it was answered")
    except Error as error:
        assert error.type == kind and text in error.reason, error


async def test_it_is_tried_again_until_the_service_is_there():
    vat = Vat()
    thing, told = start(vat)
    for kind in (DISCONNECTED, OVERLOADED, DISCONNECTED):
        await vat.answer(Error("not now", kind))
    await vat.answer()
    await told.until((False, "not now"), (True, None))
    vat.lose()
    await vat.answer(LOST)
    await vat.answer()
    await told.until((False, "not now"), (True, None), (False, "connection lost"), (True, None))
    release(thing)


async def test_calls_wait_in_order():
    vat = Vat()
    thing, _ = start(vat)
    calls = [thing.echo(x) for x in range(5)]
    calls.pop(2).cancel_()
    await vat.answer(LOST)
    calls.append(thing.echo(5))
    await vat.answer()
    await asyncio.sleep(0)
    while not vat.resolvers:
        await asyncio.sleep(0)
    vat.resolvers[0].resolve(vat.thing)
    for call in calls:
        await call
    assert vat.thing.seen == [0, 1, 3, 4, 5]
    assert (await thing.echo(6)).y == 6
    release(thing)


async def test_calls_fail_at_once():
    vat = Vat()
    thing, told = start(vat, wait=False)
    await fails(thing.echo(1), DISCONNECTED, "not been reached yet")
    await vat.answer(Error("no route", DISCONNECTED))
    await told.until((False, "no route"))
    await fails(thing.echo(1), DISCONNECTED, "no route")
    release(thing)


async def test_calls_under_way_fail_with_the_connection():
    vat = Vat()
    thing, told = start(vat)
    await vat.answer()
    await told.until((True, None))
    call = thing.echo(1)
    await asyncio.sleep(0)
    vat.lose()
    await fails(call, DISCONNECTED, "connection lost")
    assert vat.thing.seen == []
    release(thing)


async def test_it_ends_when_there_is_no_such_service():
    vat = Vat()
    thing, told = start(vat)
    waiting = thing.echo(1)
    await vat.answer(Error("no such service", FAILED))
    await fails(waiting, FAILED, "no such service")
    await told.until((False, "no such service"))
    assert problem(thing).reason == "no such service"
    await fails(thing.echo(2), FAILED, "no such service")
    assert not vat.attempts
    release(thing)


async def test_released_in_any_state():
    for stage in range(4):
        vat = Vat()
        thing, told = start(vat)
        call = thing.echo(1)
        if stage:
            await vat.answer(LOST if stage == 1 else None)
        if stage == 3:
            await told.until((True, None))
        release(thing)
        if stage == 3:
            vat.lose()  # it is under way
        try:
            await call
        except Error:
            pass
        if stage < 2:
            await fails(thing.echo(2), FAILED, "released")
        while not thing._hook._task.done():
            await asyncio.sleep(0)
        assert not vat.attempts or stage == 0


async def test_who_is_told_may_fail():
    vat = Vat()

    def changed(there, error):
        raise ValueError("not our day")

    thing = live(vat, URI, THING, changed=changed, first_ms=1)
    await vat.answer(LOST)
    await vat.answer()
    while not vat.resolvers:
        await asyncio.sleep(0)
    vat.resolvers[0].resolve(vat.thing)
    assert (await thing.echo(3)).y == 3
    release(thing)


class Releases(Told):
    """Releases the live reference when it is there, or away."""

    def __init__(self, when):
        Told.__init__(self)
        self.when = when
        self.thing = None

    def __call__(self, there, error):
        Told.__call__(self, there, error)
        if there is self.when:
            release(self.thing)


async def test_who_is_told_may_release():
    for there in (True, False):
        vat = Vat()
        told = Releases(there)
        thing = told.thing = live(vat, URI, THING, changed=told, first_ms=1)
        task = thing._hook._task
        await vat.answer(None if there else LOST)
        while not task.done():
            await asyncio.sleep(0)
        assert [change[0] for change in told.changes] == ([True, False] if there else [False])
        assert thing._hook._there is None and not vat.attempts
        await fails(thing.echo(1), FAILED, "released")


async def test_it_ends_when_the_vat_cannot_connect_at_all():
    vat = Vat()
    thing, told = start(vat)
    waiting = thing.echo(1)
    await vat.answer(OSError("no key"))
    await fails(waiting, FAILED, "OSError: no key")
    await told.until((False, "OSError: no key"))
    await fails(thing.echo(2), FAILED, "no key")
    while not thing._hook._task.done():
        await asyncio.sleep(0)
    release(thing)


class Again(THING.Server):
    """Calls the live reference while what has waited there is passed on."""

    def __init__(self):
        self.seen = []
        self.thing = None
        self.call = None

    def echo(self, x):
        self.seen.append(x)
        if x == 0:
            self.call = self.thing.echo(9)
        return x


async def test_later_calls_do_not_overtake_those_that_wait():
    vat = Vat()
    thing, _ = start(vat)
    calls = [thing.echo(x) for x in range(3)]
    again = Again()
    again.thing = thing
    await vat.asked.wait()
    vat.attempts.pop().resolve(client(again))
    for call in calls:
        await call
    await again.call
    assert again.seen == [0, 1, 2, 9]
    release(thing)


class Taker(SINK.Server):
    def __init__(self):
        self.got = []

    def write(self, x):
        self.got.append(x)


async def test_a_lost_stream_is_told_of_once():
    for by_drained in (False, True):
        vat = Vat()
        told = Told()
        sink = live(vat, URI, SINK, changed=told, first_ms=1, most_ms=4)
        await vat.answer()
        await told.until((True, None))
        await sink.write(1)  # there is room, so this says nothing about its end
        vat.lose()
        await vat.answer()
        await told.until((True, None), (False, "connection lost"), (True, None))
        taker = Taker()
        vat.resolvers[0].resolve(taker)
        try:
            if by_drained:
                await drained(sink)
            else:
                await sink.write(2)
            raise AssertionError("nobody is told that a part is lost")
        except Error as error:
            assert error.type == DISCONNECTED, error
        await sink.write(3)
        await sink.write(4)
        await drained(sink)
        assert taker.got == [3, 4]
        release(sink)


def test_what_is_no_uri():
    for wrong in ("", "http://x", "capnp://localhost"):
        try:
            live(None, wrong, THING)
            raise AssertionError(wrong)
        except ValueError:
            pass
