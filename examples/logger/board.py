# SPDX-License-Identifier: MIT
"""A board that keeps logs, each with a URI of its own, in files that survive a power cut.

    board.py HOST:PORT

It keeps key.pem, a folder `logs`, and in factory.cap the URI of its LoggerFactory.
"""

import asyncio
import sys
from hashlib import sha256

from logger_capnp import Log, Logger, LoggerFactory

import capnrpc_micro as capnp
from capnrpc_micro.identity import capfile
from capnrpc_micro.identity.service_id import random_id

KEPT = 10  # messages of each logger
LONGEST = 200  # characters of a message, and of a label


def short(text):
    """The text. Raises ValueError if it is too long, which is what the caller then sees."""
    if len(text) > LONGEST:
        raise ValueError("%d characters are allowed" % LONGEST)
    return text


class StoredLogger(Logger.Server):
    def __init__(self, store, digest, log):
        self.store = store
        self.digest = digest
        self.label = log.label
        self.messages = list(log.messages)

    def log(self, message):
        messages = self.messages[1 - KEPT :] + [short(message)]
        # It is in the file before the caller hears that the call has returned.
        self.store.save(self.digest, Log.new_message(label=self.label, messages=messages))
        self.messages = messages
        print("%s: %s" % (self.label, message))

    def read(self):
        return self.messages


class Factory(LoggerFactory.Server):
    def __init__(self, listen):
        self.vat = capnp.Vat(listen, key="key.pem", store="logs", loader=self.load)

    def create(self, label):
        id = random_id()
        self.vat.store.save(sha256(id).digest(), Log.new_message(label=short(label)))
        return self.vat.restorer.restore(id)  # which loads it

    def load(self, digest, sturdy_ref):
        """Called when somebody asks for a service that is not there, by create() or with a URI."""
        log = self.vat.store.load(digest, Log)
        if log is None:
            return None
        return capnp.persistent(StoredLogger(self.vat.store, digest, log), sturdy_ref)


async def main(listen):
    factory = Factory(listen)
    uri = factory.vat.offer(factory, "factory")
    await factory.vat.start()
    capfile.save("factory.cap", uri)
    print("ready, see factory.cap")
    await factory.vat.serve()


asyncio.run(main(sys.argv[1]))
