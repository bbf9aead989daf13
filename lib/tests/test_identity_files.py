# SPDX-License-Identifier: MIT
"""Layer `identity`: private files, and those with a URI."""

import os

from identitykit import Folder, needs_random_numbers, raises

from capnrpc_micro.identity import capfile, entropy, files
from capnrpc_micro.identity.address import Address
from capnrpc_micro.identity.service_id import public_id, random_id

ADDRESS = Address(bytes(32), ("localhost", 7000), b"secret")


def content(path):
    with open(path, "rb") as file:
        return file.read()


def put(path, data):
    with open(path, "wb") as file:
        file.write(data)


def is_private(path):
    """Whether a file's mode is 0600, or it can have none: a board's file systems have no modes."""
    if not hasattr(os, "chmod") and not hasattr(os, "system"):
        return True
    try:
        return os.stat(path)[0] & 0o777 == 0o600
    except OverflowError:
        return True  # stat() has numbers that are too big for this interpreter


def test_written_and_read():
    with Folder() as folder:
        path = folder + "/file"
        assert files.read(path) is None
        files.write(path, b"first")
        assert files.read(path) == b"first"
        files.write(path, b"second, which is longer")
        assert content(path) == b"second, which is longer"
        files.write(path, b"")
        assert files.read(path) == b""
        assert os.listdir(folder) == ["file"]


def test_only_the_owner_may_read():
    with Folder() as folder:
        path = folder + '/it\'s; a "file" $HOME `x`'
        put(path, b"open to everybody")
        files.write(path, b"secret")
        assert files.read(path) == b"secret"
        assert is_private(path)
        assert len(os.listdir(folder)) == 1


def test_a_failure_leaves_the_old_file():
    with Folder() as folder:
        path = folder + "/file"
        files.write(path, b"old")
        raises(TypeError, "", files.write, path, None)
        assert content(path) == b"old"
        files.write(path, b"new")  # whatever the failure has left
        assert content(path) == b"new"
        raises(OSError, "", files.write, folder + "/missing/file", b"x")
        raises(OSError, "", files.read, path + "/file")
        assert os.listdir(folder) == ["file"]


def test_too_long_a_file_is_not_read():
    with Folder() as folder:
        put(folder + "/long", b"x" * 16384)
        assert len(files.read(folder + "/long")) == 16384
        put(folder + "/long", b"x" * 16385)
        raises(ValueError, "longer than 16384 bytes", files.read, folder + "/long")


def test_reading_takes_no_more_memory_than_the_file_is_long():
    with Folder() as folder:
        path = folder + "/file"
        put(path, b"content")
        assert files.read(path, 1000000000) == b"content"


def test_cap_files():
    with Folder() as folder:
        path = folder + "/main.cap"
        capfile.save(path, ADDRESS)
        assert content(path) == (ADDRESS.uri() + "\n").encode()
        assert is_private(path)
        assert capfile.load(path) == ADDRESS
        for text in ("%s", "%s\n", "\r\n\t %s \r\n\n"):
            put(path, (text % ADDRESS.uri()).encode())
            assert capfile.load(path) == ADDRESS


def test_what_is_no_cap_file():
    with Folder() as folder:
        path = folder + "/main.cap"
        raises(OSError, "", capfile.load, path)
        for data in (
            b"",
            b"\n",
            b"secret",
            b"capnp://insecure@localhost:7000/secret.",
            ADDRESS.uri().encode() + b"\nsecret",
            b"capnp://insecure@localhost:7000/secret\xff",
        ):
            put(path, data)
            text = raises(ValueError, path, capfile.load, path)
            assert "secret" not in text


def test_ids():
    assert public_id("main") == b"main"
    assert public_id("") == b""
    assert public_id("\u20ac") == b"\xe2\x82\xac"


def test_random_ids():
    needs_random_numbers()
    ids = [random_id() for _ in range(3)]
    assert [len(id) for id in ids] == [20, 20, 20]
    assert ids[0] != ids[1] != ids[2] != ids[0]
    secrets = [entropy.random32() for _ in range(3)]
    assert [len(secret) for secret in secrets] == [32, 32, 32]
    assert len(set(secrets)) == 3


class Source:
    """Stands for the module os; urandom() gives blocks of these bytes in turn."""

    def __init__(self, *blocks):
        self.blocks = blocks
        self.asked = 0

    def urandom(self, n):
        self.asked += 1
        return bytes([self.blocks[self.asked % len(self.blocks)]]) * n


def test_secrets_depend_on_many_random_bytes():
    os = entropy.os
    try:
        entropy.os = source = Source(*range(16))
        first = entropy.random32()
        assert source.asked == 16
        for at in range(16):
            blocks = list(range(16))
            blocks[at] += 16
            entropy.os = Source(*blocks)
            assert entropy.random32() != first
    finally:
        entropy.os = os


def test_a_source_that_stands_still_is_refused():
    os = entropy.os
    try:
        for blocks in ((0,), (42,), tuple(range(14)) + (5, 5)):
            entropy.os = Source(*blocks)
            raises(RuntimeError, "repeats itself", entropy.random32)
            raises(RuntimeError, "repeats itself", random_id)
    finally:
        entropy.os = os
