# SPDX-License-Identifier: MIT
"""Layer `identity`: HMAC, P-256 and RSA against the standards' own examples."""

from hashlib import sha256

from identitykit import (
    POINT,
    RSA,
    SCALAR,
    Random,
    hex,
    needs_random_numbers,
    raises,
    unhex,
)
from run import Skip, needs_big_integers, skip

from capnrpc_micro.identity import der, p256, pem, rsa
from capnrpc_micro.identity.hmac import hmac_sha256

ORDER = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
PRIME = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"


def scalar(text):
    """A number of 32 bytes from hexadecimal digits."""
    return unhex("0" * (64 - len(text)) + text)


def test_hmac_vectors_of_rfc_4231():
    for key, message, code in (
        (
            b"\x0b" * 20,
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            b"\xaa" * 20,
            b"\xdd" * 50,
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        ),
        (
            bytes(range(1, 26)),
            b"\xcd" * 50,
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        ),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            b"\xaa" * 131,
            b"This is a test using a larger than block-size key and a larger than block-size "
            b"data. The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        ),
    ):
        assert hex(hmac_sha256(key, message)) == code
    # At the edge: a key of a block's length is taken as it is.
    assert hmac_sha256(b"k" * 64, b"") != hmac_sha256(sha256(b"k" * 64).digest(), b"")
    assert hmac_sha256(b"k" * 65, b"") == hmac_sha256(sha256(b"k" * 65).digest(), b"")


# Multiples of the base point: small ones, some whose bits leave out or fill the quarters that the
# multiplication goes through side by side, and the two largest.
MULTIPLES = (
    (
        "1",
        "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
    ),
    (
        "2",
        "7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978",
        "07775510db8ed040293d9ac69f7430dbba7dade63ce982299e04b79d227873d1",
    ),
    (
        "3",
        "5ecbe4d1a6330a44c8f7ef951d4bf165e6c6b721efada985fb41661bc6e7fd6c",
        "8734640c4998ff7e374b06ce1a64a2ecd82ab036384fb83d9a79b127a27d5032",
    ),
    (
        "4",
        "e2534a3532d08fbba02dde659ee62bd0031fe2db785596ef509302446b030852",
        "e0f1575a4c633cc719dfee5fda862d764efc96c3f30ee0055c42c23f184ed8c6",
    ),
    (
        "14",
        "83a01a9378395bab9bcd6a0ad03cc56d56e6b19250465a94a234dc4c6b28da9a",
        "76e49b6de2f73234ae6a5eb9d612b75c9f2202bb6923f54ff8240aaa86f640b8",
    ),
    (
        "18ebbb95eed0e13",
        "339150844ec15234807fe862a86be77977dbfb3ae3d96f4c22795513aeaab82f",
        "b1c14ddfdc8ec1b2583f51e85a5eb3a155840f2034730e9b5ada38b674336a21",
    ),
    (
        "8000000000000000",
        "298a401a6ee92414a708fbc0a52e5a71e93e7ca26bc0ec3617a4f678c5d62af3",
        "18f9a3aa04fe0466e40985ffc80c90df4866e6b9604ed6ef94763ef0af0a3d96",
    ),
    (
        "10000000000000000",
        "0fa822bc2811aaa58492592e326e25de29493baaad651f7e90e75cb48e14db63",
        "bff44ae8f5dba80d6f4ad4bcb3df188b34b1a65050fe82f5e41124545f462ee7",
    ),
    (
        "ffffffffffffffff",
        "fcb7116120d0174bc4191acf8423c0baff33d7071d3980926f3136898abf6bd1",
        "deeae37c8366664424aa32136e277d6a41f3c2388752102333192f74f86c5bd9",
    ),
    (
        "8000000000000000000000000000000000000000000000000000000000000000",
        "77b20a912e6b23135066e911891524bc4efe3560e3e92350b52dec8f375f2b54",
        "a3dc291825cea3f7f7b10bfcdd038a72df623da1e850e0f1caa801fcd6cc67ff",
    ),
    (
        "ffffffffffffffffffffffffffffffffffffffffffffffff",
        "99392ce7f8b47226baf2818cc21f406033cd75f925c564920be6f8e316e79416",
        "bf8e7d315ceea3cfbfb99588871e2fcf4e6745f5e03e2edf6640a5de7fa1f875",
    ),
    (
        "5555555555555555555555555555555555555555555555555555555555555555",
        "57e977f6db7e33c3fe7acf2842ed987009caf56d458682fca447b7d3d762ab34",
        "c5ab3770ba573bdff5414065640ffb5b346dfa84dec4db4d68e5f59cc471c2ec",
    ),
    (
        "1000000000000000100000000000000010000000000000001",
        "b48e26b484f7a21c0a4a46fb6aaf363a66b0de3225c4744b9615b5110d1d78e5",
        "fac015404d4d3dab64131bcdfed6f668c004e4048b7b0f9806ebb0f621a01b2d",
    ),
    (
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254f",
        "7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978",
        "f888aaee24712fc0d6c26539608bcf244582521ac3167dd661fb4862dd878c2e",
    ),
    (
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
        "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
        "b01cbd1c01e58065711814b583f061e9d431cca994cea1313449bf97c840ae0a",
    ),
)


def test_multiples_of_the_base_point():
    needs_big_integers(256)
    for number, x, y in MULTIPLES:
        assert hex(p256.public(scalar(number))) == "04" + x + y


def test_adding_has_no_exceptions():
    needs_big_integers(256)
    curve = p256._Curve()
    p = int.from_bytes(unhex(PRIME), "big")
    base = tuple(int.from_bytes(p256._BASES[at : at + 32], "big") for at in (0, 32)) + (1,)
    zero = (0, 1, 0)
    minus = (base[0], p - base[1], 1)

    def same(one, other):
        x, y, z = one
        u, v, w = other
        return (
            (x * w - u * z) % p == 0 and (y * w - v * z) % p == 0 and (z % p == 0) == (w % p == 0)
        )

    two = curve.add(base, base)
    assert not same(two, base) and not same(two, zero)
    assert same(curve.add(zero, zero), zero)
    assert same(curve.add(zero, base), base) and same(curve.add(base, zero), base)
    assert same(curve.add(base, minus), zero) and same(curve.add(minus, base), zero)
    assert same(curve.add(two, minus), base)
    assert same(curve.add(curve.add(two, base), base), curve.add(two, two))


def test_numbers_out_of_range():
    for text in ("0", ORDER, ORDER[:-1] + "2", "f" * 64):
        raises(ValueError, "out of range", p256.public, scalar(text))


def test_new_numbers():
    needs_random_numbers()
    numbers = [p256.new() for _ in range(3)]
    assert numbers[0] != numbers[1] != numbers[2] != numbers[0]
    for number in numbers:
        assert len(number) == 32
        assert bytes(32) < number < unhex(ORDER)


def test_public_point_of_rfc_6979():
    needs_big_integers(256)
    assert hex(p256.public(unhex(SCALAR))) == POINT.lower()


def test_signatures_of_rfc_6979():
    needs_big_integers(256)
    for message, r, s in (
        (
            b"sample",
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
            "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        ),
        (
            b"test",
            "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
            "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
        ),
    ):
        expected = der.sequence(der.number(unhex(r)), der.number(unhex(s)))
        assert p256.sign(unhex(SCALAR), message) == expected


def test_no_nonce_serves_for_two_messages_or_keys():
    seen = []
    for key in (SCALAR, SCALAR[:-1] + "2"):
        for message in (b"", b"a", b"b"):
            seen.append(next(p256._nonces(unhex(key), sha256(message).digest())))
    assert len(set(seen)) == 6
    # Candidates that do not serve are followed by others.
    nonces = p256._nonces(unhex(SCALAR), sha256(b"").digest())
    assert len({next(nonces) for _ in range(5)}) == 5


def test_nonces_are_below_the_order():
    order = p256._N
    p256._N = b"\x20" + bytes(31)  # so that most candidates are too large
    try:
        nonces = p256._nonces(unhex(SCALAR), sha256(b"").digest())
        for _ in range(10):
            assert bytes(32) < next(nonces) < p256._N
    finally:
        p256._N = order


def test_rsa_signatures():
    needs_big_integers(2100)
    pkcs1 = pem.decode(RSA)[0][1]
    # By OpenSSL: dgst -sha256 -sign
    assert (
        hex(sha256(rsa.sign(pkcs1, b"sample")).digest())
        == "80407cfeef4140d826b9cb4e04de26630dfa9463ed9982affaeac2116aecb521"
    )
    modulus, public = _rsa_public(pkcs1)
    text = pow(int.from_bytes(rsa.sign(pkcs1, b"test"), "big"), public, modulus)
    assert text.to_bytes(256, "big").endswith(b"\0\4\x20" + sha256(b"test").digest())


def _rsa_public(pkcs1):
    reader = der.Reader(pkcs1).enter(der.SEQUENCE)
    reader.number()
    return [int.from_bytes(reader.number(), "big") for _ in range(2)]


def test_a_damaged_rsa_key_signs_nothing():
    needs_big_integers(2100)
    pkcs1 = pem.decode(RSA)[0][1]
    random = Random(9)
    for _ in range(6):
        bad = bytearray(pkcs1)
        # Behind the modulus, and inside numbers: their heads stay.
        at = 1000 + random.below(100)
        bad[at] ^= 1 << random.below(8)
        raises(ValueError, "do not fit together", rsa.sign, bytes(bad), b"sample")


def test_without_big_integers():
    try:
        needs_big_integers(256)
    except Skip:
        for fn, arguments in (
            (p256.public, (unhex(SCALAR),)),
            (p256.sign, (unhex(SCALAR), b"sample")),
            (rsa.sign, (pem.decode(RSA)[0][1], b"sample")),
        ):
            raises(NotImplementedError, "no big integers here", fn, *arguments)
        return
    skip("this interpreter has big integers")
