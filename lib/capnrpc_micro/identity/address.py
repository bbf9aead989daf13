# SPDX-License-Identifier: MIT
"""Layer `identity`: capnp:// URIs.

    capnp://sha-256:DIGEST@HOST:PORT/SERVICE      TLS over TCP
    capnp://sha-256:DIGEST@/PATH/SERVICE          TLS over a Unix socket
    capnp://insecure@HOST:PORT/SERVICE            without TLS
    capnp://insecure@/PATH/SERVICE

DIGEST and SERVICE are base64url. The last part of a path is always the service's id.
"""

from . import base64url

_SCHEME = "capnp://"
_HASH = "sha-256"
_INSECURE = "insecure"
_DIGITS = "0123456789"
_HEX = _DIGITS + "abcdefABCDEF"
_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + _DIGITS + "-._~"
_PATH = _NAME + "!$&'()*+,;=:@/"


def _only(text, letters):
    return all(letter in letters for letter in text)


def _quote(text):
    """Text with %XX for what may not stand in a URI."""
    return "".join([chr(b) if chr(b) in _PATH else "%%%02X" % b for b in text.encode()])


def _unquote(text):
    """The text that _quote() gives this for. Raises ValueError."""
    data = bytearray()
    parts = text.split("%")
    for k in range(len(parts)):
        part = parts[k]
        if k:
            if len(part) < 2 or not _only(part[:2], _HEX):
                raise ValueError("bad %XX in a capnp URI")
            data.append(int(part[:2], 16))
            part = part[2:]
        if not _only(part, _PATH):
            raise ValueError("a capnp URI has a character that must be written as %XX")
        data.extend(part.encode())
    return bytes(data).decode()


def digest_text(digest):
    """A key's digest as it stands in URIs: sha-256:DIGEST; "insecure" for None."""
    return _INSECURE if digest is None else _HASH + ":" + base64url.encode(digest)


class Address:
    """Where a service is and which key its vat has.

    digest    SHA-256 of the vat's public key, 32 bytes; None: no TLS
    where     (host, port), or the absolute path of a Unix socket
    service   the id of the service, bytes; b"" is the vat's main one

    Who knows the id may use the service, so it stands only in uri(): str() and repr(), which get
    into logs, end in `/...` instead, which parse() refuses. Addresses are values: compared and
    hashed by what they hold, never changed.
    """

    def __init__(self, digest, where, service=b""):
        """Raises ValueError for what cannot stand in a URI."""
        if digest is not None and len(digest) != 32:
            raise ValueError("a sha-256 digest has 32 bytes, not %d" % len(digest))
        if isinstance(where, str):
            if not where.startswith("/") or "\0" in where:
                raise ValueError("the path of a Unix socket is absolute and has no NUL")
        else:
            host, port = where = tuple(where)
            name, percent, zone = host.partition("%")  # fe80::1%eth0 has a zone
            ipv6 = ":" in name
            if not name or not _only(name, _HEX + ":." if ipv6 else _NAME):
                raise ValueError("not a host's name or address")
            if percent and not (ipv6 and zone and _only(zone, _NAME)):
                raise ValueError("not the zone of an IPv6 address")
            if not 0 < port < 65536:
                raise ValueError("a port is a number from 1 to 65535")
        self.digest = digest
        self.where = where
        self.service = bytes(service)

    @staticmethod
    def parse(uri):
        """The Address that a URI, a str, stands for.

        Raises ValueError, whose text has no part of the URI, as that holds a secret.
        """
        scheme, colon, rest = uri.partition("://")
        if not colon:
            raise ValueError("missing scheme (expected capnp://...)")
        if scheme + colon != _SCHEME:
            raise ValueError("unknown scheme (expected capnp://...)")
        authority, _, path = rest.partition("/")
        user, at, server = authority.partition("@")
        digest = _digest(user) if at else _digest("")
        if server:
            where = parse_server(server)
        else:
            where, slash, path = ("/" + path).rpartition("/")
            where = _unquote(where)
            if not where:
                raise ValueError("missing host, or path of a socket before the service's id")
        try:
            service = base64url.decode(path)
        except ValueError:
            raise ValueError("bad service id: not base64url without padding")
        return Address(digest, where, service)

    def uri(self):
        """The whole URI, a str. It is a secret unless the service's id is public."""
        text = base64url.encode(self.service)
        return self._start() + ("/" + text if text or self._is_path() else "")

    def with_service(self, service):
        """The address of another service of the same vat."""
        return Address(self.digest, self.where, service)

    def _is_path(self):
        return isinstance(self.where, str)

    def _start(self):
        start = _SCHEME + digest_text(self.digest) + "@"
        if self._is_path():
            return start + _quote(self.where)
        host, port = self.where
        host = _quote(host)
        return "%s%s:%d" % (start, "[" + host + "]" if ":" in host else host, port)

    def _key(self):
        return (self.digest, self.where, self.service)

    def __eq__(self, other):
        return isinstance(other, Address) and self._key() == other._key()

    def __hash__(self):
        return hash(self._key())

    def __repr__(self):
        return self._start() + ("/..." if self.service else "/" if self._is_path() else "")


def _digest(user):
    """The digest that stands before the @."""
    name, colon, value = user.partition(":")
    if name == _INSECURE and not colon:
        return None
    if not name:
        raise ValueError("missing digest (expected sha-256:DIGEST@ or insecure@)")
    if name != _HASH:
        raise ValueError("unknown hash type (expected sha-256 or insecure)")
    if not value:
        raise ValueError("missing digest value")
    try:
        return base64url.decode(value)
    except ValueError:
        raise ValueError("bad digest: not base64url without padding")


def parse_server(text):
    """HOST:PORT or [IPv6]:PORT as (host, port). Raises ValueError."""
    if text[:1] == "[":
        host, bracket, port = text[1:].partition("]")
        if not bracket or ":" not in host or port and port[0] != ":":
            raise ValueError("bad IPv6 address in brackets")
        host = _unquote(host)
        port = port[1:]
    else:
        host, _, port = text.partition(":")
        if "%" in host:
            raise ValueError("not a host's name or address")
    if not port:
        raise ValueError("missing port")
    if not host:
        raise ValueError("port without host")
    # Few digits: a larger number may not exist here.
    if len(port) > 5 or not _only(port, _DIGITS):
        raise ValueError("a port is a number from 1 to 65535")
    return host, int(port)
