# SPDX-License-Identifier: MIT
"""Two connections in memory, without sockets: what one writes the other reads. Runs on MicroPython.

For measurements: as little as can be between a program and the core.
"""


class Host:
    """What a connection needs of an event loop: begins coroutines at once, and keeps those that wait."""

    def __init__(self):
        self.waiting = []

    def start(self, coroutine):
        self.go_on(coroutine)
        return coroutine

    def go_on(self, coroutine):
        """Steps a coroutine until it waits or ends."""
        try:
            coroutine.send(None)
            self.waiting.append(coroutine)
        except StopIteration:
            return

    def cancel(self, coroutine):
        coroutine.close()

    def suspend(self, promise):
        while not promise.settled:
            yield

    def flush_soon(self, conn):
        return


def pause():
    """Suspends the coroutine that awaits it once, until Host.go_on()."""
    yield


def feed(conn, data, process):
    """Gives bytes to a connection as a transport does; process(conn) stands for conn.process()."""
    at = 0
    while at < len(data):
        room = conn.receiver.space()
        n = min(len(room), len(data) - at)
        room[:n] = data[at : at + n]
        at += n
        conn.received(n)
        process(conn)


def process(conn):
    """The usual third argument of feed() and pump()."""
    conn.process()


def pump(source, target, process):
    """Hands all output of one connection to the other."""
    while True:
        data = source.output()
        if data is None:
            return
        feed(target, data, process)
        source.output_sent()
