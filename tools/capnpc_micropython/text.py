# SPDX-License-Identifier: MIT
"""Python expressions laid out in lines: a part is a string or a Group of parts."""

WIDTH = 99
_INDENT = 4
_PIECE = 16
_READABLE_PIECE = 40
_LONG = 40


class Group:
    """Parts in brackets: on one line where that fits, else each row of parts on its own line."""

    comma = ","

    def __init__(self, opening, rows, closing=")", split=False):
        self.opening = opening
        self.rows = rows
        self.closing = closing
        self.split = split

    def flat(self):
        """Return the group on one line."""
        parts = [flat(part) for row in self.rows for part in row]
        single = "," if self.opening == "(" and len(parts) == 1 else ""
        return self.opening + ", ".join(parts) + single + self.closing

    def broken(self, indent, column, after):
        """Return the group on several lines.

        It starts at `column` of a line that is indented by `indent`; `after` characters follow.
        """
        inner = indent + _INDENT
        lines = [_lay(row, inner, inner, len(self.comma)) + self.comma for row in self.rows]
        start = "\n" + " " * inner
        return self.opening + start + start.join(lines) + "\n" + " " * indent + self.closing


class _Hug(Group):
    """A group that starts on the line where it is, so that only what is long in it is broken."""

    def __init__(self, opening, parts):
        super().__init__(opening, [parts])

    def broken(self, indent, column, after):
        inside = column + len(self.opening)
        (row,) = self.rows
        return self.opening + _lay(row, indent, inside, after + 1) + self.closing


class _String(Group):
    """A literal that is broken into several, which Python puts together."""

    comma = ""

    def __init__(self, value):
        readable = len(_quote(value)) < 2 * len(value)
        size = _READABLE_PIECE if readable else _PIECE
        pieces = [value[i : i + size] for i in range(0, len(value), size)]
        super().__init__("(", [[_quote(piece)] for piece in pieces])
        self._value = value

    def flat(self):
        return _quote(self._value)


def call(function, *arguments):
    """Return a call."""
    return _Hug(function + "(", arguments)


def tuple_(*parts):
    """Return a tuple of two or more parts."""
    return _Hug("(", parts)


def string(value):
    """Return str or bytes as a literal in double quotes."""
    short = _quote(value)
    return _String(value) if len(short) > _LONG else short


def flat(part):
    """Return a part on one line."""
    return part if isinstance(part, str) else part.flat()


def statement(part, start=""):
    """Return a part as a statement, after `start` (as "name = ") on its first line."""
    line = start + flat(part)
    if isinstance(part, Group) and (part.split or len(line) > WIDTH):
        return start + part.broken(0, len(start), 0)
    return line


def _quote(value):
    # repr() chooses single quotes for a string with quotes of both kinds.
    both = b"'\"" if isinstance(value, bytes) else "'\""
    start, inner = repr(value + both)[:-4].split("'", 1)
    return start + '"' + inner.replace("\\'", "'").replace('"', "\\x22") + '"'


def _lay(parts, indent, column, after):
    """Return parts one after the other, from `column` on; continued lines are indented."""
    text = ""
    for index, part in enumerate(parts):
        room = WIDTH - (after if index == len(parts) - 1 else 1)
        piece = flat(part)
        if index:
            text += ", "
            column += 2
        if column + len(piece) > room:
            whole = isinstance(part, str) or column + len(part.opening) >= room
            if whole and index:
                text = text[:-1] + "\n" + " " * indent
                column = indent
            if column + len(piece) > room and not isinstance(part, str):
                piece = part.broken(indent, column, WIDTH - room)
        text += piece
        column = len(piece) - piece.rfind("\n") - 1 if "\n" in piece else column + len(piece)
    return text
