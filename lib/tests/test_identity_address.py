# SPDX-License-Identifier: MIT
"""Layer `identity`: capnp:// URIs, and the letters of digests and ids."""

from identitykit import raises, unhex

from capnrpc_micro.identity import base64url
from capnrpc_micro.identity.address import Address, digest_text

DIGEST_TEXT = "s16WV4JeGusAL_nTjvICiQOFqm3LqYrDj3K-HXdMi8s"
DIGEST = unhex("b35e9657825e1aeb002ff9d38ef202890385aa6dcba98ac38f72be1d774c8bcb")
SECURE = "capnp://sha-256:" + DIGEST_TEXT + "@"
SECRET = b"\xfb\xff secret id \0\xfe"
HERE = ("localhost", 7000)


def test_base64url_vectors_of_rfc_4648():
    for data, text in (
        (b"", ""),
        (b"f", "Zg"),
        (b"fo", "Zm8"),
        (b"foo", "Zm9v"),
        (b"foob", "Zm9vYg"),
        (b"fooba", "Zm9vYmE"),
        (b"foobar", "Zm9vYmFy"),
        (b"\xfb\xff\xbf", "-_-_"),
        (b"\x14\xfb\x9c\x03\xd9\x7e", "FPucA9l-"),
    ):
        assert base64url.encode(data) == text
        assert base64url.decode(text) == data


def test_base64url_is_strict():
    for text in (
        "Z",
        "Zm9vY",  # lengths that no bytes have
        "Zg==",
        "Zm8=",
        "=",
        "Zm9v=",  # padding
        "Zh",
        "Zm9",  # last bits that are not zero
        "-_+_",
        "-_/_",  # letters of plain base64
        "Zm9v\n",
        " Zm9v",
        "Zm 9v",
        "Zm9v\0\0\0\0",
        "Zm9\u00f6",
        "Zm9\u0661",
        "....",
    ):
        raises(ValueError, "not base64url", base64url.decode, text)


def test_golden_uris():
    for uri, address in (
        ("capnp://insecure@/sock/", Address(None, "/sock")),
        ("capnp://insecure@localhost:7000", Address(None, HERE)),
        (SECURE + "localhost:7000/bWFpbg", Address(DIGEST, HERE, b"main")),
        (SECURE + "/sock/bWFpbg", Address(DIGEST, "/sock", b"main")),
    ):
        assert address.uri() == uri
        assert Address.parse(uri) == address
        assert Address.parse(uri).uri() == uri


def test_parts():
    address = Address.parse(SECURE + "192.0.2.1:7000/bWFpbg")
    assert address.digest == DIGEST
    assert address.where == ("192.0.2.1", 7000)
    assert address.service == b"main"
    assert digest_text(DIGEST) == "sha-256:" + DIGEST_TEXT
    assert digest_text(None) == "insecure"
    address = Address.parse("capnp://insecure@/run/a/socket/bWFpbg")
    assert address.digest is None
    assert address.where == "/run/a/socket"


def test_the_main_service_has_no_id():
    for uri in ("capnp://insecure@localhost:7000", "capnp://insecure@localhost:7000/"):
        assert Address.parse(uri) == Address(None, HERE)
    assert Address(None, HERE, b"x").with_service(b"") == Address(None, HERE)
    assert Address(DIGEST, "/s").with_service(b"x") == Address(DIGEST, "/s", b"x")


def test_ipv6():
    for host, written in (
        ("::1", "[::1]"),
        ("2001:db8::192.0.2.1", "[2001:db8::192.0.2.1]"),
        ("fe80::1%eth0", "[fe80::1%25eth0]"),
    ):
        address = Address(None, (host, 80), b"x")
        assert address.uri() == "capnp://insecure@" + written + ":80/eA"
        assert Address.parse(address.uri()) == address


def test_what_a_path_may_hold():
    for path in (
        "/",
        "/a b",
        "/a%20b",
        "/a//b",
        "/a/",
        "/\u00e4/\u20ac",
        "/x?y#z",
        "/@:[]",
        "/\n",
    ):
        for service in (b"", b"main"):
            address = Address(DIGEST, path, service)
            uri = address.uri()
            assert all(33 <= ord(letter) < 127 for letter in uri)
            assert Address.parse(uri) == address, uri
    assert Address(None, "/a b").uri() == "capnp://insecure@/a%20b/"
    assert Address.parse("capnp://insecure@/%73%6fck/") == Address(None, "/sock")


def test_what_is_no_uri():
    plain = "capnp://insecure@"
    for text, uri in (
        ("missing scheme", ""),
        ("missing scheme", "localhost:7000"),
        ("missing scheme", "capnp:insecure@localhost:7000"),
        ("unknown scheme", "http://insecure@localhost:7000"),
        ("unknown scheme", "Capnp://insecure@localhost:7000"),
        ("unknown scheme", " capnp://insecure@localhost:7000"),
        ("unknown scheme", "://insecure@localhost:7000"),
        ("missing port", plain + "localhost"),
        ("missing port", plain + "localhost/eA"),
        ("missing port", plain + "localhost:"),
        ("missing port", plain + "[::1]"),
        ("port without host", plain + ":7000"),
        ("port", plain + "localhost:0"),
        ("port", plain + "localhost:65536"),
        ("port", plain + "localhost:99999999999999999999"),
        ("port", plain + "localhost:7_0"),
        ("port", plain + "localhost:+70"),
        ("port", plain + "localhost: 70"),
        ("port", plain + "localhost:\u0667"),
        ("port", plain + "localhost:70?x"),
        ("port", plain + "::1:7000"),
        ("host", plain + "a b:7000"),
        ("host", plain + "\u00e4:7000"),
        ("host", plain + "a%41:7000"),
        ("host", plain + "user@localhost:7000"),
        ("IPv6", plain + "[::1"),
        ("IPv6", plain + "[::1]7000"),
        ("IPv6", plain + "[localhost]:7000"),
        ("host", plain + "[::g]:7000"),
        ("zone", plain + "[::1%25]:7000"),
        ("%XX", plain + "[::1%]:7000"),
        ("unknown hash type", "capnp://sha256:" + DIGEST_TEXT + "@localhost:7000"),
        ("unknown hash type", "capnp://sha-512:" + DIGEST_TEXT + "@localhost:7000"),
        ("unknown hash type", "capnp://insecure:x@localhost:7000"),
        ("unknown hash type", "capnp://insecure:@localhost:7000"),
        ("bad digest", "capnp://sha-256:" + DIGEST_TEXT + "=@localhost:7000"),
        ("bad digest", "capnp://sha-256:" + DIGEST_TEXT[:-1] + "t@localhost:7000"),
        ("bad digest", "capnp://sha-256:a:b@localhost:7000"),
        ("32 bytes", "capnp://sha-256:bWFpbg@localhost:7000"),
        ("missing digest", "capnp://localhost:7000"),
        ("missing digest", "capnp://@localhost:7000"),
        ("missing digest", "capnp://:" + DIGEST_TEXT + "@localhost:7000"),
        ("missing digest value", "capnp://sha-256:@localhost:7000"),
        ("missing digest value", "capnp://sha-256@localhost:7000"),
        ("missing host", plain),
        ("missing host", plain + "/"),
        ("missing host", plain + "/sock"),
        ("bad service id", plain + "/tmp/calc.socket"),
        ("bad service id", plain + "localhost:7000/calc.socket"),
        ("bad service id", plain + "localhost:7000/a/b"),
        ("bad service id", plain + "localhost:7000/eA?"),
        ("bad service id", plain + "localhost:7000/eA#x"),
        ("bad service id", plain + "localhost:7000/eA\n"),
        ("bad service id", plain + "localhost:7000/..."),
        ("%XX", plain + "/a%/"),
        ("%XX", plain + "/a%4/"),
        ("%XX", plain + "/a%+4/"),
        ("%XX", plain + "/a b/"),
        ("%XX", plain + "/a?b/"),
        ("%XX", plain + "/\u00e4/"),
        ("", plain + "/%ff/"),
        ("NUL", plain + "/%00/"),
    ):
        raises_value(text, uri)


def raises_value(text, uri):
    try:
        found = Address.parse(uri)
    except ValueError as error:  # or one of its kinds, for text that is not UTF-8
        assert text in str(error), (uri, str(error))
        assert DIGEST_TEXT not in str(error)
    else:
        raise AssertionError("%s was taken for %r" % (uri, found))


def test_no_error_has_a_part_of_the_uri():
    id = "cGFzc3dvcmQ"
    for uri in (
        "localhost:7000/" + id,
        "http://localhost/" + id,
        "capnp://" + id + "@localhost:7000",
        "capnp://" + id + ":" + id + "@localhost:7000",
        "capnp://sha-256:" + id + "@localhost:7000/" + id,
        "capnp://sha-256:" + id + "=@localhost:7000/" + id,
        "capnp://insecure@" + id,
        "capnp://insecure@" + id + ":" + id,
        "capnp://insecure@localhost:7000/" + id + "=",
        "capnp://insecure@/" + id,
        "capnp://insecure@/sock/" + id + ".",
        "capnp://insecure@[" + id + "]:7000/" + id,
        "capnp://insecure@/" + id + "%/" + id,
    ):
        assert id not in raises(ValueError, "", Address.parse, uri)


def test_what_no_address_can_hold():
    for arguments in (
        (b"short", HERE),
        (DIGEST + b"x", HERE),
        (None, "relative"),
        (None, ""),
        (None, "/a\0b"),
        (None, ("", 7000)),
        (None, ("%eth0", 7000)),
        (None, ("a/b", 7000)),
        (None, ("a@b", 7000)),
        (None, ("a%b", 7000)),
        (None, ("::1%", 7000)),
        (None, ("::1%a/b", 7000)),
        (None, ("[::1]", 7000)),
        (None, ("localhost", 0)),
        (None, ("localhost", -1)),
        (None, ("localhost", 65536)),
    ):
        raises(ValueError, "", Address, *arguments)


def test_addresses_are_values():
    one = Address(DIGEST, HERE, b"main")
    assert one == Address(bytearray(DIGEST), ["localhost", 7000], memoryview(b"main"))
    others = (
        Address(None, HERE, b"main"),
        Address(DIGEST, ("localhost", 7001), b"main"),
        Address(DIGEST, ("Localhost", 7000), b"main"),
        Address(DIGEST, "/localhost", b"main"),
        Address(DIGEST, HERE, b"Main"),
        Address(DIGEST, HERE),
        one.uri(),
        None,
    )
    for other in others:
        assert one != other
        assert not one == other
    names = {one: "one", others[0]: "other"}
    assert names[Address.parse(one.uri())] == "one"
    assert names[others[0].with_service(b"main")] == "other"
    assert others[1] not in names


def test_the_id_of_a_service_is_only_in_the_uri():
    for where in (HERE, ("::1", 1), "/sock"):
        address = Address(DIGEST, where, SECRET)
        id = base64url.encode(SECRET)
        assert id in address.uri()
        for text in (repr(address), str(address), "%s %r" % (address, address), str([address])):
            assert id not in text
            assert DIGEST_TEXT in text
            assert "/..." in text
        # What was copied from a log is not taken for the main service.
        raises(ValueError, "bad service id", Address.parse, str(address))
    assert str(Address(None, HERE)) == "capnp://insecure@localhost:7000"
    assert str(Address(None, "/sock")) == "capnp://insecure@/sock/"
