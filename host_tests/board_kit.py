# SPDX-License-Identifier: MIT
"""What the programs that play a board share, on MicroPython or CPython."""

import asyncio
import sys

from capnrpc_micro.words import MICROPYTHON


def status(server):
    """How many peers have connected so far, how many entries all tables have, and what is charged for calls."""
    connections = [link.conn for link in server.links]
    line = "accepted %d connections %d" % (server.accepted, len(connections))
    for table in ("questions", "answers", "exports", "imports", "embargoes"):
        line += " %s %d" % (table, sum([len(getattr(conn, table)) for conn in connections]))
    return line + " bytes %d" % sum([conn.call_bytes for conn in connections])


async def standard_input():
    if MICROPYTHON:
        return asyncio.StreamReader(sys.stdin.buffer)
    stream = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), sys.stdin)
    return stream


def options(arguments):
    """A dict of arguments like name=value."""
    return dict([option.split("=", 1) for option in arguments])


def limits(text):
    """The changes of a Limits in a text like message_words:512,connections:2; a dict."""
    changed = {}
    for pair in text.split(",") if text else ():
        name, number = pair.split(":")
        changed[name] = int(number)
    return changed
