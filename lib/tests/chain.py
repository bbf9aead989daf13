# SPDX-License-Identifier: MIT
"""A row of vats, each connected only to its neighbours."""

from bed import Bed, Thing

from capnrpc_micro.objects.client import release


class Chain:
    """Vats in a row. The main object of each but the last is, for the one before it, that of the next, so
    `there`, the first vat's, leads to the last one's object."""

    def __init__(self, length, **limits):
        self.bed = bed = Bed()
        self.things = [Thing(bed) for _ in range(length)]
        self.links = []
        self.mains = []
        right = self.things[-1]
        for _ in range(length - 1):
            left, end = bed.link(None, right, limits, limits)
            self.links.insert(0, (left, end))
            right = left.bootstrap()
            self.mains.insert(0, right)
        self.there = right
        bed.settle()

    def sent(self):
        """How many messages there were so far."""
        return sum([len(end.sent) for end in self.bed.ends])

    def hands(self, client):
        """Gives a capability of the first vat to the last. The Client there."""
        self.bed.get(self.there.keep(client))
        return self.things[-1].kept

    def done(self, *clients):
        for client in clients:
            release(client)
        for main in self.mains:
            release(main)
        for thing in self.things:
            if thing.kept is not None:
                release(thing.kept)
        self.bed.check_empty(*self.things)
