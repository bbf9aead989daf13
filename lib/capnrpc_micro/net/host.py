# SPDX-License-Identifier: MIT
"""Layer `net`: asyncio as the host of connections (see rpc.connection)."""

import asyncio
import time

from ..objects.promise import Promise, error_from
from ..words import MICROPYTHON


class AsyncioHost:
    """Runs handlers as asyncio tasks."""

    def __init__(self):
        self._tasks = set()  # asyncio itself holds tasks only weakly on CPython

    def start(self, coroutine):
        """Starts a task; returns it."""
        task = asyncio.create_task(coroutine)
        if not MICROPYTHON:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return task

    def cancel(self, task):
        """Cancels a task, unless it is the one that runs: a handler may end its own connection."""
        if task is not asyncio.current_task():
            task.cancel()

    def suspend(self, promise):
        """Waits until a promise is settled."""
        event = asyncio.Event()
        promise.then(lambda _: event.set())
        wait = event.wait()
        yield from wait if MICROPYTHON else wait.__await__()

    def flush_soon(self, conn):
        """Messages wait in conn.output()."""
        conn.link.flush_soon()


HOST = Promise.host = AsyncioHost()

if MICROPYTHON:
    now = time.ticks_ms
    since = time.ticks_diff
else:

    def now():
        """The time in ms, of some clock."""
        return int(time.monotonic() * 1000)

    def since(now, before):
        """The ms between two times."""
        return now - before


async def tell_time(conn):
    """Tells a connection how time goes by, until it ends."""
    before = now()
    try:
        left = conn.tick(0)
        while left is not None:
            await asyncio.sleep(left / 1000)
            present = now()
            left = conn.tick(since(present, before))
            before = present
    except MemoryError as error:  # else nobody would ever notice that the peer is gone
        conn.abort(error_from(error))


async def wait_for(call, seconds):
    """Awaits a call, but not longer than so many seconds; then the call is cancelled.

    Raises asyncio.TimeoutError. MicroPython's own asyncio.wait_for takes coroutines only.
    """
    return await asyncio.wait_for(_results(call), seconds)


async def _results(call):
    return await call
