# SPDX-License-Identifier: MIT
"""serve(): objects of pycapnp's for boards, and everybody else, to reach."""

import os
import socket

import capnp

from capnrpc_micro.identity.address import Address
from capnrpc_micro.identity.secret_key import SecretKey

from . import tls
from .gateway import Services

_UNIX = "unix:"
_EVERYWHERE = ("0.0.0.0", "::")


async def serve(
    listen, bootstrap=None, *, services=None, key=None, insecure=False, public=None, timeout=30
):
    """Serves objects of pycapnp's. Returns a Server that serves until it is closed.

    listen      "HOST:PORT", "[IPv6]:PORT" (port 0: a free one) or "unix:/PATH"
    bootstrap   the server object that everybody gets who connects
    services    instead: a dict from ids, bytes, to server objects; a gateway gives them out
    key         a SecretKey, or the path of its file, which is made if it is missing; None: a new
                key, so that URIs are good for this once
    insecure    whether there is no TLS
    public      what URIs say instead of `listen`
    timeout     seconds that a peer has for TLS's handshake

    Raises OSError and ValueError. capnp.run() or capnp.kj_loop() must be running.
    """
    if (bootstrap is None) == (services is None):
        raise ValueError("serve one object, or services with ids")
    if key is None:
        key = SecretKey.generate()
    elif not isinstance(key, SecretKey):
        key = SecretKey.load(os.fspath(key), create=True)
    gateway = None
    if services is not None:
        gateway = bootstrap = Services()
        for id, thing in services.items():
            gateway.add(id, thing)
    server = Server(bootstrap, gateway, key, insecure)
    await server._start(listen, public, timeout)
    return server


class Server:
    """What serve() returns; closed in the end, by `async with` or close().

    key           its SecretKey
    connections   how many are open
    """

    def __init__(self, bootstrap, gateway, key, insecure):
        self.key = key
        self._bootstrap = bootstrap
        self._gateway = gateway
        self._insecure = insecure
        self._streams = set()
        self._where = None
        self._listener = None
        self._path = None  # of the Unix socket

    @property
    def connections(self):
        return len(self._streams)

    def address(self, id=b""):
        """The Address of the service with an id. Raises ValueError."""
        if not isinstance(self._where, str) and self._where[0] in _EVERYWHERE:
            raise ValueError("listening everywhere: say in `public` how others reach this host")
        return Address(None if self._insecure else self.key.digest, self._where, id)

    def uri(self, id=b""):
        """The URI of the service with an id, a secret. Raises ValueError."""
        return self.address(id).uri()

    def offer(self, thing, name):
        """Adds a service whose id is derived from the key and a name. Returns its URI.

        Raises ValueError.
        """
        if self._gateway is None:
            raise ValueError("this server has one object and no services")
        id = self.key.derived_id(name)
        self._gateway.add(id, thing)
        return self.uri(id)

    async def _start(self, listen, public, timeout):
        options = {}
        if not self._insecure:
            options = {"ssl": tls.ServerContext(self.key), "ssl_handshake_timeout": timeout}
        create = capnp.AsyncIoStream.create_server
        where = _parsed(listen, True)
        if isinstance(where, str):
            create = capnp.AsyncIoStream.create_unix_server
            self._listener = await create(self._connected, where, **options)
            self._path = where
        else:
            family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
            sock = socket.create_server(where, family=family)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
            try:
                self._listener = await create(self._connected, sock=sock, **options)
            except BaseException:
                sock.close()
                raise
            where = (where[0], sock.getsockname()[1])
        self._where = _parsed(public, False) if public else where

    async def _connected(self, stream):
        self._streams.add(stream)
        try:
            await capnp.TwoPartyServer(stream, bootstrap=self._bootstrap).on_disconnect()
        finally:
            self._streams.discard(stream)

    async def close(self):
        """Ends listening and all connections."""
        self._listener.close()
        for stream in self._streams:
            stream.close()
        self._streams.clear()
        if self._path and os.path.exists(self._path):
            os.unlink(self._path)
            self._path = None

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, trace):
        await self.close()


def _parsed(text, zero):
    """(host, port), or the path of a Unix socket. Raises ValueError."""
    if text.startswith(_UNIX):
        return text[len(_UNIX) :]
    host, colon, port = text.rpartition(":")
    if host[:1] == "[" and host[-1:] == "]":
        host = host[1:-1]
    if not (host and colon and port.isdecimal()) or not int(port) + zero:
        raise ValueError("expected HOST:PORT, [IPv6]:PORT or unix:/PATH")
    return host, int(port)
