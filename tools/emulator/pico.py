# SPDX-License-Identifier: MIT
"""An emulated Raspberry Pi Pico for tests and tools.

    with Pico(firmware) as pico:
        print(pico.exec("print(6 * 7)"))
        with pico.ppp() as link:
            link.popen("python3", "client.py", link.board_address)

Every process that is started here is ended here, by its id.
"""

import contextlib
import importlib.util
import itertools
import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Addresses for documentation (RFC 5737): inside a link's own namespace they meet no other.
HOST_ADDRESS, BOARD_ADDRESS = "192.0.2.1", "192.0.2.2"

RAW_REPL = b"raw REPL; CTRL-B to exit\r\n>"
INTERRUPT, ENTER_RAW, LEAVE_RAW, END = b"\x03", b"\x01", b"\x02", b"\x04"

# What brings the link up on the board. `link_` stays among the board's globals, so that it is
# not collected. The flag (~) ends whatever the board was sending before a reset: lwIP sends one
# itself, but not in the first 100 ms after the board's start. Without poll() a packet waits for
# the UART's idle interrupt.
CONNECT = """
import network, time
from machine import Pin, UART
uart_ = UART(1, {baud}, tx=Pin(4), rx=Pin(5), rxbuf={buffer}, txbuf={buffer})
uart_.write(b"~")
link_ = network.PPP(uart_)
link_.connect()
for _ in range(2000):
    link_.poll()
    if link_.isconnected():
        print(link_.ifconfig()[0])
        break
    time.sleep_ms(5)
else:
    raise OSError("the PPP link did not come up in 10 s")
"""


class PicoError(Exception):
    """The emulated board did not do what was asked."""


class BoardError(PicoError):
    """A program on the board ended with this traceback, after this output."""

    def __init__(self, traceback, output):
        super().__init__(traceback)
        self.traceback = traceback
        self.output = output


def stop_process(process, timeout=5):
    """End a process that was started here, and wait for it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            with contextlib.suppress(BrokenPipeError):
                stream.close()


class Lines:
    """The lines that a process prints, with a time limit for waiting."""

    def __init__(self, process):
        self.process = process
        self.queue = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with contextlib.suppress(ValueError):  # the stream was closed meanwhile
            for line in self.process.stdout:
                self.queue.put(line.strip())
        self.queue.put(None)

    def next(self, timeout, what):
        """Return the next line; PicoError when the process ends or the time is over."""
        try:
            line = self.queue.get(timeout=max(timeout, 0))
        except queue.Empty:
            raise PicoError(f"expected {what}, met nothing in the time given") from None
        if line is None:
            raise PicoError(f"expected {what}, but the process ended")
        return line

    def until(self, wanted, timeout, what):
        """Return the first line for which wanted(line) is true."""
        deadline = time.monotonic() + timeout
        while True:
            line = self.next(deadline - time.monotonic(), what)
            if wanted(line):
                return line


class Program:
    """A program that runs on the board by way of its raw REPL."""

    def __init__(self, port, code, timeout=5):
        self.received = b""
        self.socket = socket.create_connection(("127.0.0.1", port))
        try:
            self.socket.sendall(b"\r" + INTERRUPT + ENTER_RAW)
            self._until(RAW_REPL, timeout, "the raw REPL's prompt")
            self.socket.sendall(code.encode() + END)
            self._until(b"OK", timeout, "the raw REPL to take the program")
        except BaseException:
            self.socket.close()
            raise

    def _until(self, mark, timeout, what):
        deadline = time.monotonic() + timeout
        while mark not in self.received:
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                raise PicoError(
                    f"expected {what} within {timeout} s, met {self.received!r}"
                ) from None
            if not data:
                raise PicoError(f"expected {what}, but the emulator closed the port")
            self.received += data
        before, self.received = self.received.split(mark, 1)
        return before

    def wait_output(self, text, timeout=10):
        """Wait until the program has printed text; return what it printed up to there."""
        return self._until(text.encode(), timeout, f"the output {text!r}").decode() + text

    def wait(self, timeout=30):
        """Wait for the program's end and return the rest of its output."""
        output = self._until(END, timeout, "the program's end").decode().replace("\r\n", "\n")
        traceback = self._until(END, timeout, "the program's end").decode().replace("\r\n", "\n")
        self.socket.sendall(LEAVE_RAW)
        self.socket.close()
        if traceback:
            raise BoardError(traceback, output)
        return output

    def interrupt(self, timeout=10):
        """End the program with KeyboardInterrupt and return the rest of its output."""
        for last in (False, False, True):
            self.socket.sendall(INTERRUPT)
            try:
                return self.wait(timeout)
            except BoardError as error:
                if "KeyboardInterrupt" in error.traceback:
                    return error.output
                raise
            except PicoError:
                # One that comes in a callback from C, such as lwIP's, is printed, and that is all.
                if last or b"KeyboardInterrupt" not in self.received:
                    raise


class Link:
    """A PPP link between a board and a network namespace of its own."""

    numbers = itertools.count()

    def __init__(self, pico, baud, buffer):
        self.pico = pico
        self.baud = baud
        self.buffer = buffer
        self.host_address = HOST_ADDRESS
        self.board_address = BOARD_ADDRESS
        self.namespace = f"pico-{os.getpid()}-{next(self.numbers)}"

    def connect(self):
        """Bring the link up on the board, the first time or after a reset."""
        address = self.pico.exec(
            CONNECT.format(baud=self.baud, buffer=self.buffer), timeout=20
        ).strip()
        if address != self.board_address:
            raise PicoError(f"expected the board to have {self.board_address}, met {address}")

    def popen(self, *command, **options):
        """Start a process inside the namespace, whose loopback and link are all that it reaches."""
        inside = ("ip", "netns", "exec", self.namespace, *map(str, command))
        return subprocess.Popen(inside, **options)

    def run(self, *command, timeout=60):
        """Run a process inside the namespace to its end; return what it printed."""
        inside = ("ip", "netns", "exec", self.namespace, *map(str, command))
        done = subprocess.run(
            inside,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            shown = " ".join(inside)
            raise PicoError(f"exit code {done.returncode} from {shown}:\n{done.stdout}")
        return done.stdout


class Pico:
    """An emulated board with this UF2 image; `flash` names a file that keeps its flash chip."""

    def __init__(self, firmware, flash=None, realtime=True):
        self.firmware = Path(firmware)
        self.flash = flash
        self.realtime = realtime
        self.ports = None
        self.process = None

    def __enter__(self):
        if not self.firmware.exists():
            raise PicoError(
                f"{self.firmware} is not there: build it with tools/interpreters/build.py"
            )
        setup = subprocess.run(
            [sys.executable, HERE / "setup.py"], stdout=subprocess.PIPE, text=True, check=False
        )
        if setup.returncode:
            raise PicoError("the emulator could not be set up: its message is above")
        folder = setup.stdout.strip()
        command = ["node", HERE / "cli.mjs", "--firmware", self.firmware, "--control"]
        command += ["--usb", "0", "--uart1", "0"]
        command += ["--flash", self.flash] if self.flash else []
        command += ["--realtime"] if self.realtime else []
        self.process = subprocess.Popen(
            [str(part) for part in command],
            env={**os.environ, "EMULATOR_FOLDER": folder},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self.lines = Lines(self.process)
            self.ports = self._event("listening", 10)
            self._event("usb", 20)
        except BaseException:
            stop_process(self.process)
            raise
        return self

    def __exit__(self, *_):
        stop_process(self.process)

    def _event(self, name, timeout):
        line = self.lines.until(
            lambda line: json.loads(line)["event"] == name, timeout, f"the event {name!r}"
        )
        return json.loads(line)

    def _command(self, name):
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()

    def start(self, code):
        """Start a program on the board; return it while it runs. One runs at a time."""
        return Program(self.ports["usb"], code)

    def exec(self, code, timeout=30):
        """Run a program on the board and return its output; BoardError if it fails."""
        return self.start(code).wait(timeout)

    def mpremote(self, *arguments, timeout=60):
        """Run mpremote against the board and return what it printed.

        The board is not reset first, so that a link stays up: pass "soft-reset" where that is
        wanted.
        """
        if not importlib.util.find_spec("mpremote"):
            raise PicoError(f"mpremote is missing: {sys.executable} -m pip install mpremote")
        command = (sys.executable, "-m", "mpremote", "connect", f"socket://{self.address}")
        done = subprocess.run(
            [*command, "resume", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            shown = " ".join(map(str, arguments))
            raise PicoError(f"exit code {done.returncode} from mpremote {shown}:\n{done.stdout}")
        return done.stdout

    @property
    def address(self):
        """HOST:PORT of the board's USB serial port."""
        return f"127.0.0.1:{self.ports['usb']}"

    def reset(self):
        """Reset the board, as its reset pin would, and wait until its USB is back."""
        self._command("reset")
        self._event("usb", 20)

    def stats(self):
        """Return the wall and the emulated seconds, and the instructions, since the start."""
        self._command("stats")
        return self._event("stats", 10)

    @contextlib.contextmanager
    def ppp(self, baud=921600, buffer=8192):
        """Connect the board's UART 1 by PPP to a network namespace of its own. Needs root.

        buffer   bytes of the board's heap that each direction of the UART takes
        """
        if os.geteuid() != 0 or not shutil.which("ip"):
            raise PicoError(
                "a PPP link needs root and iproute2 (Debian: apt-get install iproute2)"
            )
        link = Link(self, baud, buffer)
        line = f"127.0.0.1:{self.ports['uart1']}"
        subprocess.run(["ip", "netns", "add", link.namespace], check=True)
        try:
            subprocess.run(["ip", "-n", link.namespace, "link", "set", "lo", "up"], check=True)
            addresses = (link.host_address, link.board_address)
            peer = subprocess.Popen(
                [sys.executable, HERE / "ppp_host.py", line, link.namespace, "pico", *addresses],
                stdout=subprocess.PIPE,
                text=True,
            )
            try:
                Lines(peer).until(lambda line: line == "ready", 10, "the host's end of the link")
                link.connect()
                yield link
            finally:
                stop_process(peer)
        finally:
            subprocess.run(["ip", "netns", "del", link.namespace], check=True)
