# SPDX-License-Identifier: MIT
"""Layer `vat`: structs in files, and power cuts while they are written."""

import gc
import os

from identitykit import Folder, raises
from kinds import DATA, INT32
from powerkit import Cut, Disk, Flash, Plain
from run import needs_micropython

from capnrpc_micro.extra.files import to_bytes
from capnrpc_micro.identity import files
from capnrpc_micro.identity.base64url import encode
from capnrpc_micro.log import log_to
from capnrpc_micro.schema import Struct
from capnrpc_micro.vat import file_store
from capnrpc_micro.vat.file_store import FileStore

STATE = Struct("State", 1, 1, ("n", INT32 | 0 << 5, None, "text", DATA | 0 << 5, None))
DIGEST = bytes(range(224, 256))
OTHER = b"\xff" * 32
ALL = (DIGEST, OTHER, bytes(32), b"\xfb\xef\xbe" * 10 + b"/.")


def state(n, size=40):
    """A struct with a number, and so many bytes of it."""
    built = STATE.new_message()
    built.n = n
    built.text = bytes([n]) * size
    return built


def number(store, digest=DIGEST):
    """The number of the struct that was saved, which must be whole; None if there is none."""
    found = store.load(digest, STATE)
    if found is None:
        return None
    text = bytes(found.text)
    assert text == bytes([found.n]) * len(text)
    return found.n


class Replaced:
    """`os` and `open` of what the store uses are other ones: `with Replaced(os, open)`."""

    def __init__(self, other, other_open=open):
        self.other = other
        self.open = other_open

    def __enter__(self):
        self.before = files.os
        files.os = file_store.os = self.other
        files.open = file_store.open = self.open

    def __exit__(self, *error):
        files.os = file_store.os = self.before
        files.open = file_store.open = open


def logged(fn, *arguments):
    """(what fn returns, lines that were logged)."""
    lines = []
    log_to(lambda level, text: lines.append(text))
    try:
        return fn(*arguments), lines
    finally:
        log_to(None)


def test_saved_and_loaded():
    with Folder() as folder:
        store = FileStore(folder)
        assert list(store) == [] and number(store) is None
        for n, digest in enumerate(ALL):
            store.save(digest, state(n))
        store.save(OTHER, state(99, 3))
        for again in (store, FileStore(folder)):
            assert sorted(again) == sorted(ALL)
            assert [number(again, digest) for digest in ALL] == [0, 99, 2, 3]
        store.remove(OTHER)
        store.remove(OTHER)
        assert number(store, OTHER) is None and len(list(store)) == 3
        assert len(os.listdir(folder)) == 3


def test_the_directory_is_made():
    with Folder() as folder:
        path = folder + "/refs"
        FileStore(path).save(DIGEST, state(1))
        store = FileStore(path)
        assert number(store) == 1
        store.remove(DIGEST)
        os.rmdir(path)
        raises(OSError, "", FileStore, folder + "/not/there")


def test_a_file_is_one_framed_message():
    with Folder() as folder:
        FileStore(folder).save(DIGEST, state(5))
        with open(folder + "/" + encode(DIGEST), "rb") as file:
            data = file.read()
        built = state(5)
        assert data == built.to_bytes() == to_bytes(built._m)
        assert STATE.from_bytes(data).n == 5


def test_a_struct_that_was_read_is_saved():
    with Folder() as folder:
        store = FileStore(folder)
        store.save(DIGEST, state(5))
        store.save(OTHER, store.load(DIGEST, STATE))
        assert number(store, OTHER) == 5


def test_what_is_refused():
    with Folder() as folder:
        store = FileStore(folder)
        for digest in (b"", b"../../etc/passwd", bytes(33)):
            for fn in (lambda d: store.save(d, state(1)), store.remove):
                raises(ValueError, "32 bytes", fn, digest)
            raises(ValueError, "32 bytes", store.load, digest, STATE)
        store.save(DIGEST, state(7))
        raises(ValueError, "more than 16384", store.save, DIGEST, state(1, 16384))
        assert number(store) == 7
        store.save(DIGEST, state(8, 16300))
        assert number(store) == 8


def test_what_cannot_be_read_is_told_and_skipped():
    with Folder() as folder:
        store = FileStore(folder)
        whole = state(1).to_bytes()
        for bad in (b"", b"\0", whole[:-1], whole + b"x", bytes(20), bytes(16385), b"\xff" * 80):
            with open(folder + "/" + encode(DIGEST), "wb") as file:
                file.write(bad)
            store, lines = logged(FileStore, folder)
            assert not lines
            found, lines = logged(store.load, DIGEST, STATE)
            assert found is None and len(lines) == 1 and encode(DIGEST) in lines[0], lines
            store.save(OTHER, state(3))
            assert number(store, OTHER) == 3 and len(list(store)) == 2
            store.save(DIGEST, state(4))
            assert number(store) == 4


def test_other_files_are_no_entries():
    with Folder() as folder:
        for name in (
            "README",
            "a.b",
            encode(b"short"),
            encode(DIGEST) + "=",
            encode(DIGEST) + ".new",
        ):
            with open(folder + "/" + name, "wb") as file:
                file.write(b"something")
        store = FileStore(folder)
        assert list(store) == []
        assert len(os.listdir(folder)) == 4, "what a power cut has left is removed, nothing else"


def each_operation(failing, before):
    """Each operation of a save fails in turn, after one more power cut at each while that is mended."""
    seen = []
    over = False
    at = 0
    while not over:
        for second in range(4):
            disk = Disk()
            with Replaced(disk, disk.builtin_open):
                if before:
                    FileStore("d").save(DIGEST, state(before))
                FileStore("d").save(OTHER, state(9))
                store = FileStore("d")
                disk.limit(at, failing)
                done = False
                try:
                    store.save(DIGEST, state(2))
                    done = True
                except (Cut, OSError):
                    pass
                over = done and bool(
                    disk.left
                )  # else what failed did not matter, or nothing is left
                if failing is OSError:
                    seen.append(number(store))
                    assert seen[-1] in ((2,) if done else (before, 2, None)), seen
                    disk.limit(None)
                    store.save(OTHER, state(8))
                else:
                    disk.limit(second)
                    try:
                        FileStore("d")
                    except Cut:
                        pass
                disk.limit(None)
                again = FileStore("d")
                seen.append(number(again))
                assert seen[-1] in ((2,) if done else (before, 2)), (at, second, seen)
                assert number(again, OTHER) == (8 if failing is OSError else 9)
                again.save(DIGEST, state(3))
                assert number(again) == 3 and len(disk.files) == 2
        at += 1
    assert at > 3 and 2 in seen and before in seen


def test_power_cut_at_each_operation():
    for before in (1, None):
        each_operation(Cut, before)


def test_each_operation_fails():
    for before in (1, None):
        each_operation(OSError, before)


def test_a_save_that_failed_in_its_second_half_is_not_lost():
    needs_micropython()  # elsewhere renaming is safe
    disk = Disk()
    with Replaced(disk, disk.builtin_open):
        store = FileStore("d")
        store.save(DIGEST, state(1))
        path = "d/" + encode(DIGEST)
        for at in range(9):
            disk.limit(at, OSError)
            try:
                store.save(DIGEST, state(2))
            except OSError:
                pass
            disk.limit(None)
            if path + ".new" in disk.files and not disk.files[path]:
                break
        assert number(store) == 2
        for second in range(12):
            kept = dict(disk.files)
            disk.limit(second)
            try:
                store.save(DIGEST, state(3))
            except Cut:
                pass
            disk.limit(None)
            assert number(FileStore("d")) in (2, 3)
            disk.files = kept
        store.remove(DIGEST)
        assert number(FileStore("d")) is None and not disk.files


def on_a_file_system(kind, blocks, options, others):
    """The power goes at each write to a block device, with the interpreter's own file system on it."""
    needs_micropython()
    try:
        import vfs
    except ImportError:
        vfs = os
    make = getattr(vfs, kind)
    flash = Flash(blocks)
    make.mkfs(flash, **options)
    seen = []

    def mounted(fn):
        vfs.mount(make(flash, **options), "/cut")
        try:
            return fn()
        finally:
            vfs.umount("/cut")

    def prepare():
        store = FileStore("/cut/store")
        for n in range(others):
            store.save(bytes([n]) * 32, state(n, 600))
        store.save(DIGEST, state(1, 700))

    def write():
        FileStore("/cut/store").save(DIGEST, state(2, 900))

    def cut():
        try:
            write()
        except OSError:
            pass

    def look():
        store = FileStore("/cut/store")
        seen.append(number(store))
        assert seen[-1] in (1, 2), seen
        store.save(DIGEST, state(3, 800))
        store.save(OTHER, state(4, 1500))
        assert number(store) == 3 and number(store, OTHER) == 4
        for n in range(others):
            assert number(store, bytes([n]) * 32) == n
        assert len(os.listdir("/cut/store")) == others + 2

    with Replaced(Plain):
        mounted(prepare)
        image = bytes(flash.data)
        at = 0
        while True:
            gc.collect()
            flash.data[:] = image
            flash.left = at
            mounted(cut)
            over = flash.left > 0
            flash.left = None
            mounted(look)
            if over:
                break
            at += 1
    assert at > 3 and seen[0] == 1 and seen[-1] == 2, (at, seen)


def test_power_cut_at_each_write_on_littlefs():
    options = {"readsize": 32, "progsize": 32, "lookahead": 32}
    on_a_file_system("VfsLfs2", 48, options, 2)


def test_power_cut_at_each_write_on_fat():
    for others in (0, 3):
        on_a_file_system("VfsFat", 80, {}, others)
