# SPDX-License-Identifier: MIT
"""The programs in docs/, run as printed, on CPython and on MicroPython."""

import os
import pathlib
import re
import subprocess
import sys

import pytest
from micropython import command
from ports import free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ("messages.md", "programming.md", "vats.md")

# A program that imports what is generated from a schema, what it prints, and the schema with its name.
PROGRAM = re.compile(
    r"```python\n((?:(?!```).)*from \w+_capnp import(?:(?!```).)*)```\n\nprints\n\n```\n(.*?)```",
    re.S,
)
SCHEMA = re.compile(r"`(\w+\.capnp)`:\n\n```capnp\n(.*?)```", re.S)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    "interpreter", [[sys.executable], command()], ids=["CPython", "MicroPython"]
)
def test_program(tmp_path, interpreter, page):
    text = (ROOT / "docs" / page).read_text()
    program, expected = PROGRAM.search(text).groups()
    name, schema = SCHEMA.search(text).groups()
    (tmp_path / name).write_text(schema)
    (tmp_path / "program.py").write_text(program.replace("7000", str(free_port())))
    subprocess.run(
        [sys.executable, "-m", "capnpc_micropython", name],
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
    assert done.stdout == expected
