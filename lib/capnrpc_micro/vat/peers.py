# SPDX-License-Identifier: MIT
"""Layer `vat`: the connections with other vats.

With one vat, which is who has one key, there is one connection, whoever made it. Connections
without TLS are never shared, as nobody knows who is at the other end.
"""

import asyncio

from ..identity.address import Address
from ..net.host import HOST, now, since
from ..net.links import pump
from ..objects.promise import DISCONNECTED, Error, Promise, again, error_from
from ..words import const
from .config import host_and_port

_SOON_MS = const(500)


class Peers:
    """The connections of a vat.

    links   how they are made, a net.links.Links
    own     fn() that gives the digest of the vat's own key
    """

    def __init__(self, links, own):
        links.unused_ms = links.limits.unused_ms
        self._links = links
        self._own = own
        self._shared = {}  # by digest: (link, whether we have made it, since when it is there)
        self._dialling = {}  # by digest: a Promise of a Link
        self._dialled = []
        self._closed_for = None  # an Error, when no connection is made any more

    async def link(self, address):
        """The Link to whom an Address leads to, a new one if there is none. Raises Error."""
        if self._closed_for is not None:
            raise again(self._closed_for)
        digest = address.digest
        if digest is None:
            return await self._dial(address)
        link = self._live(digest)
        if link is not None:
            return link
        promise = self._dialling.get(digest)
        if promise is None:
            promise = self._dialling[digest] = Promise(HOST)
            HOST.start(self._dial_shared(address, promise))
        return await promise

    def _live(self, digest):
        entry = self._shared.get(digest)
        return None if entry is None or entry[0].conn.error is not None else entry[0]

    async def _dial_shared(self, address, promise):
        try:
            promise.resolve(self.met(await self._dial(address), True))
        except Error as error:
            promise.reject(error)
        except MemoryError as error:
            promise.reject(error_from(error))
        finally:
            self._dialling.pop(address.digest)
            promise.reject(Error("the attempt to connect was ended", DISCONNECTED))

    async def _dial(self, address):
        # Who cannot be reached, and who is too slow.
        limit = self._links.limits.first_ms
        call = self._connect(address)
        try:
            link = await (asyncio.wait_for(call, limit / 1000) if limit else call)
        except asyncio.TimeoutError:
            text = "%s has not answered within %d ms" % (Address(None, address.where), limit)
            raise Error(text, DISCONNECTED)
        if not link.closed.is_set():
            self._dialled.append(link)
        return link

    async def _connect(self, address):
        links = self._links
        stream = None
        try:
            stream = await links.dial(*host_and_port(address.where))
            return await links.open(stream, "", self._closed, False, address.digest)
        except BaseException as error:
            if stream is not None:
                pump.drop(stream)
            if not isinstance(error, OSError):
                raise
            from .diagnosis import error_of

            raise error_of(address, error, stream is not None)

    def met(self, link, dialled):
        """There is a new connection with the vat that has the key link.peer, which we have made
        (`dialled`) or it. Returns the Link to use.

        Of two that were made at the same time, one by each vat, the one is used that was made by the
        vat with the greater digest, here and in OCaml's capnp-rpc. It closes the other one; here that
        ends when nobody refers to anything over it any more.
        """
        digest = link.peer
        old = self._shared.get(digest)
        keep = (link, dialled, now())
        if old is not None and old[0].conn.error is None and old[1] != dialled:
            limit = self._links.limits.first_ms
            if not limit or since(keep[2], old[2]) < limit:
                other = old
                if dialled != (self._own() > digest):
                    keep, other = other, keep
                other[0].conn.unused_ms = _SOON_MS
        self._shared[digest] = keep
        return keep[0]

    def _closed(self, link):
        if link in self._dialled:
            self._dialled.remove(link)
        self.gone(link)

    def gone(self, link):
        """A connection is closed."""
        entry = self._shared.get(link.peer)
        if entry is not None and entry[0] is link:
            self._shared.pop(link.peer)

    async def close(self, error):
        """Ends all connections that we have made, telling the peers why."""
        self._closed_for = Error(error.reason)
        links = list(self._dialled)
        for link in links:
            link.conn.abort(error)
        for link in links:
            await link.closed.wait()
