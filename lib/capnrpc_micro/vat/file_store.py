# SPDX-License-Identifier: MIT
"""Layer `vat`: structs by digest in a directory, such as a service's state by the digest of its id."""

import os

from ..identity import files
from ..identity.base64url import decode, encode
from ..layout import struct_at
from ..log import WARNING, log
from ..message import MessageError
from ..words import MICROPYTHON, const

_MOST = const(16384)
_NEW = ".new"  # also what `files` calls a file that is not yet in place
_LETTERS = const(43)  # in the name of a digest


def _message(path):
    """The Message in a file, None if there is no such file. Raises OSError, MessageError."""
    try:
        file = open(path, "rb")
    except OSError as error:
        if error.errno == 2:  # ENOENT
            return None
        raise
    from ..extra import files as frames

    with file:
        m = frames.read(file)
        if m is None or file.read(1):
            raise MessageError("not one message")
        return m


def _whole(path):
    """The Message in a file that was written to its end, or None. Raises OSError."""
    try:
        return _message(path)
    except ValueError:
        return None


class FileStore:
    """A directory with a file for each digest: one message, framed, as `capnp decode` reads it.

    A power cut leaves the old struct or the new one. What a cut has left is put in order when the
    store is made, so a directory has one FileStore at a time, in one process.

    On MicroPython a struct is written twice, first beside the file: a cut while FAT renames a file may
    leave two names for the same blocks. The other one, once it is whole, is what counts.

    path   the directory, which is made if it is missing

    Raises OSError.
    """

    def __init__(self, path):
        self._folder = path + "/"
        try:
            os.mkdir(path)
        except OSError as error:
            if error.errno != 17:  # EEXIST
                raise
        for name in os.listdir(path):
            # FAT may have kept the short one of a name's two forms, in capitals.
            if name.lower().endswith(_NEW):
                try:
                    self._finish(self._folder + name)
                except OSError as error:
                    log(WARNING, "store: %s: %s" % (name, error))

    def save(self, digest, struct):
        """Saves a struct, which is being built or was read, in place of what was there.

        Raises ValueError for one of more than 16384 bytes, and OSError; then the old one or the new
        one is there.
        """
        path = self._path(digest)
        data = struct.to_bytes()
        if len(data) > _MOST:
            raise ValueError("the struct takes %d bytes, more than %d" % (len(data), _MOST))
        if not MICROPYTHON:
            files.write(path, data)
            return
        new = path + _NEW
        if _whole(new) is not None:
            self._finish(new)  # an earlier save has failed in its second half
        files.put(new, data)
        self._finish(new)

    def load(self, digest, type):
        """The struct of a type that was saved, a StructReader; None if there is none.

        None also for a file that cannot be read, which is logged.
        """
        path = self._path(digest)
        try:
            m = _whole(path + _NEW) or _message(path)
            return m and struct_at(m, m.lo, m.nesting, type)
        except (OSError, ValueError) as error:
            log(WARNING, "store: %s cannot be read: %s" % (path, error))
            return None

    def remove(self, digest):
        """Removes what was saved, if there is anything. Raises OSError."""
        path = self._path(digest)
        for name in (path + _NEW, path):  # in this order: else the first one might come back
            try:
                os.remove(name)
            except OSError as error:
                if error.errno != 2:  # ENOENT
                    raise

    def __iter__(self):
        """The digests of what was saved, in any order. Saving and removing meanwhile is allowed."""
        for name in os.listdir(self._folder[:-1]):
            try:
                digest = decode(name)
            except ValueError:
                continue  # not a file of the store's
            if len(digest) == 32:
                yield digest

    def _path(self, digest):
        if len(digest) != 32:
            raise ValueError("a digest has 32 bytes, this one %d" % len(digest))
        return self._folder + encode(digest)

    def _finish(self, new):
        """Ends the save that has left a file: it is put in its place if it is whole. Raises OSError."""
        name = new[len(self._folder) :].split(".")[0]
        m = _whole(new)
        if m is not None and len(name) == _LETTERS:
            from ..extra.files import to_bytes

            (files.put if MICROPYTHON else files.write)(self._folder + name, to_bytes(m))
        os.remove(new)
