# SPDX-License-Identifier: MIT
"""The examples, run with the commands of their READMEs; their boards are killed and started again."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from board import Board
from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent
PATIENCE = 60  # seconds after which something counts as stuck; nothing waits for that to pass


class Example:
    """A copy of an example in a tree like that of the repository, with ports of its own.

    With `with`, its boards are killed at the end of the block.

    commands   the blocks of commands in its README, str
    outputs    the blocks without a language: what is printed
    """

    def __init__(self, name, tree, interpreter):
        self.name = name
        self.tree = tree
        self.folder = tree / "examples" / name
        self.boards = []
        self.env = {}
        if interpreter == "cpython":
            lib = os.fspath(ROOT / "lib")
            self.env = {"MICROPYTHON": sys.executable, "PYTHONPATH": lib, "PYTHONUNBUFFERED": "1"}
        tracked = subprocess.run(
            ["git", "ls-files", "-z", "--", f"examples/{name}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        self.folder.mkdir(parents=True)
        for path in filter(None, tracked.stdout.split("\0")):
            shutil.copy(ROOT / path, self.folder)
        for part in ("lib", "tools"):
            (tree / part).symlink_to(ROOT / part)
        python = tree / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
        python.chmod(0o755)
        text = (self.folder / "README.md").read_text()
        for port in sorted(set(re.findall(r"127\.0\.0\.1:(\d+)", text))):
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}")
        blocks = re.findall(r"```(\w*)\n(.*?)```", text, re.S)
        self.commands = [block for language, block in blocks if language == "sh"]
        self.outputs = [block for language, block in blocks if not language]

    def board(self, block, ready="ready"):
        """A Board that runs the last command of a block; the others are run before."""
        *before, command = block.splitlines(True)
        assert before[0] == f"cd examples/{self.name}\n"
        self.run(*before)
        # Each of these programs becomes the next, so that it is the board that is killed.
        enter = ["sh", "-c", 'cd "$0" && exec "$@"', os.fspath(self.folder)]
        python, runner, script, *arguments = shlex.split(command)
        line = [*enter, python, runner]
        board = Board(script, *arguments, command=line, env=self.env, ready=ready)
        self.boards.append(board)
        return board

    def run(self, *blocks):
        """Runs blocks of commands in one shell. Returns what they print."""
        script = "set -e\n" + "".join(blocks)
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=self.tree,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        for board in self.boards:
            board.kill()


@pytest.fixture(params=["micropython", "cpython"])
def interpreter(request):
    return request.param


def until(board, *lines):
    """Waits until a board has printed these lines, in this order.

    There may be others between them: when both boards connect to the other at the same moment, one
    of the two connections is lost. The reason why a board is away is not compared.
    """
    for expected in lines:
        if " is away: " in expected:
            expected = expected.partition(":")[0]
        while not board.line().startswith(expected):
            pass


def test_logger(interpreter, tmp_path):
    with Example("logger", tmp_path, interpreter) as example:
        start, first, second = example.commands
        printed, was_read = example.outputs
        enter = "".join(first.splitlines(True)[:2])
        others = "".join(
            f"../../.venv/bin/python user.py {command}\n"
            for command in ("new factory.cap bob.cap Bob", "log bob.cap rain")
        )
        board = example.board(start)
        assert example.run(first, others) == ""
        assert board.line() + "\n" == printed
        assert board.line() == "Bob: rain"
        board.kill()
        names = ("alice.cap", "bob.cap", "factory.cap", "key.pem")
        kept = [(example.folder / name).read_bytes() for name in names]
        board = example.board(start)
        assert example.run(enter, second) == was_read
        assert board.line() == "Alice: the door is closed"
        assert example.run(enter, "../../.venv/bin/python user.py read bob.cap") == "rain\n"
        assert [(example.folder / name).read_bytes() for name in names] == kept
        # The board's files do not tell the users' URIs.
        secret = kept[0].strip().rpartition(b"/")[2]
        logs = list((example.folder / "logs").iterdir())
        assert len(logs) == 2
        for path in logs:
            assert secret.decode() != path.name and secret not in path.read_bytes()


def test_logger_that_is_gone(interpreter, tmp_path):
    """A logger keeps its last ten messages; when its file is removed its URI leads nowhere."""
    with Example("logger", tmp_path, interpreter) as example:
        start, first, _ = example.commands
        enter = "".join(first.splitlines(True)[:2])
        more = "".join(f"../../.venv/bin/python user.py log alice.cap {x}\n" for x in range(10))
        read = "../../.venv/bin/python user.py read alice.cap"
        board = example.board(start)
        assert example.run(first, more, read).split() == [str(x) for x in range(10)]
        with pytest.raises(AssertionError, match="200 characters are allowed"):
            example.run(enter, f"../../.venv/bin/python user.py log alice.cap {201 * 'x'}")
        board.kill()
        (log,) = (example.folder / "logs").iterdir()
        log.unlink()
        example.board(start)
        with pytest.raises(AssertionError, match="UnknownService"):
            example.run(enter, read)


def test_two_boards(interpreter, tmp_path):
    with Example("two_boards", tmp_path, interpreter) as example:
        start_room, start_heater = example.commands
        first, away, again = (block.splitlines() for block in example.outputs)
        ready = "the other board finds this one"
        files = ("room.pem", "room.cap", "heater.pem", "heater.cap")
        celsius = example.folder / "celsius"
        room = example.board(start_room, ready)
        heater = example.board(start_heater, ready)
        assert heater.ready_line == first[0]
        until(heater, *first[1:])
        until(room, "the heater is on")
        kept = [(example.folder / name).read_bytes() for name in files]
        # The room's board is gone, and comes back.
        room.kill()
        until(heater, *away)
        room = example.board(start_room, ready)
        until(heater, *again[:2])
        until(room, "the heater is on")
        celsius.write_text("22")
        until(heater, again[2])
        until(room, "the heater is off")
        # So does the heater's.
        heater.kill()
        until(room, "the heater is away")
        heater = example.board(start_heater, ready)
        until(heater, "the room is there")
        until(room, "the heater is off")
        celsius.write_text("18.5")
        until(heater, "on: it is 18.5 degrees")
        until(room, "the heater is on")
        assert [(example.folder / name).read_bytes() for name in files] == kept
