# SPDX-License-Identifier: MIT
"""Layer `net`: who is let in.

A board has few places. Who has connected and says nothing takes none for longer than nobody else
wants it: it costs no buffers and no TLS before something comes from it, and it goes first.
"""

import asyncio

from ..log import INFO, log
from ..objects.promise import DISCONNECTED, OVERLOADED, Error
from ..rpc.connection import abort_frame
from ..words import const
from .host import HOST, now, since
from .links import UNIX, pump

_LEAVING = const(4)  # peers that are told at the same time why they are not let in; others are not
_MINUTE_MS = const(60000)
_NO_MEMORY = "no memory for another connection"


class _Guest:
    """A peer that has connected, for as long as there is no connection with it yet.

    heard   whether something has come from it
    why     why it was not let in, when that has been decided
    """

    task = why = None
    begun = heard = False

    def __init__(self, stream, name):
        self.stream = stream
        self.name = name
        self.since = now()


class Server:
    """Lets peers connect.

    links      the connections, as Links
    accepted   how many peers have connected so far
    refused    how many were turned away: `limits.connections` were open, there was no memory, their
              TLS handshake failed, or they said nothing
    """

    def __init__(self, links, on_link=None, on_closed=None):
        """links: how connections are made, net.links.Links; on_link(link) is called with each new
        one, on_closed(link) when it is gone."""
        self.links = []
        self.accepted = self.refused = 0
        self._guests = []  # the first is who has waited longest
        self._leaving = 0
        self._minute = now()
        self._handshakes = 0  # that have begun in it
        self._watch = None
        self._new = links
        self._on_link = on_link
        self._on_closed = on_closed
        self._listener = None

    async def start(self, host, port):
        """Begins to listen. Raises OSError."""
        # As many may knock as may be inside, and one to be told that they are too many.
        backlog = self._new.limits.connections + 1
        if host.startswith(UNIX):
            from . import unix

            self._listener = await unix.start_server(self._accept, host[len(UNIX) :], backlog)
        else:
            self._listener = await pump.start_server(self._accept, host, port, backlog)

    def _accept(self, stream):
        self.accepted += 1
        limit = self._new.limits.connections
        if not self._has_place(limit):
            self._turn_away(stream, "too many connections: the limit is %d" % limit)
            return
        try:
            guest = _Guest(stream, str(self.accepted - 1))
            guest.task = HOST.start(self._admit(guest))
            self._guests.append(guest)
            if self._watch is None and self._new.limits.first_ms:
                self._watch = HOST.start(self._watch_guests())
        except MemoryError:
            self._turn_away(stream, _NO_MEMORY)

    def _has_place(self, limit):
        guests = self._guests
        if len(guests) + len(self.links) < limit:
            return True
        why = "another peer needs the place: the limit is %d connections" % limit
        for guest in guests:
            if not guest.heard:
                self._evict(guest, why)
                return True
        if guests:
            self._evict(guests[0], why)
            return True
        for link in self.links:
            if link.conn.first_ms and not link.conn.most_answers:
                self._closed(link)
                link.conn.lost(why)
                return True
        return False

    async def _admit(self, guest):
        guest.begun = True
        new = self._new
        try:
            await pump.readable(guest.stream)
            guest.heard = True
            if new.secure is not None and not self._may_shake_hands():
                why = "too many TLS handshakes: the limit is %d a minute" % new.limits.handshakes
            else:
                link = await new.open(guest.stream, guest.name, self._closed, True)
                self._guests.remove(guest)
                if not link.closed.is_set():
                    self.links.append(link)
                    if self._on_link is not None:
                        self._on_link(link)
                return
        except MemoryError:
            why = _NO_MEMORY
        except OSError as error:
            why = str(error)
        except asyncio.CancelledError:
            why = guest.why
            if why is None:
                raise
        if guest in self._guests:
            self._guests.remove(guest)
        self._turn_away(guest.stream, why)

    def _may_shake_hands(self):
        present = now()
        if since(present, self._minute) >= _MINUTE_MS:
            self._minute = present
            self._handshakes = 0
        self._handshakes += 1
        return self._handshakes <= self._new.limits.handshakes

    async def _watch_guests(self):
        limit = self._new.limits.first_ms
        while self._guests:
            left = limit - since(now(), self._guests[0].since)
            if left > 0:
                await asyncio.sleep(left / 1000)
            else:
                self._evict(self._guests[0], "no message came within %d ms" % limit)
        self._watch = None

    def _evict(self, guest, why):
        self._guests.remove(guest)
        guest.why = why
        HOST.cancel(guest.task)
        if not guest.begun:  # else its task closes what it has opened, and then this
            self._turn_away(guest.stream, why)

    def _turn_away(self, stream, why):
        self.refused += 1
        log(INFO, why)
        # A peer that expects TLS would not understand.
        if self._new.secure is None and self._leaving < _LEAVING:
            try:
                HOST.start(self._refuse(stream, abort_frame(Error(why, OVERLOADED))))
                return
            except MemoryError:
                pass  # not even for telling so
        pump.drop(stream)

    async def _refuse(self, stream, frame):
        self._leaving += 1
        await pump.refuse(stream, frame)
        self._leaving -= 1

    def _closed(self, link):
        if link in self.links:
            self.links.remove(link)
            if self._on_closed is not None:
                self._on_closed(link)

    async def close(self, why="the vat is shut down"):
        """Stops listening and ends all connections, telling the peers why."""
        self._listener.close()
        while self._guests:
            self._evict(self._guests[0], why)
        links = list(self.links)
        for link in links:
            link.conn.abort(Error(why, DISCONNECTED))
        for link in links:
            await link.closed.wait()
        await self._listener.wait_closed()  # now somebody else can listen there

    async def wait_closed(self):
        """Waits until close() has been called and is done: forever on most boards."""
        await self._listener.wait_closed()
