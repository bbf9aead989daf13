# SPDX-License-Identifier: MIT
"""Layer `vat`: capabilities that connect again by themselves."""

import asyncio
import random

from ..identity.address import Address
from ..log import ERROR, log
from ..net.host import HOST, now, since
from ..objects.capability import BrokenCap, Cap, dispatch
from ..objects.client import Client, release
from ..objects.operations import when_broken
from ..objects.promise import DISCONNECTED, OVERLOADED, Error, Promise, error_from
from ..schema import Capability


def live(vat, service, interface=Capability, wait=True, changed=None, first_ms=250, most_ms=30000):
    """A Client of a service that is connected to in the background, and again after each loss, for as
    long as the Client is not released.

    service    its URI, an Address or a SturdyRef
    wait       whether calls that are made while the service is away wait for it; else they fail at
               once with DISCONNECTED. Calls that are under way when it is lost fail in any case: they
               may have been carried out
    changed    fn(whether the service is there, the Error if it is not), called with each change
    first_ms   the time after which it is tried again, doubled each time until it is
    most_ms    this; each time up to half is taken off at random, so that not all come at once

    It is not tried again when the vat says that there is no such service, or is another vat, nor
    after any other error than DISCONNECTED and OVERLOADED: then the Client is broken.
    Capabilities that were got through it break with the connection. When streaming calls are lost,
    one later call, or drained(), fails with their error; what is streamed after that is new.

    Raises ValueError for what is no URI.
    """
    if isinstance(service, str):
        service = Address.parse(service)
    hook = _Live(vat, service, interface, wait, changed, first_ms, most_ms)
    return Client(hook.retain(), interface)


class _Live(Cap):
    lasting = True  # for `streams`

    def __init__(self, vat, service, interface, wait, changed, first_ms, most_ms):
        Cap.__init__(self, HOST)
        self._vat = vat
        self._service = service
        self._interface = interface
        self._wait = wait
        self._changed = changed
        self._first_ms = first_ms
        self._most_ms = most_ms
        self._there = None  # a Client, while the service is there
        self._queue = []
        self._away = Error("the service has not been reached yet", DISCONNECTED)
        self._told = None  # what `changed` was called with
        self._task = HOST.start(self._keep_connected())

    def send(self, request):
        if self._there is not None:
            hook = self._there._hook.resolved()
            if not isinstance(hook, BrokenCap):  # else we are about to be told
                hook.send(request)
                return
        if self._wait:
            self._queue.append(request)
            request.waiting = self
        else:
            request.reject(self._away)

    def withdraw(self, request):
        """A request that waits here was cancelled."""
        self._queue.remove(request)

    def dropped(self):
        if self.resolution is None:
            HOST.cancel(self._task)
            self._end(Error("the capability has been released"))
        else:
            Cap.dropped(self)

    async def _keep_connected(self):
        pause = self._first_ms
        while self.resolution is None:
            began = now()
            try:
                error = await self._connected()
            except Exception as reason:  # what is no Error, too: else calls would wait for ever
                error = error_from(reason)
                if error.type not in (DISCONNECTED, OVERLOADED):
                    self._end(error)
                    return
            self._tell(False, error)
            if since(now(), began) > pause:
                pause = self._first_ms
            await asyncio.sleep((pause * (128 + random.getrandbits(7)) >> 8) / 1000)
            pause = min(2 * pause, self._most_ms)

    async def _connected(self):
        """Connects, passes calls on until the service is lost, and returns the Error that tells why."""
        client = await self._vat.connect(self._service, self._interface)
        try:
            lost = Promise(HOST)
            when_broken(client, lost.resolve)
            hook = client._hook.resolved()
            while self._queue:  # what a call sends here meanwhile joins the queue
                request = self._queue.pop(0)
                request.waiting = None
                dispatch(hook, request)
            self._there = client
            # Who is called, or told, may release it; that does not cancel the task that runs.
            if self.resolution is None:
                self._tell(True, None)
            return await lost if self.resolution is None else self._away
        finally:
            self._there = None
            release(client)

    def _tell(self, there, error):
        if not there:
            self._away = Error("the service is away: " + error.reason, DISCONNECTED)
        if self._changed is not None and there is not self._told:
            self._told = there
            try:
                self._changed(there, error)
            except Exception as failure:  # of the program: the reference goes on all the same
                log(ERROR, "a function that is told of changes: %s" % error_from(failure))

    def _end(self, error):
        """It is broken from now on."""
        queue = self._queue
        self._queue = ()
        for request in queue:
            request.waiting = None
            request.reject(error)
        self.became(BrokenCap(HOST, error).retain())
        self._tell(False, error)
