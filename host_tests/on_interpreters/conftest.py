# SPDX-License-Identifier: MIT
"""The library and its tests compiled as for a board."""

import pytest
from precompile import LIB, compile_tree


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """A folder with lib/capnrpc_micro as .mpy, and tests with the tests as .mpy."""
    folder = tmp_path_factory.mktemp("compiled")
    compile_tree(LIB / "capnrpc_micro", folder / "lib" / "capnrpc_micro")
    compile_tree(LIB / "tests", folder / "tests", level=0)
    return folder
