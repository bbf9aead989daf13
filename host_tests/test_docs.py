# SPDX-License-Identifier: MIT
"""The program in docs/messages.md, run as printed, on CPython and on MicroPython."""

import os
import pathlib
import re
import subprocess
import sys

import pytest
from micropython import command

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "messages.md").read_text()


def block(language):
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.S)[1]


@pytest.mark.parametrize(
    "interpreter", [[sys.executable], command()], ids=["CPython", "MicroPython"]
)
def test_program(tmp_path, interpreter):
    (tmp_path / "addressbook.capnp").write_text(block("capnp"))
    (tmp_path / "program.py").write_text(block("python"))
    subprocess.run(
        [sys.executable, "-m", "capnpc_micropython", "addressbook.capnp"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tools")},
        check=True,
    )
    path = str(ROOT / "lib")
    done = subprocess.run(
        [*interpreter, "program.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "MICROPYPATH": ".frozen:" + path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    expected = PAGE.split("prints\n\n```\n")[1].split("```")[0]
    assert done.stdout == expected
