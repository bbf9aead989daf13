# SPDX-License-Identifier: MIT
"""What several files of host tests share."""

import importlib
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCHEMAS = ROOT / "host_tests" / "schemas"


@pytest.fixture(scope="session")
def generated(tmp_path_factory):
    """A function that compiles a schema of host_tests/schemas and returns the module."""
    folder = tmp_path_factory.mktemp("schemas")
    sys.path.append(str(folder))

    def module(name):
        subprocess.run(
            [
                sys.executable,
                "-m",
                "capnpc_micropython",
                "-o",
                folder,
                SCHEMAS / (name + ".capnp"),
            ],
            check=True,
            env={"PYTHONPATH": str(ROOT / "tools")},
        )
        return importlib.import_module(name + "_capnp")

    yield module
    sys.path.remove(str(folder))
