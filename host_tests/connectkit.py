# SPDX-License-Identifier: MIT
"""What the tests of capnp_connect share: servers to reach, peers that misbehave, patience."""

import asyncio
import contextlib
import tempfile
import traceback

import capnp
import capnp_connect
from interop import start
from interop_pycapnp import Thing, schema
from ports import free_port

PATIENCE = 60  # seconds after which something counts as stuck; nothing waits for that to pass
ID = b"a secret id of a service"
OTHER_ID = b"the id of no service at all"
# Where to listen, for capnp_connect.serve() and for boards.
PLACES = ("tcp", "ipv6", "unix")


def run(scenario, *arguments):
    """Runs a coroutine function under pycapnp's event loop."""
    return asyncio.run(capnp.run(asyncio.wait_for(scenario(*arguments), PATIENCE)))


async def until(holds):
    """Waits until a function returns something true."""
    while not holds():
        await asyncio.sleep(0.001)


@contextlib.contextmanager
def place(kind):
    """An address to listen at, of one of PLACES."""
    if kind == "unix":
        with tempfile.TemporaryDirectory(prefix="capnrpc_micro_", dir="/tmp") as folder:
            yield f"unix:{folder}/socket"
    else:
        yield "127.0.0.1:0" if kind == "tcp" else "[::1]:0"


class Served:
    """What is served: the URIs of two services.

    main     of the main service, a Thing
    named    of a Thing with the id ID, behind a gateway; None if there is no gateway
    """

    def __init__(self, main, named):
        self.main = main
        self.named = named


@contextlib.asynccontextmanager
async def pycapnp_bare(listen, insecure):
    """One object of pycapnp's."""
    async with await capnp_connect.serve(listen, Thing(), insecure=insecure) as server:
        yield Served(server.uri(), None)


@contextlib.asynccontextmanager
async def pycapnp_gateway(listen, insecure):
    """Objects of pycapnp's behind a gateway."""
    services = {b"": Thing(), ID: Thing()}
    async with await capnp_connect.serve(listen, services=services, insecure=insecure) as server:
        yield Served(server.uri(), server.uri(ID))


def board(interpreter, main):
    """A process of vat_board.py, which serves a gateway unless its main service is to be the only one."""

    @contextlib.asynccontextmanager
    async def served(listen, insecure):
        address = listen.removesuffix(":0")
        if address != listen:
            address += f":{free_port()}"
        process = await asyncio.to_thread(
            start,
            interpreter,
            "vat_board.py",
            f"listen={address}",
            "tls=" + ("no" if insecure else "yes"),
            "main=" + ("yes" if main else "no"),
        )
        try:
            _, main_uri, uri = process.ready_line.split()
            yield Served(main_uri, None if main else uri)
        finally:
            await asyncio.to_thread(process.stop)

    return served


# Each is a function from (an address to listen at, whether without TLS) to an asynchronous context
# with a Served.
SERVERS = {
    "pycapnp": pycapnp_bare,
    "pycapnp-gateway": pycapnp_gateway,
    "micropython": board("micropython", True),
    "micropython-gateway": board("micropython", False),
    "cpython": board("cpython", True),
    "cpython-gateway": board("cpython", False),
}


@contextlib.asynccontextmanager
async def peer(behave, **options):
    """A TCP server that does behave(reader, writer) with each connection: yields its port."""

    async def accepted(reader, writer):
        try:
            await behave(reader, writer)
        except ConnectionError:
            pass  # the client has left
        finally:
            writer.close()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def error_of(uri, timeout=PATIENCE, key=None):
    """The ConnectError that connecting ends with; no text of it has the service's id."""
    attempt = capnp_connect.connect(uri, schema.Thing, key=key, timeout=timeout)
    address = uri if isinstance(uri, capnp_connect.Address) else capnp_connect.Address.parse(uri)
    try:
        await attempt
    except capnp_connect.ConnectError as error:
        shown = "".join(traceback.format_exception(error)) + repr(error) + repr(attempt)
        assert not secrets_in(shown, address.service)
        return error
    raise AssertionError("an exception was expected")


def secrets_in(text, id):
    """The forms of an id that stand in a text."""
    encoded = capnp_connect.Address(None, "/x", id).uri().rpartition("/")[2]
    forms = (encoded, id.hex(), id.decode("latin-1")) if id else ()
    return [form for form in forms if form in text]
