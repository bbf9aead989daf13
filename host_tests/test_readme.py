# SPDX-License-Identifier: MIT
"""The README's first program, run as printed."""

import os
import pathlib
import re
import subprocess
import sys

import pytest
from board import Board
from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def block(name, language):
    """The code block of a language that follows the first mention of a file's name."""
    start = README.index(f"`{name}`")
    return re.search(rf"```{language}\n(.*?)```", README[start:], re.S)[1]


@pytest.fixture
def program(tmp_path):
    """A folder with the three files, on a port of its own, and the generated module."""
    port = free_port()
    for name, language in (
        ("thermometer.capnp", "capnp"),
        ("board.py", "python"),
        ("host.py", "python"),
    ):
        text = block(name, language)
        (tmp_path / name).write_text(text.replace("7000", str(port)))
    command = re.search(r"-m (capnpc_micropython thermometer\.capnp)\n", README)[1]
    subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tools")},
        check=True,
    )
    return tmp_path


def test_first_program(program, monkeypatch):
    monkeypatch.chdir(program)  # where the board keeps its key
    path = f".frozen:{ROOT / 'lib'}"
    board = Board(program / "board.py", env={"MICROPYPATH": path}, ready="capnp://sha-256:")
    try:
        done = subprocess.run(
            [sys.executable, "host.py", board.ready_line],
            cwd=program,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'lib'}:{ROOT / 'tools'}"},
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    finally:
        board.kill()
    expected = README[README.index("it is 21.5") :].split("```")[0]
    assert done.stdout == expected
    assert done.returncode == 0
