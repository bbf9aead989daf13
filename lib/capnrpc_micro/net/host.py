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
    _now = time.ticks_ms
    _since = time.ticks_diff
else:

    def _now():
        return int(time.monotonic() * 1000)

    def _since(now, before):
        return now - before


async def tell_time(conn):
    """Tells a connection how time goes by, until it ends."""
    before = _now()
    try:
        left = conn.tick(0)
        while left is not None:
            await asyncio.sleep(left / 1000)
            now = _now()
            left = conn.tick(_since(now, before))
            before = now
    except MemoryError as error:  # else nobody would ever notice that the peer is gone
        conn.abort(error_from(error))


async def wait_for(call, seconds):
    """Awaits a call, but not longer than so many seconds; then the call is cancelled.

    Raises asyncio.TimeoutError. MicroPython's own asyncio.wait_for takes coroutines only.
    """
    return await asyncio.wait_for(_results(call), seconds)


async def _results(call):
    return await call
