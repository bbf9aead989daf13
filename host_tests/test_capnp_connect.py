# SPDX-License-Identifier: MIT
"""capnp_connect.connect() and serve(): from a URI to a capability, and how long that lasts."""

import asyncio
import contextlib
import gc
import socket
import ssl
from unittest import mock

import capnp
import capnp_connect
import pytest
from capnp_connect import dialling
from capnp_connect.gateway import Gateway
from connectkit import ID, OTHER_ID, PLACES, SERVERS, error_of, place, run, until
from interop import fails
from interop_pycapnp import Thing, schema

from capnrpc_micro.identity.certificate import peer_digest
from capnrpc_micro.identity.pinned_host import Pinned

# A message that every server answers: Bootstrap with question 0.
BOOTSTRAP = bytes.fromhex(
    "000000000500000000000000010001000800000000000000000000000100010000000000000000000000000000000000"
)


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("insecure", [False, True], ids=["tls", "insecure"])
@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_a_uri_leads_to_its_service(server, insecure, where):
    async def scenario(listen):
        async with server(listen, insecure) as served:
            assert served.main.startswith("capnp://" + ("insecure@" if insecure else "sha-256:"))
            for uri in filter(None, (served.main, served.named)):
                thing = await capnp_connect.connect(uri, schema.Thing)
                assert (await thing.echo(7)).y == 7
                assert (await thing.getSelf().thing.getSelf().thing.echo(8)).y == 8
                assert (await thing.blob(bytes(10_000))).data == bytes(10_000)
                mine = Thing()
                assert (await thing.callMe(mine, 10)).sum == 45
                assert mine.heard == list(range(10))
                with pytest.raises(capnp.KjException):
                    await thing.fail(0, "as asked")
                assert (await thing.echo(9)).y == 9
                del thing
            # One that is not there.
            address = capnp_connect.Address.parse(served.main).with_service(OTHER_ID)
            error = await error_of(address)
            if served.named:
                assert isinstance(error, capnp_connect.UnknownService)
                assert "Unknown persistent service ID" in str(error)
            else:
                assert isinstance(error, capnp_connect.NoGateway)

    with place(where) as listen:
        run(scenario, listen)


def test_a_name_with_several_addresses():
    """localhost is often ::1 first, where nobody listens here."""

    async def scenario():
        async with await capnp_connect.serve("127.0.0.1:0", Thing(), public="x:1") as server:
            port = server._listener.sockets[0].getsockname()[1]
            found = [(socket.AF_INET6, ("::1", port, 0, 0)), (socket.AF_INET, ("127.0.0.1", port))]

            async def getaddrinfo(*arguments, **options):
                return [(family, socket.SOCK_STREAM, 6, "", name) for family, name in found]

            address = capnp_connect.Address(server.key.digest, ("two.example", port))
            loop = asyncio.get_running_loop()
            with mock.patch.object(loop, "getaddrinfo", getaddrinfo):
                async with capnp_connect.connect(address, schema.Thing) as thing:
                    assert (await thing.echo(1)).y == 1
                found.pop()
                assert isinstance(await error_of(address), capnp_connect.Unreachable)

    run(scenario)


def test_much_data_through_tls():
    async def scenario():
        async with await capnp_connect.serve("127.0.0.1:0", Thing()) as server:
            async with capnp_connect.connect(server.uri(), schema.Thing) as thing:
                blobs = [bytes([k]) * (1 << 20) for k in range(8)]
                calls = [thing.blob(blob) for blob in blobs]
                for call, blob in zip(calls, blobs, strict=True):
                    assert (await call).data == blob

    run(scenario)


def test_services_are_told_apart_by_their_ids():
    async def scenario():
        async with await capnp_connect.serve("127.0.0.1:0", services={ID: Thing()}) as server:
            uri = server.offer(Thing(), "other")
            assert uri == server.uri(server.key.derived_id("other"))
            async with (
                capnp_connect.connect(server.uri(ID), schema.Thing) as first,
                capnp_connect.connect(uri, schema.Thing) as second,
            ):
                await first.echo(1)
                await second.echo(2)
                assert list((await first.seen()).xs) == [1]
                assert list((await second.seen()).xs) == [2]
            # The empty id is as unknown as any other, the gateway is no service.
            assert isinstance(await error_of(server.uri()), capnp_connect.UnknownService)
            with pytest.raises(ValueError, match="already"):
                server.offer(Thing(), "other")

    run(scenario)


def test_what_a_gateway_answers_has_no_traceback():
    """pycapnp sends the whole traceback of an exception, with paths."""

    async def scenario():
        async with await capnp_connect.serve(
            "127.0.0.1:0", services={ID: Thing()}, insecure=True
        ) as server:
            stream = await capnp.AsyncIoStream.create_connection(*server.address().where)
            client = capnp.TwoPartyClient(stream)
            gateway = client.bootstrap().cast_as(Gateway)
            error = await fails(gateway.restore(OTHER_ID))
            said = error.description.removeprefix("remote exception: message = ")
            assert said.strip() == "Unknown persistent service ID"
            assert error.type == "FAILED"
            thing = (await gateway.restore(ID)).cap.as_interface(schema.Thing)
            assert (await thing.echo(3)).y == 3
            client.close()
            stream.close()

    run(scenario)


@pytest.mark.parametrize("insecure", [False, True], ids=["tls", "insecure"])
@pytest.mark.parametrize("services", [False, True], ids=["bare", "gateway"])
def test_the_connection_lives_as_long_as_the_capability(services, insecure):
    async def scenario():
        what = {"services": {ID: Thing()}} if services else {"bootstrap": Thing()}
        async with await capnp_connect.serve("127.0.0.1:0", insecure=insecure, **what) as server:
            uri = server.uri(ID if services else b"")
            thing = await capnp_connect.connect(uri, schema.Thing)
            again = thing.cast_as(schema.Thing)
            del thing
            gc.collect()
            assert (await again.echo(1)).y == 1
            call = again.later(2)
            del again
            gc.collect()
            assert (await call).y == 2
            del call
            gc.collect()
            await until(lambda: server.connections == 0)
            # A block ends it even if the capability is kept.
            async with capnp_connect.connect(uri, schema.Thing) as thing:
                assert (await thing.echo(3)).y == 3
                assert server.connections == 1
            await until(lambda: server.connections == 0)
            assert (await fails(thing.echo(4))).type == "DISCONNECTED"
            with pytest.raises(ZeroDivisionError):
                async with capnp_connect.connect(uri, schema.Thing) as thing:
                    raise ZeroDivisionError
            await until(lambda: server.connections == 0)

    run(scenario)


def test_the_end_of_the_server_breaks_the_capability():
    async def scenario():
        server = await capnp_connect.serve("127.0.0.1:0", Thing())
        thing = await capnp_connect.connect(server.uri(), schema.Thing)
        waiting = asyncio.ensure_future(fails(thing.wait()))
        assert (await thing.echo(1)).y == 1
        await server.close()
        assert (await waiting).type == "DISCONNECTED"
        assert server.connections == 0
        assert isinstance(await error_of(server.uri()), capnp_connect.Unreachable)

    run(scenario)


def test_both_sides_show_their_keys():
    """The server learns the key that it is shown: the given one, else a new one each time."""

    async def scenario():
        server_key = capnp_connect.SecretKey.generate()
        context = Pinned(server_key, True).context()
        seen = []

        class Noting(ssl.SSLObject):
            def do_handshake(self):
                super().do_handshake()
                seen.append(peer_digest(self.getpeercert(True)))

        context.sslobject_class = Noting

        async def accepted(stream):
            await capnp.TwoPartyServer(stream, bootstrap=Thing()).on_disconnect()

        server = await capnp.AsyncIoStream.create_server(accepted, "127.0.0.1", 0, ssl=context)
        where = server.sockets[0].getsockname()
        address = capnp_connect.Address(server_key.digest, where)
        key = capnp_connect.SecretKey.generate()
        for mine in (key, key, None, None):
            async with capnp_connect.connect(address, schema.Thing, key=mine) as thing:
                assert (await thing.echo(1)).y == 1
        assert seen[0] == seen[1] == key.digest
        assert len(set(seen)) == 3
        server.close()

    run(scenario)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_takes_no_client_without_a_key(version):
    async def scenario():
        async with await capnp_connect.serve("127.0.0.1:0", Thing()) as server:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.maximum_version = version
            answer = b""
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(
                    *server.address().where, ssl=context, server_hostname=""
                )
                writer.write(BOOTSTRAP)  # in TLS 1.3 a client hears afterwards that it is refused
                answer = await reader.read(1)
            assert answer == b""
            # Others are served.
            async with capnp_connect.connect(server.uri(), schema.Thing) as thing:
                assert (await thing.echo(1)).y == 1

    run(scenario)


def test_a_key_file_keeps_the_uri(tmp_path):
    async def scenario():
        path = tmp_path / "key.pem"
        seen = set()
        for _ in range(2):
            services = {b"": Thing()}
            listen = "unix:%s/socket" % tmp_path
            async with await capnp_connect.serve(listen, services=services, key=path) as server:
                uri = server.offer(Thing(), "thing")
                seen.add(uri)
                capnp_connect.save(str(tmp_path / "thing.cap"), server.address())
            assert not (tmp_path / "socket").exists()
        assert len(seen) == 1
        address = capnp_connect.load(str(tmp_path / "thing.cap"))
        assert address.where == str(tmp_path / "socket")

    run(scenario)


def test_small_calls_are_not_delayed():
    """With Nagle's algorithm each would wait for the other side's delayed acknowledgement."""

    async def scenario():
        async with await capnp_connect.serve("127.0.0.1:0", Thing(), insecure=True) as server:
            nodelay = socket.IPPROTO_TCP, socket.TCP_NODELAY
            with await dialling._connected(server.address()) as sock:
                assert sock.getsockopt(*nodelay)
            for sock in server._listener.sockets:  # connections inherit it
                assert sock.getsockopt(*nodelay)

    run(scenario)


def test_what_cannot_be_meant():
    async def scenario():
        for wrong in ("nowhere", "capnp://127.0.0.1:7000", "http://a/", "capnp://insecure@a:7/?"):
            with pytest.raises(ValueError):
                capnp_connect.connect(wrong, schema.Thing)
        for wrong in ("7000", "127.0.0.1", "127.0.0.1:", ":7000", "127.0.0.1:x", "[]:1"):
            with pytest.raises(ValueError):
                await capnp_connect.serve(wrong, Thing())
        for what in ({}, {"bootstrap": Thing(), "services": {}}):
            with pytest.raises(ValueError):
                await capnp_connect.serve("127.0.0.1:0", **what)
        # 0.0.0.0 leads nobody here; what does has to be said.
        async with await capnp_connect.serve("0.0.0.0:0", Thing()) as server:
            with pytest.raises(ValueError, match="public"):
                server.uri()
        async with await capnp_connect.serve(
            "0.0.0.0:0", Thing(), public="board.example:7000"
        ) as server:
            assert server.uri().endswith("@board.example:7000")

    run(scenario)
