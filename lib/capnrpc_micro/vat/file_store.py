# SPDX-License-Identifier: MIT
"""Layer `vat`: structs kept in files, for services that survive a reboot."""

import os

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
        path = self._file(digest)
        found = self._read(path, type)
        if found is None:
            # Where renaming cannot replace (FAT), the power may have been cut between the removal of
            # the old file and the renaming of the new one, which is complete then.
            found = self._read(path + _NEW, type, os.listdir(self._path))
        return found

    def remove(self, digest):
        """Removes what was stored. Raises KeyError if there is nothing, OSError."""
        path = self._file(digest)
        there = os.listdir(self._path)
        found = False
        # The new one first: it must not take the place of the other.
        for path in (path + _NEW, path):
            if path[len(self._path) + 1 :] in there:
                os.remove(path)
                found = True
        if not found:
            raise KeyError("nothing is stored under this digest")

    def __iter__(self):
        """The digests of all that is stored, bytes."""
        names = os.listdir(self._path)
        for name in names:
            if name.endswith(_NEW):
                name = name[: -len(_NEW)]
                if name in names or "." in name:  # the start of a file that is not there yet
                    continue
            try:
                yield base64url.decode(name)
            except ValueError:
                log(WARNING, "%s/%s is not a file of the store" % (self._path, name))

    def _file(self, digest):
        return self._path + "/" + base64url.encode(digest)

    def _longest(self):
        return 8 * self._limits.message_words + 4 * self._limits.segments + 8

    def _read(self, path, type, there=None):
        if there is not None and path[len(self._path) + 1 :] not in there:
            return None
        try:
            data = files.read(path, self._longest())
            return None if data is None else type.from_bytes(data, self._limits)
        except (ValueError, MessageError) as error:
            log(WARNING, "%s cannot be read: %s" % (path, error))
            return None


def _make_folders(path):
    for at in range(1, len(path) + 1):
        if at == len(path) or path[at] == "/":
            try:
                os.stat(path[:at])
            except OSError:
                os.mkdir(path[:at])
