# SPDX-License-Identifier: MIT
"""Vats in one process, over the loopback address with TLS, on both interpreters."""

import os
import subprocess
import sys

import pytest
from layers import LIBRARY
from micropython import command
from ports import free_port

PROGRAM = """
import asyncio, sys
sys.path[:0] = [{lib!r}, {echo!r}]
import capnrpc_micro as capnp
from capnrpc_micro.identity.address import Address
from echo_capnp import Echo

A, B = ["127.0.0.1:%d" % port for port in {ports}]

class Service(Echo.Server):
    def echo(self, x):
        return x

async def started(listen=None, **settings):
    vat = capnp.Vat(listen=listen, **settings)
    uri = None
    if listen is not None:
        uri = vat.offer(Service(), "echo")
        await vat.start()
    return vat, uri

async def works(vat, uri):
    async with await vat.connect(uri, Echo) as echo:
        assert (await echo.echo(5)).y == 5

async def fails(vat, service, kind, *texts):
    # The texts are in the error, and nothing secret is.
    try:
        await vat.connect(service, Echo)
    except capnp.Error as error:
        text = str(error)
        assert error.type == kind, text
        for part in texts:
            assert part in text, text
        if isinstance(service, Address):
            service = service.uri()
        assert service.rsplit("/", 1)[1] not in text, text
        return
    raise SystemExit("an Error was expected: %s" % (texts,))

async def until(condition):
    while not condition():
        await asyncio.sleep(0.01)

def links(vat):
    return len(vat.server.links)

async def main():
{body}

asyncio.run(asyncio.wait_for(main(), 60))
print("ok")
"""

CASES = {
    # However many ask, and one after another; each reference is one of its own.
    "one_connection_with_a_vat": """
    vat, uri = await started(A)
    other = vat.offer(Service(), "other")
    me, _ = await started()
    await asyncio.gather(*[works(me, uri if x % 2 else other) for x in range(6)])
    await works(me, other)
    assert links(vat) == vat.server.accepted == 1
    await me.close()
    await vat.close()
""",
    "connections_without_tls_are_not_shared": """
    vat, uri = await started(A, tls=False)
    assert uri.startswith("capnp://insecure@" + A + "/"), uri
    me, _ = await started(limits=capnp.Limits(unused_ms=100))
    await asyncio.gather(*[works(me, uri) for _ in range(3)])
    assert vat.server.accepted == 3
    await until(lambda: not links(vat))
    await vat.close()
    await me.close()
""",
    # Nothing listens, so there can be no connection.
    "services_of_the_vat_itself": """
    vat = capnp.Vat(listen=A)
    uri = vat.offer(Service(), "echo")
    await works(vat, uri)
    await works(vat, Address.parse(uri))
    await works(vat, vat.sturdy_ref(uri))
    await fails(vat, Address.parse(uri).with_service(b"no such"), capnp.FAILED,
                "Unknown persistent service ID")
    await vat.close()
    def load(digest, sturdy_ref):
        raise ValueError("a bad day")
    vat = capnp.Vat(listen=A, loader=load)
    await fails(vat, vat.sturdy_ref(b"any").address, capnp.FAILED, "ValueError: a bad day")
    await vat.close()
""",
    "a_connection_is_used_both_ways": """
    a, at_a = await started(A)
    b, at_b = await started(B)
    async with await a.connect(at_b, Echo) as echo:
        await works(b, at_a)
        assert links(b) == 1 and a.server.accepted == 0
        assert (await echo.echo(1)).y == 1
    await a.close()
    await b.close()
""",
    # Both dial at the same time: the connection stays that was made by the vat with the greater digest,
    # and nothing breaks that went over the other one.
    "crossed_connections": """
    async def round_trips(vat, uri):
        for _ in range(5):
            await works(vat, uri)
    limits = capnp.Limits(ping_ms=200)
    for _ in range(4):
        a, at_a = await started(A, limits=limits)
        b, at_b = await started(B, limits=limits)
        echoes = await asyncio.gather(a.connect(at_b, Echo), b.connect(at_a, Echo))
        assert links(a) == links(b) == 1
        await asyncio.gather(round_trips(a, at_b), round_trips(b, at_a))
        await asyncio.sleep(1)  # longer than what is not used lasts
        for echo in echoes:
            assert (await echo.echo(6)).y == 6
            capnp.release(echo)
        await round_trips(a, at_b)
        await round_trips(b, at_a)
        if Address.parse(at_a).digest > Address.parse(at_b).digest:
            a, b = b, a
        await until(lambda: (links(a), links(b)) == (1, 0))
        await a.close()
        await b.close()
""",
    "the_reason_of_a_shutdown": """
    class Slow(Echo.Server):
        async def echo(self, x):
            await asyncio.sleep(100)
    vat, _ = await started(A)
    uri = vat.offer(Slow(), "slow")
    me, _ = await started()
    async with await me.connect(uri, Echo) as slow:
        call = slow.echo(1)
        closing = asyncio.create_task(vat.close("going to sleep"))
        try:
            await call
            raise SystemExit("it was answered")
        except capnp.Error as error:
            assert error.type == capnp.DISCONNECTED and "going to sleep" in str(error), error
        await closing
    vat, uri = await started(A)
    await works(me, uri)  # another vat now, with another key
    await vat.close()
    await me.close()
""",
    # The vat is started again and has the same key: who was connected finds it again.
    "the_same_vat_again": """
    key = capnp.SecretKey.generate()
    me, _ = await started()
    uris = set()
    for _ in range(3):
        vat, uri = await started(A, key=key)
        uris.add(uri)
        await works(me, uri)
        await vat.close()
    assert len(uris) == 1
    await fails(me, uri, capnp.DISCONNECTED, "cannot connect to capnp://sha-256:", A)
    await me.close()
""",
    "closed_before_it_begins_to_accept": """
    for _ in range(3):
        vat, _ = await started(A)
        await vat.close()
    vat, uri = await started(A)
    me, _ = await started()
    await works(me, uri)
    await me.close()
    await vat.close()
""",
    "what_is_wrong": """
    vat, uri = await started(A)
    me, _ = await started(limits=capnp.Limits(first_ms=300))
    right = Address.parse(uri)
    other = Address(bytes(32), right.where, right.service)
    await fails(me, other, capnp.FAILED, "the key of sha-256:AAAAAAAAAAA", " was expected",
                repr(right)[len("capnp://"):].split("@")[0])
    await fails(me, right.with_service(b"nothing"), capnp.FAILED, "Unknown persistent service ID")
    await vat.close()
    # TLS is expected, and there is none.
    vat, _ = await started(A, tls=False)
    await fails(me, right, capnp.DISCONNECTED, A, "does not speak it")
    await vat.close()
    # No TLS is expected, and there is some.
    vat, uri = await started(A)
    await fails(me, Address(None, right.where, b"123"), capnp.DISCONNECTED, "TLS")
    await vat.close()
    await fails(me, right, capnp.DISCONNECTED, A)  # nobody is there
    # Somebody is there, and says nothing.
    async def silent(reader, writer):
        try:
            await reader.read(10000)
            await reader.read(10000)
        except OSError:
            pass
        writer.close()
    host, port = right.where
    server = await asyncio.start_server(silent, host, port)
    await fails(me, right, capnp.DISCONNECTED, A + " has not answered within 300 ms")
    server.close()
    await me.close()
""",
    # The peer does not want to, or cannot: it ends the handshake.
    "refused_handshakes": """
    vat, uri = await started(A, limits=capnp.Limits(handshakes=1))
    me, _ = await started()
    await works(me, uri)
    other, _ = await started()
    await fails(other, uri, capnp.DISCONNECTED, A, "handshake")
    assert vat.server.refused == 1
    await me.close()
    await other.close()
    await vat.close()
""",
    # Nobody refers to anything: the connection goes. Somebody does: it stays.
    "unused_connections_end": """
    vat, uri = await started(A)
    me, _ = await started(limits=capnp.Limits(unused_ms=150))
    await works(me, uri)
    await until(lambda: not links(vat))
    echo = await me.connect(uri, Echo)
    await asyncio.sleep(0.6)
    assert links(vat) == 1 and (await echo.echo(2)).y == 2
    capnp.release(echo)
    await until(lambda: not links(vat))
    peers = (me._peers._shared, me._peers._dialled, vat._peers._shared)
    await until(lambda: not any(peers))
    await me.close()
    await vat.close()
""",
    "ids": """
    vat, uri = await started(A)
    assert Address.parse(uri).service == vat.config.secret_key.derived_id("echo")
    public = vat.offer(Service(), "for everybody", public=True)
    assert Address.parse(public).service == b"for everybody"
    for name in ("echo", "for everybody"):
        try:
            vat.offer(Service(), name, public=name != "echo")
            raise SystemExit("offered twice")
        except ValueError:
            pass
    me, _ = await started()
    await works(me, public)
    text = repr(vat.config.secret_key) + repr(Address.parse(uri)) + repr(vat.sturdy_ref(uri))
    assert uri.rsplit("/", 1)[1] not in text
    await me.close()
    await vat.close()
    nowhere = capnp.Vat()
    for attempt in (lambda: nowhere.offer(Service(), "echo"), lambda: capnp.Vat(listen="7000"),
                    lambda: nowhere.sturdy_ref("http://x")):
        try:
            attempt()
            raise SystemExit("a ValueError was expected")
        except ValueError:
            pass
""",
    # Where it is, and which key it has, in all forms.
    "config": """
    key = capnp.SecretKey.generate()
    uris = set()
    for given in (key, key.to_pem()):
        for settings in ({"listen": A}, {"listen": "0.0.0.0:1", "public": A}, {"public": A}):
            vat = capnp.Vat(key=given, **settings)
            uris.add(vat.offer(Service(), "echo"))
            uris.add(capnp.Vat(config=capnp.VatConfig(key=given, **settings)).offer(Service(), "echo"))
    assert len(uris) == 1
    other = capnp.VatConfig(listen=A), capnp.VatConfig(listen=A)
    assert other[0].address.digest == other[0].address.digest != other[1].address.digest
    assert capnp.VatConfig("/run/x").address.where == capnp.VatConfig("unix:/run/x").address.where == "/run/x"
    assert capnp.VatConfig("[::1]:7", tls=False).address.uri() == "capnp://insecure@[::1]:7"
    assert capnp.VatConfig("0.0.0.0:7", public="board.local:7", tls=False).address.where[0] == "board.local"
    for wrong in ("7000", "host", ":7000", "host:0", "run/x", "", "host:x"):
        try:
            capnp.VatConfig(listen=wrong)
            raise SystemExit("a ValueError was expected: " + wrong)
        except ValueError as error:
            assert "listen" in str(error), error
    try:
        capnp.VatConfig(key=b"no key").secret_key
        raise SystemExit("a key was found")
    except ValueError:
        pass
""",
    "a_main_object_and_the_gateway": """
    from capnrpc_micro.vat.gateway_capnp import Gateway
    vat, uri = await started(A, main=Service())
    me, _ = await started()
    main = Address.parse(uri).with_service(b"")
    await works(me, main)
    await vat.close()
    vat, uri = await started(A)
    main = Address.parse(uri).with_service(b"")
    async with await me.connect(main, Gateway) as gateway:
        results = await gateway.restore(Address.parse(uri).service)
        assert (await results.cap.cast_as(Echo).echo(7)).y == 7
        capnp.release(results)
        try:
            await gateway.restore(b"wrong")
            raise SystemExit("an unknown id was restored")
        except capnp.Error as error:
            assert error.type == capnp.FAILED and "Unknown persistent service ID" in str(error)
    await me.close()
    await vat.close()
""",
    # Who has a service can ask it for its URI, if it is persistent, and pass that on.
    "sturdy_refs": """
    from capnrpc_micro.vat.persistent_capnp import Persistent
    vat, uri = await started(A)
    lasting = vat.offer(Service(), "lasting", persistent=True)
    me, _ = await started()
    echo = await me.connect(lasting, Echo)
    ref = await capnp.save(echo, me)
    assert ref.uri() == lasting and ref == me.sturdy_ref(lasting) != me.sturdy_ref(uri)
    assert len({ref, me.sturdy_ref(lasting)}) == 1
    assert (await echo.echo(3)).y == 3
    capnp.release(echo)
    async with await ref.connect(Echo) as echo:
        assert (await echo.echo(4)).y == 4
    async with await me.connect(uri, Echo) as echo:
        try:
            await capnp.save(echo, me)
            raise SystemExit("it has a sturdy ref")
        except capnp.Error as error:
            assert error.type == capnp.UNIMPLEMENTED, error
    # In messages of any kind: what `save` returns is an AnyPointer.
    class Holder(Persistent.Server):
        def save(self, sealFor):
            return vat.sturdy_ref(sealFor).uri() if sealFor is not None else None
    holder = vat.offer(Holder(), "holder")
    async with await me.connect(holder, Persistent) as client:
        results = await client.save(lasting)
        assert me.sturdy_ref(results.sturdyRef) == ref
        capnp.release(results)
        try:
            await capnp.save(client, me)
            raise SystemExit("it has told nothing")
        except ValueError:
            pass
    await me.close()
    await vat.close()
""",
    # New restores fail; what was given out breaks if that was asked for.
    "withdrawn": """
    vat, uri = await started(A)
    given = vat.offer(Service(), "given", revocable=True)
    me, _ = await started()
    echo = await me.connect(uri, Echo)
    other = await me.connect(given, Echo)
    assert (await echo.echo(1)).y == (await other.echo(1)).y == 1
    vat.withdraw("echo")
    vat.withdraw("given", revoke=True)
    assert (await echo.echo(2)).y == 2
    try:
        await other.echo(2)
        raise SystemExit("it was not taken back")
    except capnp.Error as error:
        assert error.type == capnp.FAILED and "revoked" in str(error), error
    for gone in (uri, given):
        await fails(me, gone, capnp.FAILED, "Unknown persistent service ID")
    try:
        vat.withdraw("echo")
        raise SystemExit("withdrawn twice")
    except KeyError:
        pass
    assert vat.offer(Service(), "echo") == uri
    await works(me, uri)
    capnp.release(echo)
    capnp.release(other)
    await me.close()
    await vat.close()
""",
    # It connects again by itself, to the same service of the same vat.
    "live_references": """
    key = capnp.SecretKey.generate()
    changes = []
    vat, uri = await started(A, key=key)
    me, _ = await started()
    echo = me.live(uri, Echo, changed=lambda there, error: changes.append(there), first_ms=10)
    for x in range(3):
        assert (await echo.echo(x)).y == x
        if x < 2:
            await vat.close()
            await until(lambda: len(changes) == 2 * x + 2)
            call = echo.echo(10 + x)  # it waits
            vat, _ = await started(A, key=key)
            assert (await call).y == 10 + x
    assert changes == [True, False, True, False, True], changes
    await me.close()
    try:
        await echo.echo(5)
        raise SystemExit("it goes on after the vat was closed")
    except capnp.Error as error:
        assert "shut down" in str(error), error
    capnp.release(echo)
    await vat.close()
""",
    # A program that prints its URIs when others can connect goes on with serve().
    "started_and_then_served": """
    vat, uri = await started(A)
    serving = asyncio.create_task(vat.serve())
    me, _ = await started()
    await works(me, uri)
    assert not serving.done()
    await vat.close()
    await serving
    await me.close()
""",
    # What was offered is released in the end, once.
    "everything_is_let_go": """
    class Counted(Echo.Server):
        released = 0
        def echo(self, x):
            return x
        def released_(self):
            Counted.released += 1
    vat, _ = await started(A, main=Counted())
    uri = vat.offer(Counted(), "counted")
    me, _ = await started()
    for _ in range(3):
        await works(me, uri)
        await works(vat, uri)
        await works(me, Address.parse(uri).with_service(b""))
    assert Counted.released == 0
    await vat.close()
    assert Counted.released == 2, Counted.released
    await me.close()
""",
}


@pytest.mark.parametrize("python", ["micropython", "cpython"])
@pytest.mark.parametrize("case", CASES)
def test_vat(case, python, tmp_path):
    program = tmp_path / "program.py"
    lib = LIBRARY.parent
    echo = lib.parent / "tools" / "bench"
    ports = (free_port(), free_port())
    program.write_text(PROGRAM.format(lib=str(lib), echo=str(echo), ports=ports, body=CASES[case]))
    line = [sys.executable] if python == "cpython" else command()
    done = subprocess.run(
        [*line, os.fspath(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=90,
    )
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stdout
