# SPDX-License-Identifier: MIT
"""Measures how fast the server is, as ratios to other servers in the same run; and messages alone
(see wire.py).

Every server is measured once a round; a figure is the median of the rounds' ratios, so that what else
the machine does falls on all alike. Prints `figure NAME VALUE` lines.
"""

import argparse
import functools
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "bench"
sys.path[:0] = [str(HERE.parent), str(ROOT / "lib"), str(HERE)]

from echo_capnp import Echo
from micropython import command
from ports import free_port

from capnrpc_micro.message import Builder
from capnrpc_micro.rpc import wire
from capnrpc_micro.rpc.wire import put_key

WINDOW = 64


def bootstrap_frame():
    """A Bootstrap with question id 100."""
    m = Builder(1024, 1024)
    t = wire.begin(m, 8, 1, 1)
    put_key(m.h, 2 * t, 100)
    m.end()
    return bytes(m.b[: 4 * m.hi])


def call_frames():
    """WINDOW calls of echo(x) on export 0, with question ids 0 to WINDOW - 1."""
    m = Builder(1 << 16, 1 << 16)
    for n in range(WINDOW):
        at = m.begin_with(wire.CALL_FRAME)
        put_key(m.h, 2 * (at + wire.BODY), n)
        start = 4 * (at + wire.BODY) + 2 * 4  # interfaceId
        m.b[start : start + 8] = Echo.id_
        wire.new_struct(m, at + wire.CALL_CONTENT, 1, 0)
        m.i[m.hi - 2] = n
        m.end()
    return bytes(m.b[: 4 * m.hi])


def client_command():
    """The fastest client there is: in C if the machine has a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        print("no C compiler: the client is CPython", file=sys.stderr)
        return [sys.executable, str(HERE / "client.py")]
    program = BUILD / "client"
    subprocess.run([compiler, "-O2", "-o", program, HERE / "client.c"], check=True)
    return [str(program)]


def pinned(core, line):
    """The command on one core, with real-time priority where that is allowed."""
    if shutil.which("taskset") and (os.cpu_count() or 1) > 1:
        line = ["taskset", "-c", str(core), *line]
    if _realtime():
        line = ["chrt", "-r", "1", *line]
    return line


@functools.cache
def _realtime():
    if not shutil.which("chrt"):
        return False
    return subprocess.run(["chrt", "-r", "1", "true"], capture_output=True).returncode == 0


class Server:
    """A server process on a port of its own, until the end of the `with` block."""

    def __init__(self, line, core, *arguments):
        self.port = free_port()
        line = [*line, str(self.port), *arguments]
        self.process = subprocess.Popen(pinned(core, line), stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{self.process.args}: the server did not start")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Kind:
    """A kind of server: how it starts, and what is sent to it."""

    def __init__(self, name, line, requests, preamble, answer):
        self.name = name
        self.line = line
        self.answer = answer
        self.size = len(requests) // WINDOW
        self.requests = BUILD / f"{name}.requests"
        self.requests.write_bytes(requests)
        self.preamble = "-"
        if preamble:
            self.preamble = BUILD / f"{name}.preamble"
            self.preamble.write_bytes(preamble)

    def measure(self, client, window, count, cores):
        """Calls a second."""
        with Server(self.line, cores[0]) as server:
            self._run(client, server, window, count // 10, cores)  # warm
            return count / self._run(client, server, window, count, cores)

    def bytes_per_call(self, client, count):
        """Heap bytes that the server allocates for a call with WINDOW in flight."""
        with Server(self.line, 0, str(count)) as server:
            self._run(client, server, WINDOW, count + 2000, (0, 1))
            return int(server.process.stdout.readline().split()[1])

    def _run(self, client, server, window, count, cores):
        line = [
            *client, server.port, self.requests, self.size, self.preamble, self.answer, window,
            count,
        ]  # fmt: skip
        done = subprocess.run(
            pinned(cores[1], [str(part) for part in line]), stdout=subprocess.PIPE, check=True
        )
        return float(done.stdout)


def measure_messages():
    """Prints the figures of messages without a server."""
    sys.stdout.flush()
    line = [*command(), "-X", "heapsize=4m", str(HERE / "wire.py")]
    subprocess.run(pinned(0, line), check=True)


def main():
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=20000, help="of each measurement")
    arguments = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    client = client_command()
    micropython = [*command(), "-X", "heapsize=4m"]
    calls = call_frames()
    kinds = [
        Kind("echo", [*micropython, str(HERE / "asyncio_echo.py")], bytes(64) * WINDOW, None, 64),
        Kind("ours", [*micropython, str(HERE / "rpc_echo.py")], calls, bootstrap_frame(), 0),
        Kind(
            "pycapnp",
            [sys.executable, str(HERE / "pycapnp_echo.py")],
            calls,
            bootstrap_frame(),
            0,
        ),
    ]
    pipelined = {kind.name: [] for kind in kinds}
    sequential = {kind.name: [] for kind in kinds}
    for n in range(arguments.rounds):
        for kind in kinds:
            pipelined[kind.name].append(kind.measure(client, WINDOW, arguments.calls, (0, 1)))
            sequential[kind.name].append(kind.measure(client, 1, arguments.calls // 4, (0, 0)))
        print(f"round {n + 1} of {arguments.rounds}", file=sys.stderr)

    for name in pipelined:
        print(
            f"{name}: {statistics.median(pipelined[name]):.0f} calls/s with {WINDOW} in flight,"
            f" {statistics.median(sequential[name]):.0f} one after another"
        )

    def figure(name, values, base):
        ratio = statistics.median(a / b for a, b in zip(values["ours"], values[base], strict=True))
        print(f"figure {name} {ratio:.2f}")

    figure("server_pipelined_vs_asyncio_echo", pipelined, "echo")
    figure("server_sequential_vs_asyncio_echo", sequential, "echo")
    figure("server_pipelined_vs_pycapnp_server", pipelined, "pycapnp")
    ours = Kind("bytes", [*command(), "-X", "heapsize=64m", str(HERE / "rpc_echo.py")], calls,
                bootstrap_frame(), 0)  # fmt: skip
    print(f"figure server_bytes_per_call_pipelined {ours.bytes_per_call(client, 20000)}")
    measure_messages()


if __name__ == "__main__":
    main()
