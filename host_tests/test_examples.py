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

    commands   the blocks of commands in its README, str
    outputs    the blocks without a language: what is printed
    """

    def __init__(self, name, tree, interpreter):
        self.name = name
        self.tree = tree
        self.folder = tree / "examples" / name
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

    def board(self, block):
        """A Board that runs the one command of a block, after a `cd`."""
        cd, command = block.splitlines()
        assert cd == f"cd examples/{self.name}"
        # Each of these programs becomes the next, so that it is the board that is killed.
        enter = ["sh", "-c", 'cd "$0" && exec "$@"', os.fspath(self.folder)]
        python, runner, script, *arguments = shlex.split(command)
        return Board(script, *arguments, command=[*enter, python, runner], env=self.env)

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


@pytest.fixture(params=["micropython", "cpython"])
def interpreter(request):
    return request.param


def test_logger(interpreter, tmp_path):
    example = Example("logger", tmp_path, interpreter)
    start, first, second = example.commands
    printed, was_read = example.outputs
    enter = "".join(first.splitlines(True)[:2])
    others = (
        "../../.venv/bin/python user.py new factory.cap bob.cap Bob\n"
        "../../.venv/bin/python user.py log bob.cap rain\n"
    )
    board = example.board(start)
    try:
        assert example.run(first, others) == ""
        assert board.line() + "\n" == printed
        assert board.line() == "Bob: rain"
    finally:
        board.kill()
    names = ("alice.cap", "bob.cap", "factory.cap", "key.pem")
    kept = {name: (example.folder / name).read_bytes() for name in names}
    board = example.board(start)
    try:
        assert example.run(enter, second) == was_read
        assert board.line() == "Alice: the door is closed"
        assert example.run(enter, "../../.venv/bin/python user.py read bob.cap\n") == "rain\n"
    finally:
        board.kill()
    for name, content in kept.items():
        assert (example.folder / name).read_bytes() == content, name
    # The files of the board's do not tell the URIs of users.
    secret = kept["alice.cap"].strip().rpartition(b"/")[2]
    for path in (example.folder / "logs").iterdir():
        assert secret.decode() != path.name and secret not in path.read_bytes()


def test_loggers_end(interpreter, tmp_path):
    """A logger whose file was removed is unknown; a logger keeps its last ten messages."""
    example = Example("logger", tmp_path, interpreter)
    start, first, _ = example.commands
    more = "".join(f"../../.venv/bin/python user.py log alice.cap {x}\n" for x in range(10))
    read = "../../.venv/bin/python user.py read alice.cap"
    board = example.board(start)
    try:
        printed = example.run(first, more, read)
        assert printed.split() == [str(x) for x in range(10)]
        (log,) = (example.folder / "logs").iterdir()
        log.unlink()
    finally:
        board.kill()
    enter = "".join(first.splitlines(True)[:2])
    with pytest.raises(AssertionError, match="UnknownService"):
        board = example.board(start)
        try:
            example.run(enter, read)
        finally:
            board.kill()
