# SPDX-License-Identifier: MIT
"""Layer `vat`: why a connection could not be made, in words. Loaded when one could not."""

from ..identity.certificate import WrongKey
from ..objects.promise import DISCONNECTED, FAILED, Error

# What TLS says, on MicroPython and CPython, and what has happened.
_NO_TLS = ("INVALID_RECORD", "WRONG_VERSION", "UNEXPECTED_MESSAGE", "RECORD_LAYER")
_REFUSED = ("ALERT", "FATAL_ALERT")


def error_of(address, error, begun):
    """The Error that says that there was no connection to an Address because of an OSError.

    begun   whether somebody was there, and the connection had begun

    Its text has nothing secret: an Address's repr() leaves out the service.
    """
    text = str(error)
    kind = FAILED if isinstance(error, WrongKey) else DISCONNECTED
    if any(word in text for word in _NO_TLS):
        text = "TLS was expected, but the peer does not speak it (%s)" % text
    elif any(word in text for word in _REFUSED):
        text = "the peer has refused the TLS handshake (%s)" % text
    elif begun and kind != FAILED:
        why = text or "it has closed the connection"
        text = "the peer has ended the TLS handshake, perhaps it has no place free (%s)" % why
    return Error("cannot connect to %r: %s" % (address, text), kind)


def said_nothing(address, error):
    """The Error for a connection that was lost before anything was received from the vat."""
    text = "%r: %s" % (address, error.reason)
    if address.digest is None:
        text += " (if it expects TLS, its address begins with capnp://sha-256:)"
    return Error(text, error.type)
