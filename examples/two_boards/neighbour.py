# SPDX-License-Identifier: MIT
"""What both boards do to get to know the other one."""

import asyncio

from capnrpc_micro.identity import capfile


def introduce(path, uri):
    """Writes a .cap file, for the other board."""
    capfile.save(path, uri)
    print("the other board finds this one with", path)


async def introduced(path):
    """The Address in the other board's .cap file; waits until that is there."""
    while True:
        try:
            return capfile.load(path)
        except OSError:
            await asyncio.sleep(0.5)
