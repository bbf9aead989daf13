# SPDX-License-Identifier: MIT
"""Layer `vat`: structs kept in files, for services that survive a reboot."""

import os

from ..extra.files import from_bytes
from ..identity import base64url, files
from ..limits import Limits
from ..log import WARNING, log
from ..message import MessageError
from ..words import MICROPYTHON

_NEW = ".new"  # what the name of a file that is being written ends with, see identity.files


class FileStore:
    """A folder with a file for each struct, named by a digest: 32 bytes, or any others.

    A file has one message in the standard framing, so that `capnp decode` reads it. It is replaced
    as a whole: when the power is cut, the old content is there or the new one.
    """

    def __init__(self, path, limits=None):
        """Makes the folder if there is none. `limits`: for the messages, a Limits. Raises OSError."""
        self._path = path
        self._limits = limits or (Limits() if MICROPYTHON else Limits.host())
        _make_folders(path)
        self._recover()

    def _recover(self):
        """Ends what a power cut has interrupted.

        Where renaming cannot replace (FAT), it may have come between the removal of the old file and
        the renaming of the new one, which is complete then.
        """
        names = os.listdir(self._path)
        for name in names:
            whole = name[: -len(_NEW)]
            if name.endswith(_NEW) and "." not in whole:
                new = self._path + "/" + name
                if whole not in names and self._read(new, from_bytes) is not None:
                    os.rename(new, self._path + "/" + whole)
                else:
                    os.remove(new)

    def save(self, digest, struct):
        """Stores a struct, a builder or a reader. Raises OSError, and MessageError if it is longer
        than the limits allow, as it could not be loaded again."""
        data = struct.to_bytes()
        if len(data) > self._longest():
            raise MessageError(
                "a message of %d bytes exceeds the limit of %d" % (len(data), self._longest())
            )
        files.write(self._file(digest), data)

    def load(self, digest, type):
        """The struct that was stored, a reader of a type such as Person; None if there is none.

        A file that cannot be read, as it is damaged perhaps, is reported to the log and counts as
        none. Raises OSError when the file system fails.
        """
        return self._read(self._file(digest), type.from_bytes)

    def remove(self, digest):
        """Removes what was stored. Raises KeyError if there is nothing, OSError."""
        path = self._file(digest)
        if path[len(self._path) + 1 :] not in os.listdir(self._path):
            raise KeyError("nothing is stored under this digest")
        os.remove(path)

    def __iter__(self):
        """The digests of all that is stored, bytes."""
        for name in os.listdir(self._path):
            if name.endswith(_NEW):
                continue  # it is being written
            try:
                yield base64url.decode(name)
            except ValueError:
                log(WARNING, "%s/%s is not a file of the store" % (self._path, name))

    def _file(self, digest):
        return self._path + "/" + base64url.encode(digest)

    def _longest(self):
        return 8 * self._limits.message_words + 4 * self._limits.segments + 8

    def _read(self, path, parse):
        try:
            data = files.read(path, self._longest())
            return None if data is None else parse(data, self._limits)
        except ValueError as error:  # MessageError, too
            log(WARNING, "%s cannot be read: %s" % (path, error))
            return None


def _make_folders(path):
    for at in range(1, len(path) + 1):
        if at == len(path) or path[at] == "/":
            try:
                os.stat(path[:at])
            except OSError:
                os.mkdir(path[:at])
