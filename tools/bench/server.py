# SPDX-License-Identifier: MIT
"""The same as server.c, for machines without a C compiler."""

import contextlib
import socket
import struct
import sys

from client import frames

ECHO, KIND, ID = 64, 16, 32  # bytes; positions in a frame
CALL, BOOTSTRAP = 2, 8


def answers(data, bootstrap, result):
    """What these whole frames are answered with."""
    out = bytearray()
    at = 0
    while at < len(data):
        end = at + 8 + 8 * struct.unpack_from("<I", data, at + 4)[0]
        kind = data[at + KIND]
        if kind in (CALL, BOOTSTRAP):
            start = len(out)
            out += result if kind == CALL else bootstrap
            out[start + ID : start + ID + 4] = data[at + ID : at + ID + 4]
            if kind == CALL:
                out[-8:] = data[end - 8 : end]
        at = end
    return out


def serve(s, bootstrap, result):
    """Serves one connection to its end; an echo if there is no answer to a Bootstrap."""
    buffer = b""
    while data := s.recv(1 << 18):
        buffer += data
        used = frames(buffer, 0 if bootstrap else ECHO)[1]
        s.sendall(answers(buffer[:used], bootstrap, result) if bootstrap else buffer[:used])
        buffer = buffer[used:]


def main(port, bootstrap, result):
    """Serves one connection after another; see server.c."""
    templates = [b"", b""]
    if bootstrap != "-":
        for k, path in enumerate((bootstrap, result)):
            with open(path, "rb") as file:
                templates[k] = file.read()
    with socket.create_server(("127.0.0.1", port)) as listener:
        print("ready", flush=True)
        while True:
            s, _ = listener.accept()
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with s, contextlib.suppress(ConnectionError):  # clients end without a word
                serve(s, *templates)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
