# SPDX-License-Identifier: MIT
"""A board that speaks TLS with pinned keys, for test_identity_tls.py.

usage: identity_board.py server|client KEYFILE PORT [CERTIFICATE]

Both print "ready" and the digest of their key in hexadecimal digits. A server answers the first
bytes of each connection with "hello " and these bytes, and prints what it has learnt. A client
connects for each line on standard input, a digest or "any", sends "secret", and prints what it has
learnt. Both end when standard input does. CERTIFICATE is that of somebody else's key, to be shown as
if it were ours.
"""

import asyncio
import binascii
import socket
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")

from capnrpc_micro.identity.pinned import Pinned
from capnrpc_micro.identity.secret_key import SecretKey

key = SecretKey.load(sys.argv[2])
PORT = int(sys.argv[3])


class Thief:
    digest = key.digest
    to_der = key.to_der

    def __init__(self, path):
        with open(path, "rb") as file:
            self.certificate = file.read()


if len(sys.argv) > 4:
    key = Thief(sys.argv[4])


def text_of(digest):
    return binascii.hexlify(digest).decode()


async def write(stream, data):
    stream.write(data)
    await stream.drain()


async def serve():
    pinned = Pinned(key, True)

    async def accepted(stream, _):
        buffer = bytearray(100)
        s = None
        try:
            s = pinned.wrap(stream.s)
            digest, n = await pinned.handshake(s, buffer)
            print("peer", text_of(digest), bytes(buffer[:n]).decode())
            await write(asyncio.StreamReader(s), b"hello " + buffer[:n])
        except OSError as error:
            print("failed", error)
        finally:
            if s:
                s.close()
            stream.s.close()

    await asyncio.start_server(accepted, "127.0.0.1", PORT)
    print("ready", text_of(key.digest))
    await until_input_ends()


async def until_input_ends():
    lines = asyncio.StreamReader(sys.stdin.buffer)
    while await lines.readline():
        pass


async def connect(digest):
    plain = socket.socket()
    buffer = bytearray(100)
    s = None
    try:
        plain.connect(socket.getaddrinfo("127.0.0.1", PORT)[0][-1])
        plain.setblocking(False)
        s = pinned_client.wrap(plain)
        seen, n = await asyncio.wait_for(pinned_client.handshake(s, buffer, digest), 20)
        stream = asyncio.StreamReader(s)
        if not n:
            await write(stream, b"secret")
            n = None
            while n is None:
                n = await stream.readinto(buffer)
        print("peer", text_of(seen), bytes(buffer[:n]).decode())
    except OSError as error:
        print("failed", error)
    finally:
        if s:
            s.close()
        plain.close()


async def ask():
    print("ready", text_of(key.digest))
    lines = asyncio.StreamReader(sys.stdin.buffer)
    while True:
        line = (await lines.readline()).decode().strip()
        if not line:
            break
        await connect(None if line == "any" else binascii.unhexlify(line))


if sys.argv[1] == "server":
    asyncio.run(serve())
else:
    pinned_client = Pinned(key, False)
    asyncio.run(ask())
