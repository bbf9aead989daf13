# SPDX-License-Identifier: MIT
"""Layer `vat`: a vat: a key, services that others reach by their URIs, and connections to others."""

import asyncio

from ..identity.address import Address
from ..net.host import HOST
from ..net.links import Links
from ..objects.capability import hook_of
from ..objects.client import Client, release
from ..objects.operations import settled
from ..objects.promise import DISCONNECTED, Error, error_from
from ..schema import Capability
from ..words import const
from .config import VatConfig, host_and_port
from .peers import Peers

_ATTEMPTS = const(4)  # to connect, when the connection was lost before the service was there
_PAUSE_S = 0.05


class Vat:
    """A vat.

        vat = Vat(listen="0.0.0.0:7000", key="/capnp/key.pem")
        print(vat.offer(Sensor(), "thermometer"))
        await vat.serve()

    config     a VatConfig
    restorer   where services are looked up by their ids, a Table unless another was given
    store      a FileStore, or None
    server     the connections that others have made, a net.server.Server; None until it listens
    """

    def __init__(
        self,
        listen=None,
        key=None,
        store=None,
        *,
        public=None,
        tls=True,
        anonymous=False,
        limits=None,
        config=None,
        restorer=None,
        loader=None,
        main=None,
        tails=False,
        dump=None,
    ):
        """The first arguments, and public, tls, anonymous and limits, are those of VatConfig; or
        `config` is one.

        store      path of the folder of a FileStore, for the vat's own use
        restorer   an object with restore(id: bytes), see restorer.py; by default a Table
        loader     what that Table loads services with that are not in it, see restorer.Table
        main       the object that the empty id leads to, for everybody who reaches the vat; by
                   default the gateway, which restores what the holder of an id asks it for, see
                   gateway.py
        tails, dump   as for serve()

        Raises ValueError, and TypeError.
        """
        self.config = config or VatConfig(listen, public, key, tls, anonymous, limits)
        if restorer is None:
            from .restorer import Table

            restorer = Table(self.sturdy_ref, loader)
        self.restorer = restorer
        self.store = None
        if store is not None:
            from .file_store import FileStore

            self.store = FileStore(store)
        self._main = None if main is None else _keep(main)
        self.server = None
        self._closed = asyncio.Event()
        config = self.config
        common = (self._restore, config.limits, tails, dump)
        self._inward = Links(*common, config.tls_inward if config.tls else None)
        self._peers = Peers(Links(*common, config.tls_outward), self._own_digest)

    def _own_digest(self):
        return self.config.secret_key.digest

    def _restore(self, id):
        if id:
            return self.restorer.restore(id)
        if self._main is None:
            from .gateway import GatewayServer

            self._main = _keep(GatewayServer(self.restorer))
        return self._main

    # Services.

    def offer(self, capability, name, public=False, revocable=False, persistent=False):
        """Offers an object, or what a Client refers to, as a service. Returns its URI, a str.

        name     tells apart the services of this vat. Who has the URI may use the service; it
                 stays the same for the same name as long as the vat's key does
        public   whether everybody who reaches the vat may use it who knows its name
        revocable    whether withdraw() can take it back from who has got it: it is behind a membrane
        persistent   whether who has got it can ask it for its URI, see persistence.save()

        Raises ValueError if this vat has offered that name, or has no address.
        """
        address = self.config.address
        id = self.service_id(name, public)
        uri = address.with_service(id).uri()
        if not persistent:
            self.restorer.add(id, capability, revocable)
            return uri
        from .persistence import persistent as with_sturdy_ref

        client = with_sturdy_ref(capability, self.sturdy_ref(id))
        try:
            self.restorer.add(id, client, revocable)
        finally:
            release(client)
        return uri

    def withdraw(self, name, public=False, revoke=False):
        """Ends offer(): nobody gets the service any more. With `revoke` it also breaks for those who
        have it. Raises KeyError if it is not offered, ValueError if it is not revocable."""
        self.restorer.remove(self.service_id(name, public), revoke)

    def service_id(self, name, public=False):
        """The id, bytes, of the service that is offered under a name."""
        return name.encode() if public else self.config.secret_key.derived_id(name)

    def sturdy_ref(self, service):
        """The SturdyRef of a service: of this vat's by its id, bytes; of any vat's by its URI, as a str or
        in a field of type AnyPointer, as it stands in messages. Raises ValueError, MessageError."""
        from .sturdy_ref import SturdyRef

        if hasattr(service, "as_"):
            from ..types import Text

            service = service.as_(Text)
        if isinstance(service, str):
            return SturdyRef(self, Address.parse(service))
        return SturdyRef(self, self.config.address.with_service(service))

    # Connections.

    async def start(self):
        """Begins to listen. Raises OSError, and ValueError if there is nowhere to listen."""
        from ..net.server import Server

        if self.config.listen is None:
            raise ValueError("the vat listens nowhere: give it `listen`")
        if self.config.tls:
            self.config.tls_inward(None)  # the key is read, or made, before anybody waits for it
        server = Server(self._inward, self._peer_has_connected, self._peers.gone)
        await server.start(*host_and_port(self.config.listen))
        self.server = server

    async def serve(self):
        """Listens, unless start() has begun that, until close() is called. Raises as start() does."""
        if self.server is None:
            await self.start()
        await self._closed.wait()

    def _peer_has_connected(self, link):
        if link.peer is not None:
            self._peers.met(link, False)

    async def connect(self, service, interface=Capability):
        """A Client of a service, to be released; waits until it is there.

        service   its URI, an Address or a SturdyRef

        Raises Error: DISCONNECTED for what may go better next time, FAILED if there is no such
        service or another vat answers; ValueError for what is no URI.
        """
        address = service
        if isinstance(service, str):
            address = Address.parse(service)
        elif not isinstance(service, Address):
            address = service.address
        own = address.digest is not None and address.digest == self._own_digest()
        for attempt in range(_ATTEMPTS):
            if own:
                conn = None
                client = Client(self._own(address.service).retain(), interface)
            else:
                conn = (await self._peers.link(address)).conn
                client = conn.bootstrap(interface, address.service)
            try:
                await settled(client)
                return client
            except Error as error:
                release(client)
                # The connection may have been a duplicate, or one that was lost before we noticed.
                lost = conn is not None and conn.error is not None
                if not lost or error.type != DISCONNECTED or attempt == _ATTEMPTS - 1:
                    if not lost or conn.most_imports:
                        raise
                    from .diagnosis import said_nothing

                    raise said_nothing(address, error)
            except BaseException:
                release(client)
                raise
            await asyncio.sleep(_PAUSE_S * attempt)

    def _own(self, id):
        try:
            return hook_of(self._restore(id), HOST)
        except Exception as error:  # as it would reach a peer
            raise error_from(error)

    def live(self, service, interface=Capability, **settings):
        """A Client of a service that connects again by itself; its settings: see live.live()."""
        from .live import live

        return live(self, service, interface, **settings)

    async def close(self, why="the vat is shut down"):
        """Stops to listen, ends all connections, telling the peers why, and lets go of what the
        restorer holds."""
        if self.server is not None:
            await self.server.close(why)
        await self._peers.close(Error(why, DISCONNECTED))
        if hasattr(self.restorer, "clear"):
            self.restorer.clear()
        if self._main is not None:
            release(self._main)
            self._main = None
        self._closed.set()


def _keep(capability):
    return Client(hook_of(capability, HOST).retain(), Capability)
