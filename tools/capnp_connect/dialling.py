# SPDX-License-Identifier: MIT
"""From an Address to a stream of pycapnp's, over TCP or a Unix socket, with TLS or without."""

import asyncio
import os
import socket
import sys

import capnp

from capnrpc_micro.identity.secret_key import SecretKey

from . import tls
from .errors import HandshakeFailed, NotTls, Unreachable, WrongKey

_IDLE = 60  # seconds after which the system asks whether a silent peer is still there
_FAREWELL = 5  # seconds that a peer has to close TLS in turn


async def dial(address, key, stage, patience):
    """A capnp.AsyncIoStream to who listens at an Address and has its key.

    key        a SecretKey to show, None for a new one
    stage      a function that is told what goes on
    patience   seconds for the handshake, None for no limit

    Raises ConnectError.
    """
    stage("connecting")
    sock = await _connected(address)
    options = {}
    context = None
    if address.digest is not None:
        stage("in the TLS handshake")
        context = tls.client_context(key or SecretKey.generate(), address.digest)
        options = {"ssl": context, "server_hostname": ""}
        if patience is not None:
            options["ssl_handshake_timeout"] = patience + 1  # the caller's own limit comes first
        if sys.version_info >= (3, 11):
            options["ssl_shutdown_timeout"] = _FAREWELL
    create = capnp.AsyncIoStream.create_connection
    if sock.family == socket.AF_UNIX:
        create = capnp.AsyncIoStream.create_unix_connection
    try:
        stream = await create(sock=sock, **options)
    except RuntimeError:  # pycapnp's event loop does not run
        sock.close()
        raise
    except tls.UnexpectedKey as error:
        raise WrongKey(address.digest, error.met) from None
    except OSError as error:
        if tls.is_not_tls(error):
            raise NotTls(
                "expected was TLS, but the peer answers with something else (%s)" % error.reason
            ) from None
        refusal = tls.refusal(error)
        if refusal:
            raise HandshakeFailed("the TLS handshake failed: %s" % refusal) from None
        raise HandshakeFailed(
            "the peer has closed the connection in the TLS handshake: "
            "it refuses us, or it does not speak TLS"
        ) from None
    if context and context.seen != address.digest:
        # An event loop that makes its connections otherwise than asyncio does.
        stream.close()
        raise HandshakeFailed("the event loop has not let us see the peer's key")
    return stream


async def _connected(address):
    """A connected, non-blocking socket. Raises Unreachable."""
    loop = asyncio.get_running_loop()
    where = address.where
    try:
        if isinstance(where, str):
            return await _connect(socket.AF_UNIX, where)
        found = await loop.getaddrinfo(*where, type=socket.SOCK_STREAM)
    except OSError as error:
        raise _unreachable(where, error) from None
    first = None
    for family, _, _, _, name in found:
        try:
            sock = await _connect(family, name)
        except OSError as error:
            first = first or error
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE)
        return sock
    raise _unreachable(where, first) from None


def _unreachable(where, error):
    where = where if isinstance(where, str) else "%s port %d" % where
    # Names that are not found have no errno; asyncio's own texts repeat the address.
    known = isinstance(error.errno, int) and error.errno > 0
    said = os.strerror(error.errno) if known else error.strerror or str(error)
    return Unreachable("%s cannot be reached: %s" % (where, said))


async def _connect(family, name):
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, name)
    except BaseException:
        sock.close()
        raise
    return sock
