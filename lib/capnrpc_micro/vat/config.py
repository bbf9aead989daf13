# SPDX-License-Identifier: MIT
"""Layer `vat`: what a vat is to be: where it listens, which key it has, whether it encrypts."""

from ..identity.address import Address, parse_server
from ..identity.secret_key import SecretKey
from ..net.links import UNIX, default_limits
from ..words import MICROPYTHON

_EVERYWHERE = ("0.0.0.0", "::")


class VatConfig:
    """Where a vat listens, which key it has, whether it encrypts, and its limits.

    listen      "HOST:PORT", or the absolute path of a Unix socket; None: it only connects to others
    public      where others reach it, in the same forms; None: where it listens
    tls         whether connections with those who connect to it are encrypted. Whether those to
                others are is for their addresses to say
    anonymous   whether clients that show no key may connect with TLS: their connections are not
                shared
    limits      a Limits
    """

    def __init__(self, listen=None, public=None, key=None, tls=True, anonymous=False, limits=None):
        """key: the path of a PEM file, which is made with a new key if there is none; or a SecretKey,
        or the bytes of a PEM text; None: a new key that is gone when the vat is.

        Raises ValueError for what is no address. The key is read when it is first needed.
        """
        self.listen = _place(listen, "listen")
        self.public = _place(public, "public") or self.listen
        self.tls = tls
        self.anonymous = anonymous
        self.limits = limits or default_limits()
        self._key = key
        self._pinned = [None, None]

    @property
    def secret_key(self):
        """The SecretKey. Raises OSError and ValueError for a file that cannot be used,
        NotImplementedError where no key can be made."""
        key = self._key
        if not isinstance(key, SecretKey):
            if key is None:
                key = SecretKey.generate()
            elif isinstance(key, str):
                key = SecretKey.load(key, create=True)
            else:
                key = SecretKey.from_pem(key)
            self._key = key
        return key

    @property
    def address(self):
        """The Address of the vat, with the empty service id. Raises ValueError if it has none."""
        where = self.public
        if where is None:
            raise ValueError("the vat listens nowhere: give it `listen`, or `public`")
        if where[0] in _EVERYWHERE:
            where = (_own_host(), where[1])
        return Address(self.secret_key.digest if self.tls else None, where)

    def tls_inward(self, _):
        """The Pinned of connections that others make."""
        return self._pinned_for(True)

    def tls_outward(self, digest):
        """The Pinned of a connection that we make to who has the key with this digest; None, and so no
        TLS, without one."""
        return None if digest is None else self._pinned_for(False)

    def _pinned_for(self, server):
        pinned = self._pinned[server]
        if pinned is None:
            if MICROPYTHON:
                from ..identity.pinned import Pinned
            else:
                from ..identity.pinned_host import Pinned
            anonymous = server and self.anonymous
            pinned = self._pinned[server] = Pinned(self.secret_key, server, anonymous)
        return pinned


def host_and_port(where):
    """What net takes for where an Address leads to."""
    return (UNIX + where, 0) if isinstance(where, str) else where


def _place(text, name):
    if text is None:
        return None
    if text.startswith(UNIX):
        text = text[len(UNIX) :]
    try:
        return Address(None, text if text.startswith("/") else parse_server(text)).where
    except ValueError as error:
        raise ValueError('%s="%s": %s (expected HOST:PORT or /PATH)' % (name, text, error))


def _own_host():
    """Where others find a vat that listens at every address of a machine."""
    if not MICROPYTHON:
        import socket

        return socket.gethostname()
    import network

    for kind in ("STA_IF", "AP_IF"):
        if hasattr(network, "WLAN") and hasattr(network, kind):
            wlan = network.WLAN(getattr(network, kind))
            if wlan.active() and wlan.ifconfig()[0] != "0.0.0.0":
                return wlan.ifconfig()[0]
    raise ValueError('which address others use is not known: give public="HOST:PORT"')
