# SPDX-License-Identifier: MIT
"""TLS with pinned keys for the streams of pycapnp, which get an SSLContext and nothing else.

asyncio makes the SSLObject of a connection by its context and ends a connection whose handshake
raises SSLError. So the context is told to make objects whose handshake also looks at the peer's
key: a stream whose peer has another one never comes into being, and nothing is sent on it.
"""

import ssl

from capnrpc_micro.identity.certificate import peer_digest
from capnrpc_micro.identity.pinned_host import Pinned

# What OpenSSL says when it meets something else than TLS's records.
_NOT_TLS = {
    *("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "RECORD_LAYER_FAILURE"),
    *("PACKET_LENGTH_TOO_LONG", "RECORD_TOO_SMALL", "BAD_RECORD_TYPE", "UNEXPECTED_RECORD"),
}


class UnexpectedKey(ssl.SSLError):
    """The peer has another key. `met` is its digest."""


def _checking(expected):
    """A class of SSLObjects whose handshakes succeed only with this digest; None: with any."""

    class Checking(ssl.SSLObject):
        def do_handshake(self):
            try:
                super().do_handshake()
                der = self.getpeercert(True)
                if der is None:
                    raise ssl.SSLError("the peer has not shown a certificate")
                met = peer_digest(der)
            except ValueError as error:
                if isinstance(error, ssl.SSLError):
                    raise
                raise ssl.SSLError("the peer's certificate: %s" % error) from None
            if expected not in (None, met):
                error = UnexpectedKey("the peer's key is not the one that was expected")
                error.met = met
                raise error
            self.context.seen = met

    return Checking


def client_context(key, expected):
    """The context for one connection to a peer whose digest is expected, 32 bytes.

    key   a SecretKey, which is shown to the peer

    Its attribute `seen` is that digest once the peer has proved that it has the key.
    """
    context = Pinned(key, False).context()
    context.seen = None
    context.sslobject_class = _checking(expected)
    return context


class ServerContext(ssl.SSLContext):
    """A context for all connections of a server, whose clients all have to show a key."""

    def __new__(cls, key):
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self, key):
        self._pinned = Pinned(key, True)

    def wrap_bio(self, *arguments, **options):
        # `Pinned` wants to be asked for each connection.
        context = self._pinned.context()
        context.sslobject_class = _checking(None)
        return context.wrap_bio(*arguments, **options)


def is_not_tls(error):
    """Whether an OSError of a handshake says that the peer speaks something else."""
    return getattr(error, "reason", None) in _NOT_TLS


def refusal(error):
    """What the OSError of a handshake says in TLS's words; "" if the peer has just gone."""
    if isinstance(error, ssl.SSLEOFError) or not isinstance(error, ssl.SSLError):
        return ""
    return getattr(error, "reason", None) or str(error.args[-1])
