# SPDX-License-Identifier: MIT
"""connect(): from a capnp:// URI to a capability of pycapnp's."""

import asyncio
import re

import capnp

from capnrpc_micro.identity.address import Address

from .dialling import dial
from .errors import (
    Expired,
    HandshakeFailed,
    Lost,
    NoGateway,
    NotCapnp,
    Refused,
    UnknownService,
    peers_text,
)
from .gateway import UNKNOWN, Gateway

_REMOTE = "remote exception: "  # what pycapnp puts before what a peer has said
_MALFORMED = "expected "  # how its texts begin when it met bytes that make no sense
_ALERT = re.compile(r"\[SSL: (\w+)\]")


class connect:
    """The service that a URI stands for, as a capability of pycapnp's.

    cap = await connect(uri, Interface)
    async with connect(uri, Interface) as cap: ...

    uri         a str, or an Address
    interface   what pycapnp has loaded from a schema
    key         a SecretKey to show to the peer; None: a new one
    timeout     seconds for all of it, None for no limit

    The service has been found and the peer's key checked when this returns. The connection ends
    with the `async with`, else when `cap` and what was made of it by cast_as() are gone;
    capabilities in results of calls do not keep it. Raises ConnectError, and ValueError for what
    is not a URI. capnp.run() or capnp.kj_loop() must be running.
    """

    def __init__(self, uri, interface, *, key=None, timeout=30):
        self._address = uri if isinstance(uri, Address) else Address.parse(uri)
        self._interface = interface
        self._key = key
        self._timeout = timeout
        self._stage = ""
        self._stream = None
        self._client = None

    def __repr__(self):
        return "connect(%r)" % self._address

    def __await__(self):
        return self._connect().__await__()

    async def __aenter__(self):
        return await self._connect()

    async def __aexit__(self, kind, error, trace):
        self._close()

    def _close(self):
        if self._client:
            self._client.close()
        if self._stream:
            self._stream.close()
        self._client = self._stream = None

    def _now(self, stage):
        self._stage = stage

    async def _connect(self):
        try:
            found = await asyncio.wait_for(self._find(), self._timeout)
        except asyncio.TimeoutError:
            self._close()
            raise Expired(
                "no answer within %g seconds while %s" % (self._timeout, self._stage)
            ) from None
        except BaseException:
            self._close()
            raise
        return found

    async def _find(self):
        address = self._address
        self._stream = await dial(address, self._key, self._now, self._timeout)
        self._now("waiting for the service")
        self._client = capnp.TwoPartyClient(self._stream)
        main = self._client.bootstrap()
        try:
            results = await main.cast_as(Gateway).restore(address.service)
            cap = results.cap.as_interface(self._interface)
            # What pycapnp calls a capability's parent lives as long as it, and so the connection.
            cap._parent = self._client
            return cap
        except capnp.KjException as error:
            if error.type == "UNIMPLEMENTED" and not address.service:
                return main.cast_as(self._interface)
            raise _explained(error, address) from None


def _explained(error, address):
    """The ConnectError for the error that restoring has ended with."""
    text = peers_text(error, address.service)
    remote = error.description.startswith(_REMOTE)
    if error.type == "UNIMPLEMENTED":
        return NoGateway(
            "the vat serves no gateway at its empty id, so only its main service can be reached"
        )
    if remote and UNKNOWN in text:
        return UnknownService("the vat knows no service with this id (%s)" % UNKNOWN)
    if remote:
        return Refused("the vat refuses: %s (%s)" % (text, error.type.lower()), error.type)
    alert = _ALERT.search(text)
    if alert:  # in TLS 1.3 a client has done its part before the server has judged it
        return HandshakeFailed("the TLS handshake failed: %s" % alert[1])
    if not text.startswith(_MALFORMED):
        hint = "; does it take any client's key?"
        if address.digest is None:
            hint = "; if it expects TLS, its URI has a digest"
        return Lost("the peer has closed the connection before it answered" + hint)
    return NotCapnp("expected was Cap'n Proto RPC, but the peer sends something else")
