# SPDX-License-Identifier: MIT
"""What can go wrong on the way to a service: one class for each, and no secret in any text."""

import string

from capnrpc_micro.identity import base64url
from capnrpc_micro.identity.address import digest_text

_PRINTED = set(string.printable) - set("\t\n\r\x0b\x0c")
_MOST = 300  # letters of a peer's text that are repeated
_SECRET = 16  # ids with fewer bytes are names, whose letters stand in many texts


class ConnectError(Exception):
    """The service cannot be had. `status` is the exit status of the command."""

    status = 3


class Unreachable(ConnectError):
    """Nobody answers at the address."""


class Lost(ConnectError):
    """The peer has closed the connection before it has answered."""


class Expired(ConnectError):
    """It took too long."""


class NotCapnp(ConnectError):
    """The peer does not speak Cap'n Proto RPC."""


class NotTls(ConnectError):
    """The peer does not speak TLS."""

    status = 4


class HandshakeFailed(ConnectError):
    """The peer, or this side, has refused TLS's handshake."""

    status = 4


class WrongKey(ConnectError):
    """The peer has another key than the URI says. `expected` and `met` are digests, 32 bytes."""

    status = 4

    def __init__(self, expected, met):
        super().__init__(
            "the peer's key is %s, expected was %s" % (digest_text(met), digest_text(expected))
        )
        self.expected = expected
        self.met = met


class UnknownService(ConnectError):
    """The vat has no service with this id."""

    status = 5


class NoGateway(ConnectError):
    """The vat does not restore services for pycapnp."""

    status = 5


class Refused(ConnectError):
    """The vat has answered with another error. `type` is the protocol's, as pycapnp writes it."""

    status = 5

    def __init__(self, text, type):
        super().__init__(text)
        self.type = type


def peers_text(error, service=b""):
    """What a peer's error says, in one line, without pycapnp's additions and without the id.

    error     a capnp.KjException
    service   the id that was asked for
    """
    text = error.description or ""
    for start in ("remote exception: ", "message = "):
        text = text.removeprefix(start)
    if text.startswith("Traceback "):  # what pycapnp's servers send; its last line says it
        text = text.rstrip().rpartition("\n")[2]
    text = "".join(letter if letter in _PRINTED else " " for letter in text)
    if service:
        secrets = [base64url.encode(service), service.hex()]
        if len(service) >= _SECRET:
            secrets.append(service.decode("latin-1"))
        for secret in secrets:
            text = text.replace(secret, "...")
    text = " ".join(text.split())
    return text if len(text) <= _MOST else text[:_MOST] + "..."
