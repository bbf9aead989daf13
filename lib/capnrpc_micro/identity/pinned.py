# SPDX-License-Identifier: MIT
"""Layer `identity`: TLS in which both sides show their keys, on MicroPython.

No authority signs certificates here. A client knows the digest of the server's key and takes no
other; a server takes any client's key and learns its digest, which says who the client is.
"""

from asyncio import core

import tls

from ..words import const
from .certificate import peer_digest, wrong_key

# MBEDTLS_ERR_X509_FATAL_ERROR. Not 1: the socket takes a positive result for a number of bytes.
_REFUSED = const(-0x3000)


class Pinned:
    """TLS of a vat as a server, or as a client.

    All connections share one context, 5 KB. A context's callback is not told which connection it
    is called for; but it is called while one of them reads, and only in handshake().
    """

    def __init__(self, key, server, anonymous=False):
        """key: a SecretKey; server: whether peers connect to us, else we to them; anonymous: whether
        a server also takes clients that show no key."""
        kind = tls.PROTOCOL_TLS_SERVER if server else tls.PROTOCOL_TLS_CLIENT
        self._context = tls.SSLContext(kind)
        self._context.load_cert_chain(key.certificate, key.to_der())
        # Here CERT_OPTIONAL means: ask for a certificate, let the callback judge. With CERT_NONE
        # it is not called, with CERT_REQUIRED no self-signed certificate is taken.
        self._context.verify_mode = tls.CERT_OPTIONAL
        self._context.verify_callback = self._check
        self._server = server
        self._anonymous = anonymous
        self._reading = False
        self._expected = None
        self._seen = None  # a digest that was accepted
        self._wrong = None  # another one that was met

    def wrap(self, socket):
        """The TLS socket over a connected, non-blocking socket; its handshake is still to come.

        Takes about 23 KB of heap. In the end close both, this one first: after a handshake that
        failed, its close() leaves the one below open. Raises OSError (ENOMEM).
        """
        return self._context.wrap_socket(
            socket, server_side=self._server, do_handshake_on_connect=False
        )

    def handshake(self, s, buffer, digest=None):
        """Awaited, lets a TLS socket and its peer show each other their keys.

        s        what wrap() has returned
        buffer   where bytes go that the peer sends at once
        digest   the only one that is accepted; None: any

        Returns (the digest of the peer's key, how many bytes are in the buffer); None for the digest
        of a client that may be anonymous and is. A server waits for the peer's first bytes, which
        prove that it has the key. A client returns earlier: what it writes then leaves the socket
        only when the server has proved it. Raises OSError, WrongKey if it is another key; then
        nothing was sent and both sockets are to be closed.
        """
        # async
        seen = None
        while True:
            self._reading = True
            self._expected = digest
            self._seen = None
            self._wrong = None
            try:
                n = s.readinto(buffer)
            except OSError:
                if self._wrong is None:
                    raise
            finally:
                self._reading = False
            if self._wrong is not None:
                raise wrong_key(digest, self._wrong)
            seen = self._seen or seen
            if n == 0:
                raise OSError("the peer has closed the connection during the handshake")
            if n is not None or (seen and not self._server):
                break
            yield core._io_queue.queue_read(s)
        if seen is None and not self._anonymous:
            raise OSError("the peer has not shown a certificate")
        return seen, n or 0

    def _check(self, der, depth):
        if depth:
            return 0  # what follows the peer's own certificate has no meaning
        try:
            digest = peer_digest(der)
        except Exception:  # nothing may be raised through mbedTLS
            return _REFUSED
        if not self._reading:
            return _REFUSED
        if self._expected not in (None, digest):
            self._wrong = digest
            return _REFUSED
        self._seen = digest
        return 0
