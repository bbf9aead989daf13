# SPDX-License-Identifier: MIT
"""What several files of host tests share."""

import importlib
import sys

import pytest
from schemakit import SCHEMAS, run


@pytest.fixture(scope="session")
def generated(tmp_path_factory):
    """A function that compiles a schema of host_tests/schemas and returns the module."""
    folder = tmp_path_factory.mktemp("schemas")
    sys.path.append(str(folder))

    def module(name):
        done = run("-o", folder, SCHEMAS / (name + ".capnp"))
        assert done.returncode == 0, done.stderr
        return importlib.import_module(name + "_capnp")

    yield module
    sys.path.remove(str(folder))
