# SPDX-License-Identifier: MIT
"""Our client of a pycapnp server, over TCP, on MicroPython and CPython."""

import re

import pytest
from interop import HERE, INTERPRETERS, start
from ports import free_port

SCENARIOS = re.findall(
    r"^    (\w+),$",
    (HERE / "interop_client_board.py")
    .read_text()
    .partition("SCENARIOS = (")[2]
    .partition("\n)")[0],
    re.M,
)


@pytest.fixture(scope="module", params=INTERPRETERS)
def output(request):
    """What interop_client_board.py prints."""
    port = free_port()
    with start("cpython", "interop_pycapnp.py", f"listen=127.0.0.1:{port}"):
        client = start(
            request.param, "interop_client_board.py", f"connect=127.0.0.1:{port}", ready="done"
        )
        client.stop()
        return client.printed


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_client(output, scenario):
    assert "ok " + scenario in output, "\n".join(output)


def test_there_are_scenarios():
    assert len(SCENARIOS) > 10
