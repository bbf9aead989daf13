# SPDX-License-Identifier: MIT
"""Layer `identity`: small files that only their owner may read, written all or not at all.

A board's file systems have no modes: there, who reads the flash reads them.
"""

import os

from ..words import MICROPYTHON, const

_LIMIT = const(16384)

if MICROPYTHON:

    def _create(path):
        shell = getattr(os, "system", None)  # the unix port, which can set no mode by itself
        if shell and shell("(umask 077; : > '%s') 2>/dev/null" % path.replace("'", "'\\''")):
            raise OSError("cannot create " + path)
        return open(path, "wb")

    def _flush(file):
        pass  # close() writes everything

    def _place(new, path, create):
        os.rename(new, path)  # nobody else makes files on a board

else:

    def _create(path):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        return os.fdopen(os.open(path, flags, 0o600), "wb")

    def _flush(file):
        file.flush()
        os.fsync(file.fileno())

    def _place(new, path, create):
        if create:
            try:
                os.link(new, path)
                os.remove(new)
                return
            except FileExistsError:
                raise
            except OSError:
                pass  # a file system without links: the last one to come wins
        os.replace(new, path)


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass  # it was not there


def put(path, data):
    """Writes a file, mode 0600 where there are modes. A power cut leaves a part of it.

    On CPython it must be a new one. Raises OSError.
    """
    with _create(path) as file:
        file.write(data)
        _flush(file)


def write(path, data, create=False):
    """Makes or replaces a file, mode 0600 where there are modes.

    At any moment the path leads to the whole old file or to the whole new one.

    create   the file must be new: raises OSError (EEXIST) where another process has just made it

    Raises OSError.
    """
    # Two processes that write the same file do not share the temporary one.
    new = path + (".new" if MICROPYTHON else ".%d.new" % os.getpid())
    _remove(new)  # left by a power cut
    try:
        put(new, data)
        _place(new, path, create)
    except OSError:
        _remove(new)
        raise


def read(path, limit=_LIMIT):
    """The bytes of a file, None if there is no such file.

    Raises OSError, and ValueError for a file that is too long to be one of ours.
    """
    try:
        file = open(path, "rb")
    except OSError as error:
        if error.errno == 2:  # ENOENT
            return None
        raise
    with file:
        # MicroPython takes as much memory as it is told to read.
        size = file.seek(0, 2)
        file.seek(0)
        data = file.read(min(size, limit) + 1)
    if len(data) > limit:
        raise ValueError(path + " is longer than %d bytes" % limit)
    return data
