# SPDX-License-Identifier: MIT
"""Layer `vat`: what an id of a service leads to.

A restorer has restore(id: bytes), which returns a server object or a Client, a reference that stays
its own, or raises Error. Those here look ids up by their SHA-256, so that how long it takes tells
nothing about ids that exist.
"""

from hashlib import sha256

from ..objects.capability import hook_of
from ..objects.client import Client, release
from ..objects.promise import UNKNOWN_ID, Error, Promise
from ..schema import Capability


class Nothing:
    """A restorer without any service."""

    def restore(self, id):
        raise Error("This vat has no restorer")


class Single:
    """A restorer with one service."""

    def __init__(self, id, capability):
        """capability: a Client or a server object; it gets a reference of its own."""
        self._digest = sha256(id).digest()
        self._client = _keep(capability)

    def restore(self, id):
        if self._client is None or sha256(id).digest() != self._digest:
            raise Error(UNKNOWN_ID)
        return self._client

    def clear(self):
        """Lets go of the service."""
        if self._client is not None:
            release(self._client)
            self._client = None


class Table:
    """A restorer with any number of services, which may change.

    It may have a loader: a function that finds services which are not in the table, those that a
    program has stored for example. It is called as loader(digest, sturdy_ref), with SHA-256 of the
    id, 32 bytes, and the SturdyRef of the service. It never gets the id, which is a secret. It
    returns a server object; a Client, whose reference it hands over; None if there is no such service;
    or a coroutine, or another awaitable, of one of these. It may raise Error.

    A service is loaded once, however many ask for it, and is not loaded again while somebody refers
    to it. That it could not be loaded is not remembered.
    """

    def __init__(self, sturdy_ref=None, loader=None, revocable=False):
        """sturdy_ref   fn(id) that gives the SturdyRef of a service; a Vat's method
        loader       see above; None: there is nothing but what is added
        revocable    whether what is loaded can be revoked: it is behind a membrane then
        """
        self._sturdy_ref = sturdy_ref
        self._entries = {}  # by digest: (a hook, what revokes it or None)
        self._loaded = None
        if loader is not None:
            from .loader import Loaded

            self._loaded = Loaded(loader, sturdy_ref, revocable)

    def __len__(self):
        """How many services have been added."""
        return len(self._entries)

    def sturdy_ref(self, id):
        """The SturdyRef of the service with an id."""
        return self._sturdy_ref(id)

    def add(self, id, capability, revocable=False):
        """Adds a service, of which the table gets a reference of its own.

        capability   a Client or a server object
        revocable    whether remove() can take it back from who has got it: it is behind a membrane
                     then

        Raises ValueError if there is a service with this id, TypeError if it is no capability.
        """
        digest = sha256(id).digest()
        if digest in self._entries:
            raise ValueError("there is a service with this id already")
        if revocable:
            from ..objects.membrane import revocable as membrane

            client, revoke = membrane(capability)
            self._entries[digest] = (client._hook, revoke)
        else:
            self._entries[digest] = (hook_of(capability, Promise.host).retain(), None)

    def remove(self, id, revoke=False):
        """Removes a service: nobody gets it any more.

        revoke   whether it also breaks what has been given out, with "revoked"

        Raises KeyError if there is none, ValueError if it cannot be revoked; then it stays.
        """
        self.remove_digest(sha256(id).digest(), revoke)

    def remove_digest(self, digest, revoke=False):
        """The same by SHA-256 of the id. A loaded service is no more remembered as loaded."""
        loaded = self._loaded
        if digest in self._entries:
            hook, breaks = self._entries[digest]
        elif loaded is not None and digest in loaded.entries:
            hook, breaks = None, loaded.entries[digest][1]
        else:
            raise KeyError("service id not in the table")
        if revoke and breaks is None:
            raise ValueError("the service was not made revocable when it was added")
        if hook is None:
            loaded.entries.pop(digest)
        else:
            self._entries.pop(digest)
        if revoke:
            breaks()
        if hook is not None:
            hook.release()

    def clear(self):
        """Removes all services. Who has got one keeps it."""
        for digest in list(self._entries):
            self.remove_digest(digest)
        if self._loaded is not None:
            self._loaded.entries.clear()

    def restore(self, id):
        digest = sha256(id).digest()
        entry = self._entries.get(digest)
        if entry is not None:
            return Client(entry[0], Capability)
        if self._loaded is None:
            raise Error(UNKNOWN_ID)
        return self._loaded.restore(id, digest)


def _keep(capability):
    return Client(hook_of(capability, Promise.host).retain(), Capability)
