# SPDX-License-Identifier: MIT
"""Power cuts.

Cut     what a simulated operation raises when the power goes
Disk    a directory's files in memory, in place of `os` and `open`; the power goes at one operation
Flash   a block device in memory; the power goes at one of its writes
Plain   `os` without what only the unix port has
"""

import os


class Cut(BaseException):
    """The power is gone."""


class Disk:
    """Files in memory. Each operation, and each half of those that have two, may be the last one.

    files     bytes by path
    left      how many operations the power lasts; None for ever
    failing   what the last operation raises: Cut, after which all others do, or OSError
    """

    O_WRONLY = O_CREAT = O_EXCL = 0

    def __init__(self):
        self.files = {}
        self.left = None
        self.failing = Cut

    def limit(self, operations, failing=Cut):
        self.left = operations
        self.failing = failing

    def step(self):
        """One operation. Returns when it may take place."""
        if self.left is None:
            return
        if not self.left:
            if self.failing is Cut:
                raise Cut
            self.left = None
            raise OSError(5)  # EIO
        self.left -= 1

    def find(self, path):
        if path not in self.files:
            raise OSError(2, "ENOENT")

    # As in `os`.

    def getpid(self):
        return 7

    def mkdir(self, path):
        raise OSError(17, "EEXIST")

    def listdir(self, path):
        return [name[len(path) + 1 :] for name in self.files]

    def remove(self, path):
        self.step()
        self.find(path)
        self.files.pop(path)

    def rename(self, old, new):
        self.step()
        self.find(old)
        self.files[new] = self.files.pop(old)

    replace = rename

    def open(self, path, *_):
        """Of `os`: makes a file."""
        self.step()
        self.files[path] = b""
        return path

    def fdopen(self, path, mode):
        return File(self, path)

    def fsync(self, path):
        self.step()

    # In place of the builtin.

    def builtin_open(self, path, mode="rb"):
        if mode == "wb":
            self.open(path)
        self.find(path)
        return File(self, path)


class File:
    """An open file."""

    def __init__(self, disk, path):
        self.disk = disk
        self.path = path
        self.at = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def write(self, data):
        disk = self.disk
        for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
            disk.step()
            disk.files[self.path] += bytes(piece)

    def read(self, n):
        self.at += n
        return self.disk.files[self.path][self.at - n : self.at]

    def flush(self):
        pass

    def fileno(self):
        return self.path

    def close(self):
        pass


class Flash:
    """A block device of `count` blocks of `size` bytes.

    left   how many more writes (or erasures) there is power for; None: for ever
    """

    def __init__(self, count, size=512):
        self.size = size
        self.data = bytearray(count * size)
        self.left = None

    def readblocks(self, block, view, offset=0):
        at = block * self.size + offset
        view[:] = memoryview(self.data)[at : at + len(view)]

    def writeblocks(self, block, view, offset=None):
        at = block * self.size + (offset or 0)
        n = len(view)
        if self.left is not None:
            if self.left <= 0:
                if not self.left:
                    self.left = -1
                    if (
                        offset is not None
                    ):  # littlefs stands it; a disk's sectors are all or nothing
                        self.data[at : at + n // 2] = view[: n // 2]
                return -5  # EIO; an exception would leave the file system's C code in its middle
            self.left -= 1
        self.data[at : at + n] = view

    def ioctl(self, op, argument):
        if op == 4:
            return len(self.data) // self.size
        if op == 5:
            return self.size
        if op == 6:  # erase; a write follows
            return 0


class Plain:
    """`os`, but for what the unix port does in the host's own file system."""

    mkdir = staticmethod(os.mkdir)
    listdir = staticmethod(os.listdir)
    remove = staticmethod(os.remove)
    rename = staticmethod(os.rename)
