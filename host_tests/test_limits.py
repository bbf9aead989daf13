# SPDX-License-Identifier: MIT
"""The table of limits in docs/programming.md says what lib/capnrpc_micro/limits.py says."""

import pathlib

from capnrpc_micro.limits import Limits

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "programming.md"


def table():
    """Rows of the table in the section "Limits": a dict of (board, host, what, at the limit)."""
    section = PAGE.read_text().split("\n## Limits\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in rows[0]] == [
        "limit",
        "board",
        "host",
        "what it is",
        "at the limit",
    ]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows[2:]}


def limits(of):
    """The limits of an object by name."""
    names = [name for name in vars(Limits) if isinstance(vars(Limits)[name], int)]
    return {name: getattr(of, name) for name in names}


def test_all_limits_are_in_the_table():
    board, host = limits(Limits()), limits(Limits.host())
    rows = table()
    assert set(rows) == set(board) == set(host) and len(rows) > 15
    for name, (on_board, on_host, what, then) in rows.items():
        assert (int(on_board), int(on_host)) == (board[name], host[name]), name
        assert what and then


def test_the_reason_in_the_text():
    text = PAGE.read_text()
    minute = Limits.ping_ms + Limits.dead_ms
    assert minute == 60000 and f"has not answered for {minute} ms" in text
