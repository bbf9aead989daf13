# SPDX-License-Identifier: MIT
"""Layer `vat`: structs in files, and a power cut at every operation on them."""

import os

from identitykit import Folder
from kinds import DATA, INT32
from wirekit import raises

from capnrpc_micro import log
from capnrpc_micro.identity import files
from capnrpc_micro.limits import Limits
from capnrpc_micro.message import MessageError
from capnrpc_micro.schema import Struct
from capnrpc_micro.vat.file_store import FileStore

RECORD = Struct("Record", 1, 1, ("x", INT32 | 0 << 5, None, "data", DATA | 0 << 5, None))
DIGEST = bytes(range(256 - 32, 256))  # with bytes that names of files do not like
OTHER = bytes(32)
REAL_OPEN = open


def record(x, size=100):
    return RECORD.new_message(x=x, data=bytes([x]) * size)


def value(store, digest):
    """The number of the record that is stored, None for none. A record is whole or not there."""
    found = store.load(digest, RECORD)
    if found is None:
        return None
    assert bytes(found.data) == bytes([found.x]) * len(found.data)
    return found.x


class Logged:
    """What is logged meanwhile."""

    def __enter__(self):
        self.texts = []
        log.log_to(lambda level, text: self.texts.append(text))
        return self.texts

    def __exit__(self, kind, error, trace):
        log.log_to(None)


def test_stored_and_loaded():
    with Folder() as folder, Logged() as logged:
        store = FileStore(folder)
        assert value(store, DIGEST) is None and list(store) == []
        store.save(DIGEST, record(1))
        store.save(OTHER, record(2, 0))
        assert value(store, DIGEST) == 1 and value(store, OTHER) == 2
        store.save(DIGEST, record(3, 5))
        store = FileStore(folder)
        assert value(store, DIGEST) == 3
        store.save(OTHER, store.load(DIGEST, RECORD))  # a reader, as well
        assert value(store, OTHER) == 3
        assert sorted(store) == sorted([DIGEST, OTHER])
        assert len(os.listdir(folder)) == 2
        store.remove(DIGEST)
        assert value(store, DIGEST) is None and list(store) == [OTHER]
        raises(KeyError, "nothing is stored", store.remove, DIGEST)
        assert not logged


def test_folders_are_made():
    with Folder() as folder:
        path = folder + "/a/b"
        FileStore(path).save(DIGEST, record(1))
        store = FileStore(path)
        assert value(store, DIGEST) == 1
        store.remove(DIGEST)
        os.rmdir(path)
        os.rmdir(folder + "/a")


def test_names_of_files():
    """Any digest makes a name that every file system takes."""
    with Folder() as folder:
        store = FileStore(folder)
        digests = [bytes([k]) * 32 for k in (0, 46, 47, 92, 255)] + [b"../../x", b"."]
        for k in range(len(digests)):
            store.save(digests[k], record(k))
        names = os.listdir(folder)
        assert len(names) == len(digests)
        for name in names:
            for letter in name:
                assert letter.isalpha() or letter.isdigit() or letter in "-_", name
        for k in range(len(digests)):
            assert value(store, digests[k]) == k
        assert sorted(store) == sorted(digests)


def test_what_cannot_be_read_is_reported_and_skipped():
    with Folder() as folder:
        store = FileStore(folder)
        store.save(DIGEST, record(1))
        (name,) = os.listdir(folder)
        path = folder + "/" + name
        with REAL_OPEN(path, "rb") as file:
            whole = file.read()
        store.save(OTHER, record(2))
        for data in (b"", whole[:-8], whole[:7], whole + bytes(8), bytes(64), b"\xff" * 64):
            with REAL_OPEN(path, "wb") as file:
                file.write(data)
            with Logged() as logged:
                assert store.load(DIGEST, RECORD) is None or data == bytes(64)
                assert data == bytes(64) or len(logged) == 1 and name in logged[0], logged
            assert value(store, OTHER) == 2
        with REAL_OPEN(folder + "/notes.txt", "wb") as file:
            file.write(b"x")
        with Logged() as logged:
            assert sorted(store) == sorted([DIGEST, OTHER])
            assert len(logged) == 1 and "notes.txt" in logged[0]
        store.save(DIGEST, record(3))
        assert value(store, DIGEST) == 3


def test_what_could_not_be_loaded_is_not_stored():
    with Folder() as folder:
        store = FileStore(folder, Limits(message_words=64, segments=1))
        store.save(DIGEST, record(1, 400))
        raises(MessageError, "exceeds the limit", store.save, DIGEST, record(2, 600))
        assert value(store, DIGEST) == 1


class Cut(Exception):
    """The power is gone."""


class Power:
    """Stands for `os` and `open` in a module, and goes away at the n-th operation."""

    def __init__(self, n):
        self.left = n

    def use(self):
        """One operation; the last is done by half."""
        self.left -= 1
        if self.left < 0:
            raise Cut

    def __getattr__(self, name):
        real = getattr(os, name)
        if name not in ("remove", "rename", "replace", "link", "open", "fsync"):
            return real

        def fn(*arguments):
            self.use()
            return real(*arguments)

        return fn

    def fdopen(self, fd, mode):
        return File(self, os.fdopen(fd, mode))

    def open_file(self, path, mode):
        self.use()
        return File(self, REAL_OPEN(path, mode))


class File:
    """An open file whose operations need power."""

    def __init__(self, power, file):
        self.power = power
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.file.close()

    def write(self, data):
        self.power.left -= 1
        if self.power.left < 0:
            self.file.write(data[: len(data) // 2])
            raise Cut
        self.file.write(data)

    def read(self, n):
        return self.file.read(n)

    def flush(self):
        self.file.flush()

    def fileno(self):
        return self.file.fileno()


def cut_at(n, fn, *arguments):
    """Calls fn while there is power for n operations. Whether it ended before."""
    power = Power(n)
    files.os = power
    files.open = power.open_file
    try:
        fn(*arguments)
        return False
    except Cut:
        return True
    finally:
        files.os = os
        del files.open


def test_power_cuts():
    """At each operation: the old content is there then, or the new one; and all goes on."""
    for size in (0, 3000):
        with Folder() as folder:
            store = FileStore(folder)
            old = None
            new = 1
            n = 0
            cuts = 0
            while True:
                cut = cut_at(n, store.save, DIGEST, record(new, size))
                store = FileStore(folder)
                found = value(store, DIGEST)
                assert found in (old, new) if cut else found == new, (n, cut, found)
                assert list(store) == ([] if found is None else [DIGEST])
                old = found
                new += 1
                if not cut:
                    break
                cuts += 1
                n += 1
            assert cuts >= 3
            store.save(DIGEST, record(99))
            assert value(store, DIGEST) == 99
            # Nothing comes back that was removed, whatever the cuts have left.
            cut_at(cuts - 1, store.save, DIGEST, record(100))
            store.remove(DIGEST)
            assert value(store, DIGEST) is None and list(store) == []
