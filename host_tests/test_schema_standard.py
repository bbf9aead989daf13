# SPDX-License-Identifier: MIT
"""The schemas that come with Cap'n Proto: each compiles, and boards import its module."""

import functools
import pathlib
import subprocess
import sys
import tempfile

import pytest
from schemakit import LIBRARY, SITE, interpreters, micropython, run

# Those of pycapnp, and of Debian's libcapnp-dev where that is installed.
ROOTS = [root for root in (SITE, pathlib.Path("/usr/include")) if (root / "capnp").is_dir()]
# This one declares annotations only, so that no module comes from it.
CXX = "c++.capnp"


def schemas(root):
    return [path for path in sorted((root / "capnp").rglob("*.capnp")) if path.name != CXX]


@functools.cache
def compiled(root):
    """Compile all schemas of a folder; return the folder of the modules."""
    folder = tempfile.TemporaryDirectory()
    done = run("-I", root, "-o", folder.name, *schemas(root), root / "capnp" / CXX)
    assert done.returncode == 0, done.stderr
    return folder  # deleted when nobody refers to it


@pytest.fixture(params=[(root, path) for root in ROOTS for path in schemas(root)], ids=str)
def generated(request):
    """The folder of the modules, and the name of one."""
    root, path = request.param
    return compiled(root).name, path.stem.replace("-", "_") + "_capnp"


def test_cxx():
    """The file of annotations is compiled with the others, and gives nothing."""
    for root in ROOTS:
        assert not list(pathlib.Path(compiled(root).name).glob("c_*"))


def test_cpython(generated):
    folder, module = generated
    code = f"import sys; sys.path[:0] = {[folder, str(LIBRARY)]!r}; import {module}"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", interpreters())
def test_boards(generated, name):
    folder, module = generated
    micropython(folder, f"import {module}", interpreters()[name])


def test_stub(generated):
    folder, module = generated
    subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", module + ".pyi"],
        cwd=folder,
        env={"MYPYPATH": str(LIBRARY)},
        check=True,
    )
