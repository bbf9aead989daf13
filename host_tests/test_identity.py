# SPDX-License-Identifier: MIT
"""Layer `identity` against `cryptography`, OpenSSL and the standard library."""

import base64
import contextlib
import hashlib
import hmac
import pathlib
import random
import re
import shutil
import ssl
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric import rsa as rsa_keys
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from identitykit import CERTIFICATE, RSA, RSA_CERTIFICATE, Random, damaged
from micropython import command

from capnrpc_micro.identity import (
    base64url,
    by_cryptography,
    certificate,
    files,
    p256,
    pem,
    rsa,
    secret_key,
)
from capnrpc_micro.identity.address import Address
from capnrpc_micro.identity.hmac import hmac_sha256
from capnrpc_micro.identity.secret_key import SecretKey

steady = settings(max_examples=200, deadline=None, derandomize=True, database=None)
LIB = pathlib.Path(__file__).resolve().parent.parent / "lib"

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")


def digest_of(public_key):
    """The digest of a public key of `cryptography`."""
    info = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(info).digest()


# Addresses.

hosts = st.from_regex(r"[A-Za-z0-9._~-]{1,30}", fullmatch=True) | st.ip_addresses().map(str)
paths = st.text(max_size=20).map(lambda text: "/" + text.replace("\0", ""))
places = st.tuples(hosts, st.integers(1, 65535)) | paths.filter(
    lambda text: not any("\ud800" <= letter <= "\udfff" for letter in text)
)
addresses = st.builds(
    Address,
    st.none() | st.binary(min_size=32, max_size=32),
    places,
    st.binary(max_size=40),
)


@steady
@given(addresses)
def test_addresses_survive_as_uris(address):
    uri = address.uri()
    assert uri.isascii() and uri.isprintable() and " " not in uri
    again = Address.parse(uri)
    assert again == address
    assert hash(again) == hash(address)
    assert again.uri() == uri
    assert address.with_service(b"").uri().rstrip("/") in uri


@steady
@given(addresses.filter(lambda address: address.service))
def test_what_is_shown_does_not_depend_on_the_id(address):
    other = address.with_service(b"another")
    assert str(address) == str(other)
    assert repr(address) == repr(other)
    with pytest.raises(ValueError):
        Address.parse(str(address))


pieces = st.sampled_from(
    ["capnp", "://", "sha-256", "insecure", ":", "@", "/", "[", "]", "%", "%41", "7000", "A" * 43]
    + ["localhost", "::1", "bWFpbg", "?", "#", " ", "\n", "\u20ac", "-", "_", "="]
)


@steady
@given(st.text(max_size=60) | st.lists(pieces, max_size=12).map("".join))
def test_any_text_is_an_address_or_refused(text):
    for start in ("", "capnp://insecure@", "capnp://sha-256:" + "A" * 43 + "@"):
        try:
            address = Address.parse(start + text)
        except ValueError:
            continue
        # What is taken means the same when it is written again.
        assert Address.parse(address.uri()) == address


@steady
@given(st.binary(max_size=100))
def test_base64url_is_the_standard_librarys(data):
    text = base64url.encode(data)
    assert text == base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert base64url.decode(text) == data


@steady
@given(st.text(alphabet="AZaz09-_+/=. \n", max_size=12))
def test_only_what_is_written_so_is_read(text):
    with contextlib.suppress(ValueError):
        assert base64url.encode(base64url.decode(text)) == text


# Hashes and signatures.


@steady
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_hmac_is_the_standard_librarys(key, message):
    assert hmac_sha256(key, message) == hmac.new(key, message, "sha256").digest()


scalars = st.integers(1, int.from_bytes(p256._N, "big") - 1) | st.integers(0, 255).map(
    lambda bit: 1 << bit
)


@settings(steady, max_examples=40)
@given(scalars, st.binary(max_size=50))
def test_p256_signatures_verify(number, message):
    secret = number.to_bytes(32, "big")
    key = ec.derive_private_key(number, ec.SECP256R1()).public_key()
    assert p256.public(secret) == by_cryptography.p256.public(secret)
    assert p256.public(secret) == key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    signature = p256.sign(secret, message)
    key.verify(signature, message, ec.ECDSA(SHA256()))
    with pytest.raises(InvalidSignature):
        key.verify(signature, message + b"x", ec.ECDSA(SHA256()))
    key.verify(by_cryptography.p256.sign(secret, message), message, ec.ECDSA(SHA256()))


def test_rsa_signatures_verify():
    for bits in (1024, 2048, 3072):
        key = rsa_keys.generate_private_key(65537, bits)
        form = (Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        pkcs1 = key.private_bytes(*form)
        signature = rsa.sign(pkcs1, b"message")
        assert signature == by_cryptography.rsa.sign(pkcs1, b"message")
        key.public_key().verify(signature, b"message", padding.PKCS1v15(), SHA256())


# Keys and certificates.

FORMS = (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)


def made_keys():
    yield ec.generate_private_key(ec.SECP256R1())
    yield rsa_keys.generate_private_key(65537, 2048)
    yield rsa_keys.generate_private_key(3, 3072)


def test_keys_of_cryptography_are_read():
    for made in made_keys():
        for form in FORMS:
            text = made.private_bytes(Encoding.PEM, form, NoEncryption())
            der = made.private_bytes(Encoding.DER, form, NoEncryption())
            for key in (SecretKey.from_pem(text), SecretKey.from_der(der)):
                assert key.digest == digest_of(made.public_key())
                assert key.to_der() == der
                check_certificate(key, made.public_key())


def check_certificate(key, public_key):
    """The key's certificate is what `cryptography` takes for a certificate of it."""
    read = x509.load_der_x509_certificate(key.certificate)
    read.verify_directly_issued_by(read)
    assert digest_of(read.public_key()) == digest_of(public_key) == key.digest
    assert read.version == x509.Version.v3
    assert read.subject == read.issuer
    assert read.subject.rfc4514_string() == "CN=capnp"
    assert read.not_valid_before_utc.isoformat() == "1970-01-01T01:01:01+00:00"
    assert read.not_valid_after_utc.isoformat() == "9999-12-31T23:59:59+00:00"
    assert read.signature_hash_algorithm.name == "sha256"
    assert read.signature_algorithm_parameters is not None
    assert len(read.extensions) == 0
    assert certificate.peer_digest(key.certificate) == key.digest


@pytest.fixture
def plainly(monkeypatch):
    """The layer works as if `cryptography` were not installed."""
    monkeypatch.setitem(sys.modules, by_cryptography.__name__, None)
    monkeypatch.delattr(secret_key.__package__ + ".by_cryptography")


def test_without_cryptography(plainly):
    assert secret_key._module("p256") is p256
    key = SecretKey.generate()
    check_certificate(key, load_pem_private_key(key.to_pem(), None).public_key())
    rsa_key = SecretKey.from_pem(RSA)
    check_certificate(rsa_key, load_pem_private_key(RSA, None).public_key())


def test_with_cryptography():
    assert secret_key._module("p256") is by_cryptography.p256
    key = SecretKey.generate()
    check_certificate(key, load_pem_private_key(key.to_pem(), None).public_key())


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=True)
    return done.stdout


@needs_openssl
@pytest.mark.parametrize(
    "arguments",
    [
        "genrsa -traditional 2048",
        "genrsa 2048",
        "ecparam -name prime256v1 -genkey",
        "ecparam -name prime256v1 -genkey -noout",
        "ecparam -name prime256v1 -genkey -conv_form compressed",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
    ],
)
def test_keys_of_openssl_are_read(arguments, tmp_path):
    path = tmp_path / "key.pem"
    path.write_bytes(openssl(*arguments.split()))
    form = () if "rsa" in arguments.lower() else ("-ec_conv_form", "uncompressed")
    info = openssl("pkey", "-in", path, "-pubout", "-outform", "der", *form)
    key = SecretKey.load(str(path))
    assert key.digest == hashlib.sha256(info).digest()
    kept = pathlib.Path(f"{path}.crt")
    assert pem.decode(pem.encode(b"CERTIFICATE", key.certificate)) == pem.decode(kept.read_bytes())
    openssl("verify", "-check_ss_sig", "-CAfile", kept, kept)


def load_into_ssl(path):
    """Takes the key and the certificate in files into Python's own TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{path}.crt", path)


def test_a_key_made_on_micropython(tmp_path):
    path = tmp_path / "key.pem"
    code = f"""
import sys, tls
sys.path.insert(0, {str(LIB)!r})
from capnrpc_micro.identity.secret_key import SecretKey
key = SecretKey.load({str(path)!r}, create=True)
for protocol in (tls.PROTOCOL_TLS_SERVER, tls.PROTOCOL_TLS_CLIENT):
    tls.SSLContext(protocol).load_cert_chain(key.certificate, key.to_der())
print(key)
"""
    done = subprocess.run([*command(), "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    key = SecretKey.load(str(path))
    assert done.stdout.strip() == repr(key)
    check_certificate(key, load_pem_private_key(path.read_bytes(), None).public_key())
    # It was kept, not made again.
    assert pem.decode(pathlib.Path(f"{path}.crt").read_bytes()) == [
        (b"CERTIFICATE", key.certificate)
    ]
    load_into_ssl(path)
    for file in (path, f"{path}.crt"):
        assert pathlib.Path(file).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("made", [*made_keys()], ids=["P-256", "RSA-2048", "RSA-3072"])
def test_certificates_made_here_are_taken_by_micropython(made, tmp_path):
    path = tmp_path / "key.pem"
    text = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = SecretKey.from_pem(text)
    key.save(str(path))
    load_into_ssl(path)
    code = f"""
import sys, tls
sys.path.insert(0, {str(LIB)!r})
from capnrpc_micro.identity.certificate import peer_digest
from capnrpc_micro.identity.secret_key import SecretKey
key = SecretKey.load({str(path)!r})
tls.SSLContext(tls.PROTOCOL_TLS_SERVER).load_cert_chain(key.certificate, key.to_der())
assert peer_digest(key.certificate) == key.digest
print(key)
"""
    done = subprocess.run([*command(), "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.strip() == repr(key)


def odd_certificates():
    """Certificates unlike ours, DER."""
    random_ = random.Random(5)
    for made in made_keys():
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
                x509.NameAttribute(NameOID.COMMON_NAME, "n\u00e4me" * 10),
            ]
        )
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
        builder = builder.public_key(made.public_key())
        builder = builder.serial_number(random_.getrandbits(150))
        read = x509.load_pem_x509_certificate(CERTIFICATE)
        builder = builder.not_valid_before(read.not_valid_before_utc)
        builder = builder.not_valid_after(read.not_valid_after_utc)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(f"a{n}.example") for n in range(40)]), False
        )
        yield made, builder.sign(made, SHA256()).public_bytes(Encoding.DER)


def test_digests_of_any_certificate():
    for made, der in odd_certificates():
        assert certificate.peer_digest(der) == digest_of(made.public_key())


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_a_damaged_certificate_has_the_digest_that_cryptography_sees():
    """What both read is the same key: nobody can show one to TLS and another to us."""
    seen = 0
    source = Random(17)
    for text in (CERTIFICATE, RSA_CERTIFICATE):
        for _ in range(1500):
            der = damaged(source, pem.decode(text)[0][1])
            try:
                digest = certificate.peer_digest(der)
            except ValueError:
                continue
            try:
                read = x509.load_der_x509_certificate(der).public_key()
            except Exception:  # of many kinds, for what we need not read
                continue
            assert digest == digest_of(read)
            seen += 1
    assert seen > 300


# Files.


def test_a_new_file_is_only_made_once(tmp_path):
    path = str(tmp_path / "file")
    files.write(path, b"first", create=True)
    with pytest.raises(FileExistsError):
        files.write(path, b"second", create=True)
    assert files.read(path) == b"first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_file_system_without_links(tmp_path, monkeypatch):
    def fail(*_):
        raise PermissionError("no links here")

    monkeypatch.setattr(files.os, "link", fail)
    path = str(tmp_path / "file")
    files.write(path, b"first", create=True)
    assert files.read(path) == b"first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_processes_that_start_together_share_one_key(tmp_path):
    code = f"""
import sys
sys.path.insert(0, {str(LIB)!r})
from capnrpc_micro.identity.secret_key import SecretKey
sys.stdin.readline()
print(SecretKey.load({str(tmp_path / "key.pem")!r}, create=True), flush=True)
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([sys.executable, "-c", code], **pipes) for _ in range(4)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = {process.communicate()[0] for process in processes}
    assert said == {f"{SecretKey.load(str(tmp_path / 'key.pem'))}\n"}


# The page about it.


@pytest.mark.parametrize(
    "interpreter", [[sys.executable], command()], ids=["CPython", "MicroPython"]
)
def test_the_programs_of_the_page(interpreter, tmp_path):
    page = (LIB.parent / "docs" / "identity.md").read_text()
    programs = re.findall(r"```python\n(.*?)```", page, re.S)
    said = ""
    for program in programs:
        code = f"import sys; sys.path.insert(0, {str(LIB)!r})\n{program}"
        said += subprocess.run(
            [*interpreter, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True
        ).stdout
    lines = said.splitlines()
    assert re.fullmatch(r"capnp://sha-256:[\w-]{43}@192\.0\.2\.7:7000/\.\.\.", lines[0])
    assert lines[1] == "('192.0.2.7', 7000)"
    key = SecretKey.load(str(tmp_path / "key.pem"))
    assert lines[2] == f"{key} 32 {len(key.certificate)}"
    assert len(lines) == 3
