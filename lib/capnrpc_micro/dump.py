# SPDX-License-Identifier: MIT
"""Layer `dump`: what goes over a connection, as lines for tools/wiredump.py, which makes messages of them.

    conn.dump = dump.to_console("kitchen")

Every message is one line or more, with up to 64 bytes each, in hexadecimal:

    <NAME HEX    a message that was received begins with these bytes
    >NAME HEX    the same of one that is sent
    <NAME+ HEX   it goes on

The lines hold everything that is said: ids and values that are secrets, too.
"""

from binascii import hexlify
from struct import unpack_from

_LINE = 64  # bytes, a multiple of 8


def to_console(name=""):
    """A function for `conn.dump` that prints.

    name   what tells connections apart in one log: letters and digits
    """
    return _lines(print, name)


def to_file(file, name=""):
    """A function for `conn.dump` that writes to a text file, which the program opens and closes.

    What was dumped is in the file even when the program ends by a crash.
    """

    def write(line):
        file.write(line + "\n")
        file.flush()

    return _lines(write, name)


def _lines(write, name):
    def dump(direction, view):
        mark = "<>"[direction] + name
        end = 0
        while end < len(view):
            at = end
            end += _size(view, at)
            line = mark
            while at < end:
                write(line + " " + str(hexlify(view[at : min(at + _LINE, end)]), "ascii"))
                at += _LINE
                line = mark + "+"

    return dump


def _size(view, at):
    """Bytes of the frame that begins there. By halves: no integer of more than 31 bits is made."""
    count = unpack_from("<H", view, at)[0] + 1
    size = 4 * count + 11 & ~7
    for _ in range(count):
        at += 4
        low, high = unpack_from("<HH", view, at)
        size += (high << 16 | low) << 3
    return size
