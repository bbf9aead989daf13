# SPDX-License-Identifier: MIT
"""Layer `identity`: DER, PEM, the forms of keys, certificates: read strictly, written exactly."""

from identitykit import (
    CERTIFICATE,
    DIGEST,
    ED25519,
    ENCRYPTED_PKCS1,
    P384,
    PKCS8,
    POINT,
    RSA,
    RSA_CERTIFICATE,
    RSA_DIGEST,
    SCALAR,
    SEC1,
    WITHOUT_POINT,
    Random,
    damaged,
    hex,
    raises,
    unhex,
)

from capnrpc_micro.identity import certificate, der, keys, pem

ROUNDS = 150


def last(text):
    """The data of the last block of a PEM text."""
    return pem.decode(text)[-1][1]


class Long:
    """Bytes that are too many for a board: a head, and zeros."""

    def __init__(self, head, size):
        self.head = unhex(head)
        self.size = size

    def __getitem__(self, at):
        return self.head[at] if at < len(self.head) else 0

    def passed(self):
        """Where a Reader is after the element."""
        reader = der.Reader(self, 0, self.size)
        reader.enter(der.OCTETS)
        return reader.at


def test_elements():
    data = unhex("300a 0201 05 0403 616263 0500 0101 ff".replace(" ", ""))
    raises(ValueError, "byte 0", der.Reader(data[:-4]).enter, der.SEQUENCE)
    reader = der.Reader(data[:-3])
    inside = reader.enter(der.SEQUENCE)
    reader.finish()
    assert inside.has(der.INTEGER) and not inside.has(der.OCTETS)
    assert inside.whole(der.INTEGER) == b"\2\1\5"
    raises(ValueError, "byte 5", inside.content, der.INTEGER)
    raises(ValueError, "byte 5", inside.finish)
    assert inside.content(der.OCTETS) == b"abc"
    assert inside.content(der.NULL) == b""
    inside.finish()
    assert not inside.has(der.NULL)
    raises(ValueError, "byte 12", inside.enter, der.NULL)


def test_lengths_are_minimal_definite_and_inside():
    for size in (0, 1, 127, 128, 255, 256, 1000):
        data = der.element(der.OCTETS, b"x" * size)
        assert len(data) == size + (2 if size < 128 else 3 if size < 256 else 4)
        assert der.Reader(data).content(der.OCTETS) == b"x" * size
        raises(ValueError, "byte 0", der.Reader(data[:-1]).enter, der.OCTETS)
    assert Long("0482ffff", 4 + 65535).passed() == 4 + 65535
    assert Long("0483010000", 5 + 65536).passed() == 5 + 65536
    assert Long("0483ffffff", 5 + 0xFFFFFF).passed() == 5 + 0xFFFFFF
    raises(ValueError, "byte 0", Long("0483010000", 5 + 65535).passed)
    for head in (
        "0480",  # indefinite
        "048101",  # 0401 says the same
        "04817f",
        "04820080",  # 048180 says the same
        "04820001",
        "0483000100",
        "0483000001",
        "048400000001",  # more than three bytes of length
        "048401000000",
        "0484ffffffff",
        "0485" + "00" * 5,
        "04ff",
        "0502",  # another tag
    ):
        raises(ValueError, "byte 0", Long(head, 0x2000000).passed)
    for head in (
        "",
        "04",
        "0401",
        "0480",
        "0481",
        "0482",
        "0482ff",
        "048201",
        "0483ffff",
        "04847fffffff",
    ):
        raises(ValueError, "byte 0", der.Reader(unhex(head)).enter, der.OCTETS)


def test_nothing_reaches_beyond_what_encloses_it():
    data = unhex("3003 0402 78 78 78".replace(" ", ""))
    inside = der.Reader(data).enter(der.SEQUENCE)
    raises(ValueError, "byte 2", inside.enter, der.OCTETS)
    for size in (1, 2):
        inside = der.Reader(unhex("30%02x048100" % size) + b"x" * 200).enter(der.SEQUENCE)
        raises(ValueError, "byte 2", inside.enter, der.OCTETS)


def test_numbers():
    for value, encoded in (
        ("", "020100"),
        ("00", "020100"),
        ("01", "020101"),
        ("7f", "02017f"),
        ("80", "02020080"),
        ("0000ff", "020200ff"),
        ("0100", "02020100"),
        ("ff00", "020300ff00"),
    ):
        assert hex(der.number(unhex(value))) == encoded
        assert der.Reader(unhex(encoded)).number() == unhex(value).lstrip(b"\0")
    for encoded in ("0200", "020180", "0201ff", "02020001", "0202007f", "02020000", "0203000080"):
        raises(ValueError, "byte 0", der.Reader(unhex(encoded)).number)


def test_pem():
    data = bytes(range(256)) * 3
    for size in (0, 1, 2, 3, 47, 48, 49, 96, 768):
        text = pem.encode(b"SOME DATA", data[:size])
        assert pem.decode(text) == [(b"SOME DATA", data[:size])]
        assert max(len(line) for line in text.split(b"\n")) <= 64
        assert pem.decode(text.replace(b"\n", b"\r\n")) == [(b"SOME DATA", data[:size])]
    text = pem.encode(b"A", b"one")
    assert text == b"-----BEGIN A-----\nb25l\n-----END A-----\n"
    both = b"about A\n" + text + b"and: B\n" + pem.encode(b"B", b"two") + b"end"
    assert pem.decode(both) == [(b"A", b"one"), (b"B", b"two")]
    assert pem.decode(b"") == pem.decode(b"nothing") == []
    assert pem.encode(b"PRIVATE KEY", last(PKCS8)) == PKCS8
    assert pem.encode(b"CERTIFICATE", last(CERTIFICATE)) == CERTIFICATE


def test_what_is_no_pem():
    good = b"-----BEGIN A-----\nb25l\n-----END A-----\n"
    for old, new in (
        (b"END A", b"END B"),
        (b"-----END A-----\n", b""),
        (b"END A-----", b"END A----"),
        (b"b25l", b"b25"),
        (b"b25l", b"b25l="),
        (b"b25l", b"b2-l"),
        (b"b25l", b"b25l\xff"),
        (b"b25l", b"Zh=="),
        (b"A-----\nb", b"A\nb"),
    ):
        assert old in good
        text = raises(ValueError, "bad PEM", pem.decode, good.replace(old, new, 1))
        assert "b25" not in text
    raises(ValueError, "encrypted", pem.decode, ENCRYPTED_PKCS1)


def test_keys_are_read():
    for text, form, has_point in (
        (PKCS8, keys.PKCS8, True),
        (SEC1, keys.SEC1, True),
        (WITHOUT_POINT, keys.SEC1, False),
    ):
        data = last(text)
        assert keys.guess(data) == form
        key = keys.read(form, data)
        assert key.scalar == unhex(SCALAR)
        assert key.point == (unhex(POINT) if has_point else None)
        assert key.rsa is None
    data = last(RSA)
    assert keys.guess(data) == keys.PKCS1
    key = keys.read(keys.PKCS1, data)
    assert key.scalar is None
    assert key.rsa == data
    start = "30820122300d06092a864886f70d01010105000382010f003082010a02820101"
    assert hex(key.public_info()).startswith(start)
    assert len(key.public_info()) == 294
    wrapped = der.sequence(
        der.number(b""),
        der.sequence(der.element(der.OID, unhex("2a864886f70d010101")), der.element(der.NULL)),
        der.element(der.OCTETS, data),
        der.element(der.context(0)),  # attributes
    )
    assert keys.guess(wrapped) == keys.PKCS8
    assert keys.read(keys.PKCS8, wrapped).public_info() == key.public_info()


def test_the_key_is_written_as_openssl_does():
    assert keys.ec_to_der(unhex(SCALAR), unhex(POINT)) == last(PKCS8)


def test_other_keys_are_refused():
    for form, text in (
        (keys.SEC1, P384),
        (keys.PKCS8, ED25519),
        (b"ENCRYPTED PRIVATE KEY", PKCS8),
        (b"DSA PRIVATE KEY", RSA),
    ):
        raises(ValueError, "neither P-256 nor RSA", keys.read, form, last(text))
    for form, text in (
        (keys.PKCS8, SEC1),
        (keys.SEC1, PKCS8),
        (keys.PKCS1, PKCS8),
        (keys.SEC1, RSA),
        (keys.PKCS8, RSA),
    ):
        raises(ValueError, "bad DER", keys.read, form, last(text))
    for form, text in ((keys.PKCS8, PKCS8), (keys.SEC1, SEC1), (keys.PKCS1, RSA)):
        raises(ValueError, "bad DER", keys.read, form, last(text) + b"\0")
    # Another curve's number, and none.
    for scalar in (b"\1" * 33, bytes(32), b""):
        inner = der.sequence(der.number(b"\1"), der.element(der.OCTETS, scalar))
        raises(ValueError, "neither", keys.read, keys.SEC1, inner)


def test_short_and_long_forms_of_the_number():
    oid = der.element(der.context(0), der.element(der.OID, unhex("2a8648ce3d030107")))
    for scalar in (b"\5", bytes(31) + b"\5", bytes(40) + b"\5"):
        data = der.sequence(der.number(b"\1"), der.element(der.OCTETS, scalar), oid)
        assert keys.read(keys.SEC1, data).scalar == bytes(31) + b"\5"
    # A compressed point is worked out anew from the number.
    point = der.element(der.context(1), der.bits(unhex("02" + POINT[2:66])))
    data = der.sequence(der.number(b"\1"), der.element(der.OCTETS, b"\5"), oid, point)
    assert keys.read(keys.SEC1, data).point is None


def test_digests_of_certificates():
    assert hex(certificate.peer_digest(last(CERTIFICATE))) == DIGEST
    assert hex(certificate.peer_digest(last(RSA_CERTIFICATE))) == RSA_DIGEST
    assert hex(certificate.peer_digest(memoryview(last(CERTIFICATE)))) == DIGEST
    raises(ValueError, "bad DER", certificate.peer_digest, last(CERTIFICATE) + b"\0")
    raises(ValueError, "bad DER", certificate.peer_digest, last(PKCS8))
    raises(ValueError, "bad DER", certificate.peer_digest, b"")


def test_a_certificate():
    info = keys.read(keys.PKCS8, last(PKCS8)).public_info()
    signed = []

    def sign(message):
        signed.append(message)
        return b"signature"

    made = certificate.self_signed(info, certificate.ECDSA_SHA256, sign)
    assert certificate.public_info(made) == info
    assert hex(certificate.peer_digest(made)) == DIGEST
    assert signed[0] in made
    assert made.endswith(b"\3\x0a\0signature")
    assert made == certificate.self_signed(info, certificate.ECDSA_SHA256, sign)
    assert made.count(b"CN") == 0 and made.count(b"\x55\x04\x03\x0c\x05capnp") == 2
    assert b"700101010101Z" in made and b"99991231235959Z" in made
    serial = der.Reader(made).enter(der.SEQUENCE).enter(der.SEQUENCE)
    serial.enter(der.context(0))
    assert len(serial.number()) == 16


def test_a_certificate_of_version_1():
    nothing = der.sequence()
    info = der.sequence(der.number(b"\7"))
    signed = der.sequence(der.number(b"\1"), nothing, nothing, nothing, nothing, info)
    made = der.sequence(signed, nothing, der.bits(b""))
    assert certificate.public_info(made) == info


def fuzz(seed, data, read):
    """Damages data again and again; read() may raise ValueError, and nothing else."""
    random = Random(seed)
    refused = 0
    for _ in range(ROUNDS):
        bad = damaged(random, data)
        try:
            read(bad)
        except ValueError as error:
            refused += 1
            assert str(error)
    assert refused > ROUNDS // 8


def test_damaged_certificates():
    fuzz(1, last(CERTIFICATE), certificate.peer_digest)
    fuzz(2, last(RSA_CERTIFICATE), certificate.peer_digest)


def test_damaged_keys():
    fuzz(3, last(PKCS8), lambda data: keys.read(keys.PKCS8, data))
    fuzz(4, last(SEC1), lambda data: keys.read(keys.SEC1, data))
    fuzz(5, last(RSA), lambda data: keys.read(keys.PKCS1, data).public_info())
    fuzz(6, last(PKCS8), keys.guess)


def test_damaged_pem():
    fuzz(7, PKCS8, pem.decode)
    fuzz(8, SEC1, pem.decode)


def test_every_cut():
    for text, read in (
        (CERTIFICATE, certificate.peer_digest),
        (PKCS8, lambda data: keys.read(keys.PKCS8, data)),
        (SEC1, lambda data: keys.read(keys.SEC1, data)),
    ):
        data = last(text)
        for size in range(len(data)):
            raises(ValueError, "bad DER", read, data[:size])
