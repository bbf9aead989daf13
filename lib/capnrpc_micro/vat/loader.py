# SPDX-License-Identifier: MIT
"""Layer `vat`: services that are found when somebody asks for them. Loaded with the first loader."""

from ..objects.capability import BrokenCap, hook_of
from ..objects.client import Client, is_awaitable, release
from ..objects.operations import promise
from ..objects.promise import UNKNOWN_ID, Error, Promise, error_from
from ..schema import Capability


class Loaded:
    """What a Table has loaded.

    entries   by digest: (a hook, to which it has no reference; what revokes it, or None). A promise
              while it is being loaded
    """

    def __init__(self, loader, sturdy_ref, revocable):
        self.entries = {}
        self._loader = loader
        self._sturdy_ref = sturdy_ref
        self._revocable = revocable

    def restore(self, id, digest):
        """See restorer.Table.restore()."""
        entry = self.entries.get(digest)
        if entry is None or _is_gone(entry[0]):
            self._sweep()
            entry = self._load(id, digest)
        return Client(entry[0].resolved(), Capability)

    def _sweep(self):
        for digest in list(self.entries):
            if _is_gone(self.entries[digest][0]):
                self.entries.pop(digest)

    def _load(self, id, digest):
        value = self._loader(digest, self._sturdy_ref and self._sturdy_ref(id))
        if value is None:
            raise Error(UNKNOWN_ID)
        if not (self._revocable or isinstance(value, Client) or is_awaitable(value)):
            entry = (hook_of(value, Promise.host), None)
        else:
            # Who asks for it has to have a reference before ours goes.
            client, resolver = promise()
            entry = (client._hook, None)
            Promise.host.start(self._wait(value, digest, entry, client, resolver))
        self.entries[digest] = entry
        return entry

    async def _wait(self, value, digest, entry, client, resolver):
        given = [client]
        revoke = None
        try:
            if is_awaitable(value):
                value = await value
            if value is None:
                raise Error(UNKNOWN_ID)
            if isinstance(value, Client):
                given.append(value)
            if self._revocable:
                from ..objects.membrane import revocable

                value, revoke = revocable(value)
                given.append(value)
            hook = hook_of(value, Promise.host)
            if self.entries.get(digest) is entry:  # not removed meanwhile
                self.entries[digest] = (hook, revoke)
            resolver.resolve(value)
        except Exception as error:
            if self.entries.get(digest) is entry:
                self.entries.pop(digest)
            resolver.reject(error_from(error))
        finally:
            for client in given:
                release(client)


def _is_gone(hook):
    """Whether nobody refers to it any more, or it is broken."""
    hook = hook.resolved()
    return not hook.refs or isinstance(hook, BrokenCap)
