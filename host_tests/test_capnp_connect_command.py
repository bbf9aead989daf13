# SPDX-License-Identifier: MIT
"""`python -m capnp_connect`: what it prints, where, and its exit status."""

import asyncio
import os
import pathlib
import re
import signal
import subprocess
import sys

import capnp
import capnp_connect
import pytest
from connectkit import ID, OTHER_ID, PATIENCE, peer, run, secrets_in
from ports import free_port

capnp.remove_import_hook()

ROOT = pathlib.Path(__file__).resolve().parent.parent
PATHS = os.pathsep.join([str(ROOT / "lib"), str(ROOT / "tools")])
SCHEMA = """
@0xc4d2ea1d3c5f0d2b;

enum Colour { red @0; blue @1; }

struct Pair { key @0 :Text; values @1 :List(Int32); colour @2 :Colour; }

interface Deep {
  interface Echo {
    all @0 (on :Bool, big :UInt64, small :Int8, real :Float32, text :Text, data :Data,
        colour :Colour, pair :Pair, pairs :List(Pair))
      -> (on :Bool, big :UInt64, small :Int8, real :Float32, text :Text, data :Data,
        colour :Colour, pair :Pair, pairs :List(Pair));
    nothing @1 () -> ();
    fail @2 (reason :Text) -> ();
    never @3 () -> ();
    take @4 (echo :Echo) -> ();
  }
}
"""


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    path = tmp_path_factory.mktemp("schema") / "echo.capnp"
    path.write_text(SCHEMA)
    path.with_name("bad.capnp").write_text("@0xc4d2ea1d3c5f0d2c;\nnonsense\n")
    return path


async def command(*arguments, given="", until=None, cwd=None):
    """(exit status, standard output, standard error) of the command; no id stands in the latter.

    until   a function that is awaited, then the process gets SIGINT
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "capnp_connect", *map(str, arguments)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": PATHS},
        cwd=cwd,
    )
    if until:
        await until()
        process.send_signal(signal.SIGINT)
    out, said = await process.communicate(given.encode())
    out, said = out.decode(), said.decode()
    for id in (ID, OTHER_ID):
        assert not secrets_in(said, id)
    assert "Traceback" not in said
    return process.returncode, out, said


def with_server(schema, scenario):
    """Runs scenario(server, the server object of the service ID)."""
    interface = capnp.load(str(schema)).Deep.Echo

    class Echo(interface.Server):
        def __init__(self):
            self.called = asyncio.Event()

        async def all(self, _context, **fields):
            return tuple(fields.values())

        async def nothing(self, _context, **kwargs):
            pass

        async def fail(self, reason, _context, **kwargs):
            raise ValueError(reason)

        async def never(self, _context, **kwargs):
            self.called.set()
            await asyncio.Event().wait()

    async def session():
        echo = Echo()
        async with await capnp_connect.serve("127.0.0.1:0", services={ID: echo}) as server:
            await scenario(server, echo)

    run(session)


def test_all_kinds_of_values(schema, tmp_path):
    (tmp_path / "data").write_bytes(b"\1\2")

    async def scenario(server, echo):
        common = (server.uri(ID), schema, "Deep.Echo")
        pair = '{"key": "k", "values": [1, -2], "colour": "blue"}'
        printed_pair = '(key = "k", values = [1, -2], colour = blue)'
        status, out, said = await command(
            *(*common, "all", "on=true", "big=18446744073709551615", "small=-0x7f", "real=1.5"),
            *("text=a=b c", "data=0x00ff", "colour=blue", f"pair={pair}", f"pairs=[{pair}]"),
        )
        assert (status, said) == (0, "")
        assert " ".join(out.split()).replace("[ ", "[").replace(" ]", "]") == (
            "( on = true, big = 18446744073709551615, small = -127, real = 1.5, "
            'text = "a=b c", data = "\\000\\377", colour = blue, '
            f"pair = {printed_pair}, pairs = [{printed_pair}] )"
        )
        for data, printed in (("hi", '"hi"'), (f"@{tmp_path}/data", '"\\001\\002"'), ("0x", '""')):
            status, out, _ = await command(*common, "all", "data=" + data)
            assert f"data = {printed}," in out or printed == '""' and status == 0
        assert await command(*common, "nothing") == (0, "()\n", "")

    with_server(schema, scenario)


def test_where_the_uri_comes_from(schema, tmp_path):
    async def scenario(server, echo):
        path = tmp_path / "echo.cap"
        capnp_connect.save(str(path), server.address(ID))
        server.key.save(str(tmp_path / "key.pem"))
        call = (schema, "Deep.Echo", "nothing")
        assert await command(path, *call) == (0, "()\n", "")
        assert await command("-", *call, given=server.uri(ID) + "\n") == (0, "()\n", "")
        key = ("--key", tmp_path / "key.pem")
        assert await command(path, *call, *key) == (0, "()\n", "")

    with_server(schema, scenario)


def test_failed_calls(schema):
    async def scenario(server, echo):
        common = (server.uri(ID), schema, "Deep.Echo")
        assert await command(*common, "fail", "reason=as asked") == (
            1,
            "",
            "capnp_connect: the call failed: ValueError: as asked (failed)\n",
        )
        status, out, said = await command(*common, "never", "--timeout", "2")
        assert (status, out) == (3, "")
        assert said == "capnp_connect: no answer within 2 seconds while waiting for the call\n"
        echo.called.clear()
        assert await command(*common, "never", until=echo.called.wait) == (130, "", "")

    with_server(schema, scenario)


def test_no_service(schema):
    async def scenario(server, echo):
        call = (schema, "Deep.Echo", "nothing")

        async def ends(uri, status, said, *more):
            assert await command(uri, *call, *more) == (status, "", f"capnp_connect: {said}\n")

        where = server.address().where
        unknown = "the vat knows no service with this id (Unknown persistent service ID)"
        await ends(server.uri(OTHER_ID), 5, unknown)
        port = free_port()
        away = capnp_connect.Address(None, ("127.0.0.1", port), ID).uri()
        await ends(away, 3, f"127.0.0.1 port {port} cannot be reached: Connection refused")
        other = capnp_connect.SecretKey.generate().digest
        status, out, said = await command(capnp_connect.Address(other, where, ID).uri(), *call)
        assert (status, out) == (4, "") and "expected was sha-256:" in said

        async def behave(reader, writer):
            await reader.read()

        async with peer(behave) as port:
            silent = capnp_connect.Address(other, ("127.0.0.1", port), ID).uri()
            late = "no answer within 0.5 seconds while in the TLS handshake"
            await ends(silent, 3, late, "--timeout", "0.5")

    with_server(schema, scenario)


WRONG = {
    "no URI": (["nowhere.cap"], "nowhere.cap"),
    "bad URI": (["capnp://x"], "missing digest"),
    "no schema": ([None, "nowhere.capnp"], "nowhere.capnp: there is no such schema file"),
    "no schema but another file": ([None, __file__], "there is no such schema file"),
    "bad schema": ([None, "bad.capnp"], "capnp_connect: bad.capnp:3: Parse error."),
    "no interface": ([None, None, "Deep.None"], "has no interface Deep.None"),
    "no interface but a struct": ([None, None, "Pair"], "has no interface Pair"),
    "no method": ([None, None, None, "none"], "only: all, fail, never, nothing, take"),
    "no parameter": ([None, None, None, None, "none=1"], "there is no parameter none"),
    "no value": ([None, None, None, None, "on"], "name=value"),
    "no bool": ([None, None, None, None, "on=1"], "on: expected true or false"),
    "no number": ([None, None, None, None, "big=x"], "big: "),
    "too large": ([None, None, None, None, "small=128"], "do not fit"),
    "no enumerant": ([None, None, None, None, "colour=green"], "do not fit"),
    "no field": ([None, None, None, None, 'pair={"none": 1}'], "do not fit"),
    "no JSON": ([None, None, None, None, "pair=x"], "pair: "),
    "no file": ([None, None, None, None, "data=@nowhere"], "nowhere"),
    "a capability": ([None, None, None, "take", "echo=x"], "cannot be written here"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_wrong_usage(schema, wrong):
    arguments, expected = wrong

    async def scenario(server, echo):
        usual = [server.uri(ID), schema, "Deep.Echo", "all"]
        meant = [given or usual[k] for k, given in enumerate(arguments)]
        status, out, said = await command(*meant, *usual[len(meant) :], cwd=schema.parent)
        assert (status, out) == (2, "")
        assert said.startswith("capnp_connect: ") and expected in said
        assert said.count("\n") == 1

    with_server(schema, scenario)


def test_the_program_in_the_docs(tmp_path):
    """docs/host.md, run as printed, and the command that it has for the same."""
    text = (ROOT / "docs" / "host.md").read_text()
    program = re.search(r"```python\n(import asyncio\n.*?)```", text, re.S)[1]
    usual = re.search(r"-m capnp_connect URI (.*)\n", text)[1].split()
    (tmp_path / "host.py").write_text(program)
    (tmp_path / "thermometer.capnp").write_text(
        "@0xc4d2ea1d3c5f0d2d; interface Thermometer { read @0 () -> (celsius :Float32); }"
    )
    interface = capnp.load(str(tmp_path / "thermometer.capnp")).Thermometer

    class Sensor(interface.Server):
        async def read(self, _context, **kwargs):
            return 21.5

    async def scenario():
        async with await capnp_connect.serve("127.0.0.1:0", services={ID: Sensor()}) as server:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "host.py", server.uri(ID)),
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": PATHS},
                cwd=tmp_path,
            )
            assert (await process.communicate())[0] == b"21.5\n"
            printed = await command(server.uri(ID), *usual, cwd=tmp_path)
            assert printed == (0, "(celsius = 21.5)\n", "")
            assert "`(celsius = 21.5)`" in text

    run(scenario)


def test_help():
    done = subprocess.run(
        [sys.executable, "-m", "capnp_connect", "--help"],
        env={**os.environ, "PYTHONPATH": PATHS},
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0
    assert "exit status: 0 done" in done.stdout
