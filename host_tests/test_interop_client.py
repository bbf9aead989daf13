# SPDX-License-Identifier: MIT
"""Our client of a pycapnp server, over TCP and Unix sockets, on MicroPython and CPython."""

import functools
import importlib

import pytest
from interop import EVERYWHERE, new_address, start

# Modules of scenarios, and options of the server for them.
MODULES = {
    "interop_scenarios": (),
    "interop_scenarios_promises": (),
    "interop_scenarios_load": (),
    "interop_scenarios_streams": (),
    "interop_scenarios_connections": (),
    "interop_scenarios_limits": ("words=2000",),
}
SCENARIOS = [
    (name, scenario.__name__)
    for name in MODULES
    for scenario in importlib.import_module(name).SCENARIOS
]


@pytest.fixture(scope="module", params=EVERYWHERE, ids="-".join)
def printed(request):
    """A function of a module's name: what interop_client_board.py prints for its scenarios."""
    interpreter, transport = request.param

    @functools.cache
    def run(name):
        with new_address(transport) as address:
            with start("cpython", "interop_pycapnp.py", f"listen={address}", *MODULES[name]):
                options = f"connect={address}", f"scenarios={name}"
                client = start(interpreter, "interop_client_board.py", *options, ready="done")
                client.stop()
                return client.printed

    return run


@pytest.mark.parametrize("module, scenario", SCENARIOS)
def test_client(printed, module, scenario):
    for line in printed(module):
        if line.startswith(f"skipped {scenario} "):
            pytest.skip(line)
    assert "ok " + scenario in printed(module), "\n".join(printed(module))
