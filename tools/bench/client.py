# SPDX-License-Identifier: MIT
"""The same as client.c, for machines without a C compiler."""

import socket
import struct
import sys
import time


def frames(buffer, fixed):
    """(complete answers, bytes they take) at the start of a buffer."""
    if fixed:
        return len(buffer) // fixed, len(buffer) // fixed * fixed
    at = answers = 0
    while len(buffer) - at >= 8:
        segments = struct.unpack_from("<I", buffer, at)[0] + 1
        table = 4 * (segments + 1) + 7 & ~7
        if len(buffer) - at < table:
            break
        words = sum(struct.unpack_from(f"<{segments}I", buffer, at + 4))
        if len(buffer) - at < table + 8 * words:
            break
        at += table + 8 * words
        answers += 1
    return answers, at


def main(port, requests, size, preamble, fixed, window, count):
    """Runs one measurement; see client.c."""
    with open(requests, "rb") as file:
        circle = file.read() * 2
    s = socket.create_connection(("127.0.0.1", port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = b""
    if preamble != "-":
        with open(preamble, "rb") as file:
            s.sendall(file.read())
        while not frames(buffer, 0)[0]:
            buffer += s.recv(65536)
        buffer = buffer[frames(buffer, 0)[1] :]
    start = time.perf_counter()
    sent = done = 0
    while done < count:
        n = min(window - (sent - done), count - sent)
        if n > 0:
            at = sent % 64 * size
            s.sendall(circle[at : at + n * size])
            sent += n
        data = s.recv(1 << 18)
        if not data:
            sys.exit("the server closed the connection")
        buffer += data
        n, used = frames(buffer, fixed)
        done += n
        buffer = buffer[used:]
    print(f"{time.perf_counter() - start:.9f}")


if __name__ == "__main__":
    a = sys.argv
    main(int(a[1]), a[2], int(a[3]), a[4], int(a[5]), int(a[6]), int(a[7]))
