# SPDX-License-Identifier: MIT
"""Layer `identity`: the secret key of a vat."""

from identitykit import (
    CERTIFICATE,
    DIGEST,
    ED25519,
    ENCRYPTED,
    ENCRYPTED_PKCS1,
    P384,
    PKCS8,
    RSA,
    RSA_CERTIFICATE,
    RSA_DIGEST,
    SEC1,
    WITHOUT_POINT,
    Folder,
    hex,
    needs_random_numbers,
    raises,
    unhex,
)
from run import Skip, needs_big_integers, skip

from capnrpc_micro.identity import certificate, files, pem, secret_key
from capnrpc_micro.identity.base64url import encode
from capnrpc_micro.identity.secret_key import SecretKey

CERTIFICATE_DER = pem.decode(CERTIFICATE)[0][1]


def plainly(test):
    """The test, on CPython run both with the package `cryptography`, where there is one, and
    without it."""

    def both():
        test()
        module = secret_key._module
        secret_key._module = _plain
        try:
            test()
        finally:
            secret_key._module = module

    return both if not secret_key.MICROPYTHON else test


def _plain(name):
    return __import__("capnrpc_micro.identity." + name, None, None, (name,))


def test_digests_of_keys_from_elsewhere():
    for text, digest in ((PKCS8, DIGEST), (SEC1, DIGEST), (RSA, RSA_DIGEST)):
        key = SecretKey.from_pem(text)
        assert hex(key.digest) == digest
        assert key.to_pem() == text
        der = pem.decode(text)[-1][1]
        assert key.to_der() == der
        again = SecretKey.from_der(der)
        assert hex(again.digest) == digest
        assert again.to_der() == der
        assert again.to_pem() == text[text.find(b"-----BEGIN " + pem.decode(text)[-1][0]) :]


@plainly
def test_a_key_without_its_public_point():
    needs_big_integers(256)
    assert hex(SecretKey.from_pem(WITHOUT_POINT).digest) == DIGEST


@plainly
def test_generate():
    needs_big_integers(256)
    needs_random_numbers()
    key = SecretKey.generate()
    other = SecretKey.generate()
    assert key.digest != other.digest
    assert certificate.peer_digest(key.certificate) == key.digest
    assert pem.decode(key.to_pem()) == [(b"PRIVATE KEY", key.to_der())]
    again = SecretKey.from_pem(key.to_pem())
    assert again.digest == key.digest
    assert again.derived_id("main") == key.derived_id("main") != other.derived_id("main")


def test_the_plain_certificate_is_always_the_same():
    needs_big_integers(256)
    module = secret_key._module
    secret_key._module = _plain
    try:
        made = SecretKey.from_pem(PKCS8).certificate
        assert made == SecretKey.from_pem(SEC1).certificate
        assert hex(certificate.peer_digest(made)) == DIGEST
    finally:
        secret_key._module = module


@plainly
def test_certificates_of_rsa_keys():
    needs_big_integers(2100)
    key = SecretKey.from_pem(RSA)
    assert hex(certificate.peer_digest(key.certificate)) == RSA_DIGEST
    assert key.certificate is key.certificate


def test_a_certificate_from_elsewhere():
    for key in (
        SecretKey.from_pem(PKCS8, CERTIFICATE),
        SecretKey.from_pem(PKCS8, CERTIFICATE_DER),
        SecretKey.from_pem(PKCS8 + CERTIFICATE),
        SecretKey.from_pem(CERTIFICATE + PKCS8),
        SecretKey.from_der(pem.decode(PKCS8)[0][1], CERTIFICATE),
    ):
        assert key.certificate == CERTIFICATE_DER
        assert hex(key.digest) == DIGEST
    raises(ValueError, "another key", SecretKey.from_pem, PKCS8, RSA_CERTIFICATE)
    raises(ValueError, "another key", SecretKey.from_pem, RSA + CERTIFICATE)
    raises(ValueError, "no certificate", SecretKey.from_pem, PKCS8, PKCS8)
    raises(ValueError, "bad DER", SecretKey.from_pem, PKCS8, CERTIFICATE_DER[:-1])


def test_what_is_no_key():
    for said, text in (
        ("no private key", b""),
        ("no private key", CERTIFICATE),
        ("no private key", pem.decode(PKCS8)[0][1]),
        ("more than one", PKCS8 + RSA),
        ("neither P-256 nor RSA", P384),
        ("neither P-256 nor RSA", ED25519),
        ("encrypted", ENCRYPTED),
        ("encrypted", ENCRYPTED_PKCS1),
        ("bad PEM", PKCS8[:-20]),
        ("bad DER", PKCS8.replace(b"MIGHAgEAMB", b"MIGHAgEAMC")),
    ):
        raises(ValueError, said, SecretKey.from_pem, text)


def test_derived_ids():
    key = SecretKey.from_pem(PKCS8)
    assert encode(key.derived_id("main")) == "oraDzJTzKtgv1ysNTILl7FAn14MNQMaaUsjBxIOL0DE"
    assert encode(key.derived_id("\u20ac")) == "YrHynfqNuhhqZyxfrIjtDoSFOzUmDGX6CsbAnhqdzpY"
    # Every byte of the file counts.
    assert SecretKey.from_pem(PKCS8 + b"\n").derived_id("main") != key.derived_id("main")
    assert SecretKey.from_pem(RSA).derived_id("main") != key.derived_id("main")


def test_repr_shows_the_digest_only():
    key = SecretKey.from_pem(PKCS8, CERTIFICATE)
    shown = "SecretKey(sha-256:" + encode(unhex(DIGEST)) + ")"
    assert repr(key) == str(key) == "%s" % key == shown


def test_kept_in_a_file():
    with Folder() as folder:
        path = folder + "/key.pem"
        raises(OSError, "", SecretKey.load, path)
        SecretKey.from_pem(PKCS8, CERTIFICATE).save(path)
        assert files.read(path) == PKCS8
        assert files.read(path + ".crt") == CERTIFICATE
        key = SecretKey.load(path)
        assert hex(key.digest) == DIGEST
        assert key.certificate == CERTIFICATE_DER
        assert key.derived_id("x") == SecretKey.from_pem(PKCS8).derived_id("x")
        assert SecretKey.load(path, create=True).digest == key.digest
        files.write(path, b"secret")
        text = raises(ValueError, path, SecretKey.load, path)
        assert "secret" not in text.replace(path, "")


@plainly
def test_made_in_a_file():
    needs_big_integers(256)
    needs_random_numbers()
    with Folder() as folder:
        path = folder + "/key.pem"
        key = SecretKey.load(path, create=True)
        assert files.read(path) == key.to_pem()
        assert files.read(path + ".crt") is None
        made = key.certificate
        assert pem.decode(files.read(path + ".crt")) == [(b"CERTIFICATE", made)]
        again = SecretKey.load(path, create=True)
        assert again.digest == key.digest
        # Kept, not made again: not even where it could not be.
        module = secret_key._module
        secret_key._module = None
        try:
            assert again.certificate == made
        finally:
            secret_key._module = module


@plainly
def test_a_certificate_of_another_key_is_replaced():
    needs_big_integers(256)
    with Folder() as folder:
        path = folder + "/key.pem"
        files.write(path, PKCS8)
        for kept in (RSA_CERTIFICATE, b"", PKCS8, CERTIFICATE[:100]):
            files.write(path + ".crt", kept)
            made = SecretKey.load(path).certificate
            assert hex(certificate.peer_digest(made)) == DIGEST
            assert pem.decode(files.read(path + ".crt")) == [(b"CERTIFICATE", made)]


def test_a_folder_that_cannot_be_written_to():
    needs_big_integers(256)
    needs_random_numbers()
    with Folder() as folder:
        path = folder + "/key.pem"
        files.write(path, PKCS8)
        key = SecretKey.load(path)
        write = files.write

        def fail(*arguments):
            raise OSError(30, "EROFS")

        files.write = fail
        try:
            assert hex(certificate.peer_digest(key.certificate)) == DIGEST
            raises(OSError, "30", key.save, path)
            raises(OSError, "30", SecretKey.load, folder + "/other.pem", True)
        finally:
            files.write = write


def test_two_that_make_the_same_file():
    needs_big_integers(256)
    needs_random_numbers()
    with Folder() as folder:
        path = folder + "/key.pem"
        write = files.write

        def late(path, data, create=False):
            files.write = write
            write(path, PKCS8, create)  # by the other one
            if create:
                raise OSError(17, "EEXIST")

        files.write = late
        try:
            assert hex(SecretKey.load(path, create=True).digest) == DIGEST
        finally:
            files.write = write


def test_without_big_integers():
    try:
        needs_big_integers(256)
    except Skip:
        raises(NotImplementedError, "no big integers here", SecretKey.generate)
        raises(NotImplementedError, "no big integers here", SecretKey.from_pem, WITHOUT_POINT)
        key = SecretKey.from_pem(PKCS8)
        raises(NotImplementedError, "copy them", lambda: key.certificate)
        with Folder() as folder:
            path = folder + "/key.pem"
            raises(NotImplementedError, "", SecretKey.load, path, True)
            assert files.read(path) is None
        return
    skip("this interpreter has big integers")
