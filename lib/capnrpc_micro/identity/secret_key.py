# SPDX-License-Identifier: MIT
"""Layer `identity`: the secret key of a vat."""

from hashlib import sha256

from ..words import MICROPYTHON, const
from . import certificate, files, keys, pem
from .address import digest_text
from .hmac import hmac_sha256

_ENOENT = const(2)
_EEXIST = const(17)
_CERTIFICATE = b"CERTIFICATE"
_BESIDE = ".crt"  # what the name of a certificate's file has after that of the key's


def _module(name):
    """The module p256 or rsa, or what stands for it where `cryptography` is installed."""
    if not MICROPYTHON:
        try:
            from . import by_cryptography

            return getattr(by_cryptography, name)
        except ImportError:
            pass  # the plain code does it, too
    package = __name__.rsplit(".", 1)[0]
    return __import__(package + "." + name, None, None, (name,))


class SecretKey:
    """A private key, P-256 or RSA.

    digest   SHA-256 of the public key (its SubjectPublicKeyInfo), 32 bytes: who the vat is

    repr() shows the digest, which is public, and nothing else.
    """

    def __init__(self, text, key, cert):
        self._pem = text
        self._key = key
        self._certificate = cert
        self._path = None  # where a certificate that is made is kept
        if key.rsa is None and key.point is None:
            key.point = _module("p256").public(key.scalar)
        self._info = key.public_info()
        self.digest = sha256(self._info).digest()
        if cert is not None and certificate.peer_digest(cert) != self.digest:
            raise ValueError("the certificate belongs to another key")

    @staticmethod
    def generate():
        """A new P-256 key.

        Raises NotImplementedError on an interpreter without big integers (copy a key and its
        certificate there), RuntimeError on one without random numbers.
        """
        p256 = _module("p256")
        scalar = p256.new()
        return SecretKey.from_der(keys.ec_to_der(scalar, p256.public(scalar)))

    @staticmethod
    def from_pem(text, cert=None):
        """The key in a PEM text, bytes: PKCS#8, SEC1 or PKCS#1, not encrypted.

        cert   a certificate of this key, DER or PEM, as it may also stand in the text; without
               one it is made when it is first needed

        Raises ValueError, whose text has nothing of the key.
        """
        found = None
        for label, data in pem.decode(text):
            if label == _CERTIFICATE:
                cert = cert or data
            elif label.endswith(b"PRIVATE KEY"):
                if found:
                    raise ValueError("more than one private key")
                found = (label, data)
        if not found:
            raise ValueError("no private key in PEM form")
        if found[0] == b"ENCRYPTED PRIVATE KEY":
            raise ValueError("the key is encrypted: decrypt it first")
        return SecretKey(bytes(text), keys.read(*found), cert and _certificate(cert))

    @staticmethod
    def from_der(der, cert=None):
        """The same from DER; ids derived from it are those of its PEM form, see to_pem()."""
        return SecretKey.from_pem(pem.encode(keys.guess(der), der), cert)

    @staticmethod
    def load(path, create=False):
        """The key in a PEM file. With `create` a missing file is made, with a new key.

        The key's certificate is kept beside it, in PATH.crt, which is made when it is first
        needed. Raises OSError and ValueError.
        """
        text = files.read(path)
        if text is None and create:
            key = SecretKey.generate()
            try:
                files.write(path, key._pem, True)
            except OSError as error:
                if error.errno != _EEXIST:
                    raise
                # Another process was faster: it has said who we are.
            text = files.read(path)
        if text is None:
            raise OSError(_ENOENT, path)
        try:
            key = SecretKey.from_pem(text)
        except ValueError as error:
            raise ValueError("%s: %s" % (path, error))
        key._path = path
        key._take_kept()
        return key

    def save(self, path):
        """Writes the PEM file, mode 0600, and the certificate beside it. Raises OSError."""
        files.write(path, self._pem)
        files.write(path + _BESIDE, self._certificate_pem())

    def _take_kept(self):
        kept = files.read(self._path + _BESIDE)
        if kept is not None and self._certificate is None:
            try:
                kept = _certificate(kept)
                if certificate.peer_digest(kept) == self.digest:
                    self._certificate = kept
            except ValueError:
                pass  # damaged, or of a former key: another one is made

    def _certificate_pem(self):
        return pem.encode(_CERTIFICATE, self.certificate)

    @property
    def certificate(self):
        """A self-signed certificate, DER: the one that was given or kept, else made now.

        Making one takes an RP2040 about half a second for P-256 and six seconds for RSA of 2048
        bits. Raises NotImplementedError without big integers.
        """
        if self._certificate is None:
            key = self._key
            if key.rsa is None:
                secret, algorithm, name = key.scalar, certificate.ECDSA_SHA256, "p256"
            else:
                secret, algorithm, name = key.rsa, certificate.RSA_SHA256, "rsa"
            sign = _module(name).sign
            self._certificate = certificate.self_signed(
                self._info, algorithm, lambda message: sign(secret, message)
            )
            if self._path is not None:
                try:
                    files.write(self._path + _BESIDE, self._certificate_pem())
                except OSError:
                    pass  # a folder that cannot be written to: it is made again next time
        return self._certificate

    def derived_id(self, name):
        """The id, 32 bytes, of the service with this name; only who has the key can work it out.

        It depends on every byte of the PEM text that the key came from.
        """
        return hmac_sha256(sha256(self._pem).digest(), name.encode())

    def to_pem(self):
        """The PEM text, bytes: the very one that the key came from. It is the secret itself."""
        return self._pem

    def to_der(self):
        """The private key in the form it came in, DER. It is the secret itself."""
        for label, data in pem.decode(self._pem):
            if label.endswith(b"PRIVATE KEY"):
                return data

    def __repr__(self):
        return "SecretKey(%s)" % digest_text(self.digest)


def _certificate(data):
    """The DER of a certificate given as DER or PEM."""
    if data[:1] == b"0":
        return bytes(data)
    for label, der in pem.decode(data):
        if label == _CERTIFICATE:
            return der
    raise ValueError("no certificate in PEM form")
