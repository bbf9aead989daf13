# SPDX-License-Identifier: MIT
"""Measures how fast the server and the client are, as ratios to others in the same run; how a call's
cost grows with what a connection holds (see growth.py); and messages alone (see wire.py).

Every server and client is measured once a round; a figure is the median of the rounds' ratios, so that
what else the machine does falls on all alike. Prints `figure NAME VALUE` lines.
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
sys.path.insert(0, str(HERE.parent))

from micropython import command
from ports import free_port
from rpc_schema import load, rpc

WINDOW = 64


def bootstrap_frame():
    """A Bootstrap with question id 100."""
    message = rpc().Message.new_message()
    message.init("bootstrap").questionId = 100
    return message.to_bytes()


def echo_method():
    """(type id of Echo, pycapnp's schema of its method echo)."""
    schema = load(HERE / "echo.capnp")[0].Echo.schema
    return schema.node.id, schema.methods["echo"]


def call_frames():
    """WINDOW calls of echo(x) on export 0, with question ids 0 to WINDOW - 1."""
    interface, echo = echo_method()
    frames = []
    for n in range(WINDOW):
        message = rpc().Message.new_message()
        call = message.init("call")
        call.questionId = n
        call.target.importedCap = 0
        call.interfaceId = interface
        call.init("params").content.as_struct(echo.param_type).x = n
        frames.append(message.to_bytes())
    return b"".join(frames)


def bootstrap_answer():
    """A Return with the capability senderHosted 0."""
    message = rpc().Message.new_message()
    message.init("return").init("results").init("capTable", 1)[0].senderHosted = 0
    frame = bytearray(message.to_bytes())
    assert not any(frame[56:64])
    frame[56] = 3  # the content: a pointer to capability 0, which pycapnp sets for itself only
    return bytes(frame)


def call_answer():
    """A Return of echo() that needs no Finish; its last word is the result."""
    message = rpc().Message.new_message()
    body = message.init("return")
    body.releaseParamCaps = False
    body.noFinishNeeded = True
    body.init("results").content.as_struct(echo_method()[1].result_type).y = 0
    return message.to_bytes()


def fastest(name):
    """The command of the fastest there is of "client" or "server": in C if there is a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        print(f"no C compiler: the {name} is CPython", file=sys.stderr)
        return [sys.executable, str(HERE / f"{name}.py")]
    program = BUILD / name
    subprocess.run([compiler, "-O2", "-o", program, HERE / f"{name}.c"], check=True)
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


class ClientKind:
    """A kind of client: how it starts, and the arguments of the server that it calls."""

    def __init__(self, line, *answers):
        self.line = line
        self.answers = answers

    def measure(self, server, window, count, cores):
        """Calls a second."""
        with Server(server, cores[0], *self.answers) as process:
            line = [*self.line, str(process.port), str(window), str(count)]
            done = subprocess.run(pinned(cores[1], line), stdout=subprocess.PIPE, check=True)
            return count / float(done.stdout)


def client_kinds(micropython):
    """The clients that are compared, by name."""
    paths = []
    for name, frame in (("bootstrap", bootstrap_answer()), ("call", call_answer())):
        paths.append(BUILD / f"{name}.answer")
        paths[-1].write_bytes(frame)
    return {
        "echo client": ClientKind([*micropython, str(HERE / "asyncio_echo_client.py")], "-", "-"),
        "our client": ClientKind(
            [*micropython, str(HERE / "rpc_echo_client.py")], *map(str, paths)
        ),
    }


def measure_alone(script, heap):
    """Prints the figures of a script that measures in one process."""
    sys.stdout.flush()
    line = [*command(), "-X", f"heapsize={heap}", str(HERE / script)]
    subprocess.run(pinned(0, line), check=True)


def main():
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=20000, help="of each measurement")
    arguments = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    client = fastest("client")
    server = fastest("server")
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
    clients = client_kinds(micropython)
    pipelined = {name: [] for name in [*(kind.name for kind in kinds), *clients]}
    sequential = {kind.name: [] for kind in kinds}
    for n in range(arguments.rounds):
        for kind in kinds:
            pipelined[kind.name].append(kind.measure(client, WINDOW, arguments.calls, (0, 1)))
            sequential[kind.name].append(kind.measure(client, 1, arguments.calls // 4, (0, 0)))
        for name, kind in clients.items():
            pipelined[name].append(kind.measure(server, WINDOW, arguments.calls, (0, 1)))
        print(f"round {n + 1} of {arguments.rounds}", file=sys.stderr)

    for name in pipelined:
        line = f"{name}: {statistics.median(pipelined[name]):.0f} calls/s with {WINDOW} in flight"
        if name in sequential:
            line += f", {statistics.median(sequential[name]):.0f} one after another"
        print(line)

    def figure(name, values, ours, base):
        ratio = statistics.median(a / b for a, b in zip(values[ours], values[base], strict=True))
        print(f"figure {name} {ratio:.2f}")

    figure("server_pipelined_vs_asyncio_echo", pipelined, "ours", "echo")
    figure("server_sequential_vs_asyncio_echo", sequential, "ours", "echo")
    figure("server_pipelined_vs_pycapnp_server", pipelined, "ours", "pycapnp")
    figure("client_pipelined_vs_asyncio_echo", pipelined, "our client", "echo client")
    ours = Kind("bytes", [*command(), "-X", "heapsize=64m", str(HERE / "rpc_echo.py")], calls,
                bootstrap_frame(), 0)  # fmt: skip
    print(f"figure server_bytes_per_call_pipelined {ours.bytes_per_call(client, 20000)}")
    measure_alone("growth.py", "64m")
    measure_alone("wire.py", "4m")


if __name__ == "__main__":
    main()
