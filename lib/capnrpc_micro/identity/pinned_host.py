# SPDX-License-Identifier: MIT
"""Layer `identity`: TLS in which both sides show their keys, on CPython. See `pinned`.

OpenSSL asks a client for a certificate only together with checking it, and `ssl` gives no say in
that. So a server makes each client's certificate a trusted one while it arrives, before OpenSSL
looks it up. That needs `SSLContext._msg_callback`, which Python has for debugging: should it go
or change, handshakes fail; none succeeds without a certificate.
"""

import os
import ssl
import tempfile

from . import keys, pem
from .certificate import peer_digest, public_info, wrong_key

_HANDSHAKE = 22
_CERTIFICATE = 11
_TLS_1_3 = 0x0304
_USES = 32  # making a context takes a few milliseconds, a certificate one or two KB
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME


class Pinned:
    """TLS of a vat as a server, or as a client."""

    def __init__(self, key, server, anonymous=False):
        """key: a SecretKey; server: whether peers connect to us, else we to them; anonymous: whether
        a server also takes clients that show no key."""
        der = key.to_der()
        self._pem = pem.encode(keys.guess(der), der) + pem.encode(b"CERTIFICATE", key.certificate)
        self._server = server
        self._anonymous = anonymous
        self._context = None
        self._uses = 0

    def context(self):
        """The ssl.SSLContext for one connection, to be asked for anew for each.

        A server's keeps the certificates that it has met, so it is replaced now and then.
        """
        if self._context is None or (self._server and self._uses >= _USES):
            self._context = self._new_context()
            self._uses = 0
        self._uses += 1
        return self._context

    def digest(self, ssl_object, expected=None):
        """The digest of the peer's key, after the handshake, before anything is sent; None for a
        client that may be anonymous and is.

        ssl_object   an ssl.SSLObject or ssl.SSLSocket
        expected     the only digest that is accepted; None: any

        Raises OSError, WrongKey if it is another one; then the connection is to be closed.
        """
        der = ssl_object.getpeercert(True)
        if der is None:
            if self._anonymous:
                return None
            raise OSError("the peer has not shown a certificate")
        try:
            digest = peer_digest(der)
        except ValueError as error:
            raise OSError("the peer's certificate: %s" % error)
        if expected not in (None, digest):
            raise wrong_key(expected, digest)
        return digest

    def _new_context(self):
        context = ssl.SSLContext(
            ssl.PROTOCOL_TLS_SERVER if self._server else ssl.PROTOCOL_TLS_CLIENT
        )
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # The peer stays who it was in the first handshake.
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
        self._load(context)
        if self._server:
            context.num_tickets = 0
            context.verify_mode = ssl.CERT_OPTIONAL if self._anonymous else ssl.CERT_REQUIRED
            # Not only self-signed certificates, and at any time.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
            context._msg_callback = _truster(context)
        else:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # digest() decides
        return context

    def _load(self, context):
        # The module reads keys from files only; mkstemp() makes one with mode 0600.
        handle, path = tempfile.mkstemp()
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(self._pem)
            context.load_cert_chain(path)
        finally:
            os.unlink(path)


def _truster(context):
    """The callback for what a server's context reads and writes."""

    def message(connection, direction, version, content, kind, data):
        if direction == "read" and content == _HANDSHAKE and kind == _CERTIFICATE:
            der = _first_certificate(data, version)
            if der:
                context.load_verify_locations(cadata=der)

    return message


def _first_certificate(data, version):
    """The peer's own certificate in a Certificate message (RFC 5246, RFC 8446), b"" for none.

    Raises ValueError.
    """
    at = 4  # behind the head
    if version >= _TLS_1_3:
        at += 1 + data[at]  # the context of the request
    at += 3  # the length of the list
    size = int.from_bytes(data[at : at + 3], "big")
    der = data[at + 3 : at + 3 + size]
    if size:
        public_info(der)  # is it a certificate, as a whole?
    return der
