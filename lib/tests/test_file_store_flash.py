# SPDX-License-Identifier: MIT
"""Layer `vat`: the file store on a board's file systems, with the power cut at every write to flash."""

from run import skip
from test_file_store import DIGEST, OTHER, record, value

from capnrpc_micro.vat.file_store import FileStore

BLOCK = 512
BLOCKS = 64
WHERE = "/capnrpc_micro_flash"


class Flash:
    """A block device in memory. The write at which the power is cut is done by half, unless writes are
    `atomic`, later ones not at all; another Flash with the same memory is what the board finds when it
    starts again.

    left   how many writes and erasures are done until then
    """

    def __init__(self, atomic, data=None):
        self.atomic = atomic
        self.data = data or bytearray(b"\xff" * (BLOCK * BLOCKS))
        self.left = 1 << 20

    def readblocks(self, n, buffer, offset=0):
        at = n * BLOCK + offset
        buffer[:] = memoryview(self.data)[at : at + len(buffer)]
        return 0

    def writeblocks(self, n, buffer, offset=0):
        return self.put(n * BLOCK + offset, buffer)

    def put(self, at, data):
        # Without memory when the power is gone: files that are open then are closed by the collector.
        if self.left < 0:
            return -5
        self.left -= 1
        size = len(data)
        if self.left < 0:
            size = 0 if self.atomic else size >> 1
        self.data[at : at + size] = memoryview(data)[:size]
        return -5 if self.left < 0 else 0

    def ioctl(self, op, argument):
        if op == 4:
            return BLOCKS
        if op == 5:
            return BLOCK
        if op == 6:
            return self.put(argument * BLOCK, b"\xff" * BLOCK)
        return 0


def file_system(name):
    try:
        import vfs

        return vfs, getattr(vfs, name)
    except (ImportError, AttributeError):
        skip("needs MicroPython's file systems")


def each_cut(name, atomic):
    """Saves twice, with a power cut at each write to flash in turn."""
    vfs, kind = file_system(name)
    flash = Flash(atomic)
    kind.mkfs(flash)
    vfs.mount(kind(flash), WHERE)
    path = WHERE + "/refs"
    try:
        store = FileStore(path)
        store.save(DIGEST, record(1, 700))
        store.save(OTHER, record(50, 10))
        old = 1
        n = cuts = 0
        found_old = found_new = 0
        while True:
            new = old + 1
            flash.left = n
            cut = False
            try:
                store.save(DIGEST, record(new, 700))
            except OSError:
                cut = True
            # The board starts again: nothing but what is in the flash is left.
            flash.left = -1
            vfs.umount(WHERE)
            flash = Flash(atomic, flash.data)
            vfs.mount(kind(flash), WHERE)
            store = FileStore(path)
            found = value(store, DIGEST)
            assert found in (old, new) if cut else found == new, (n, cut, found)
            assert value(store, OTHER) == 50
            assert sorted(store) == sorted([DIGEST, OTHER])
            found_old += found == old
            found_new += found == new
            old = found
            if not cut:
                break
            cuts += 1
            n += 1
        assert cuts > 3 and found_old and found_new, (cuts, found_old, found_new)
    finally:
        vfs.umount(WHERE)


def test_littlefs():
    each_cut("VfsLfs2", False)


def test_fat():
    """FAT does not bear a sector that is written by half."""
    each_cut("VfsFat", True)
