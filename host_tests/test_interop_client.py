# SPDX-License-Identifier: MIT
"""Our client of a pycapnp server, over TCP and Unix sockets, on MicroPython and CPython."""

import importlib

import pytest
from interop import INTERPRETERS, TRANSPORTS, new_address, start

MODULES = (
    "interop_scenarios",
    "interop_scenarios_promises",
    "interop_scenarios_load",
    "interop_scenarios_streams",
    "interop_scenarios_connections",
)
SCENARIOS = [
    (name, scenario.__name__)
    for name in MODULES
    for scenario in importlib.import_module(name).SCENARIOS
]


@pytest.fixture(scope="module", params=TRANSPORTS)
def address(request):
    """Where pycapnp serves."""
    with new_address(request.param) as found:
        with start("cpython", "interop_pycapnp.py", f"listen={found}"):
            yield found


@pytest.fixture(scope="module", params=INTERPRETERS)
def printed(request, address):
    """What interop_client_board.py prints, by module of scenarios."""
    lines = {}
    for name in MODULES:
        options = f"connect={address}", f"scenarios={name}"
        client = start(request.param, "interop_client_board.py", *options, ready="done")
        client.stop()
        lines[name] = client.printed
    return lines


@pytest.mark.parametrize("module, scenario", SCENARIOS)
def test_client(printed, module, scenario):
    for line in printed[module]:
        if line.startswith(f"skipped {scenario} "):
            pytest.skip(line)
    assert "ok " + scenario in printed[module], "\n".join(printed[module])
