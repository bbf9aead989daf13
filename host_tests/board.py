# SPDX-License-Identifier: MIT
"""Starts MicroPython processes that play the board.

    with Board(script, "listen=127.0.0.1:7000") as board:
        ...
        print(board.ask("status"))

The script prints a line that begins with "ready" when it can be used, and ends by itself when its
standard input ends, so that it never outlives the one who started it. `micropython.command` says
which MicroPython runs.
"""

import os
import queue
import subprocess
import sys
import threading

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))

import micropython

_PATIENCE = 60  # seconds after which a process counts as stuck; nothing waits for that to pass


class BoardError(Exception):
    """The process did not do what was expected; the text has what it printed."""


class Board:
    """A MicroPython process that runs a script, ready when the constructor returns.

    script       path of the script
    arguments    its arguments, str
    prefix       a command that runs another, a list: ["ip", "netns", "exec", NAME]
    command      what runs the script, a list, instead of MicroPython
    env          changes of the environment, a dict
    ready        what the script's ready line begins with, None for no such line

    ready_line   the ready line
    printed      all lines so far, from standard output and standard error
    status       its exit status, None while it runs
    """

    def __init__(self, script, *arguments, prefix=(), command=None, env=None, ready="ready"):
        self.printed = []
        self.ready_line = None
        self._lines = queue.Queue()
        self.process = subprocess.Popen(
            [
                *prefix,
                *(command or micropython.command()),
                os.fspath(script),
                *map(str, arguments),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            text=True,
            bufsize=1,
            start_new_session=True,  # Ctrl-C is for the one who started it, who ends it
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            while ready is not None and self.ready_line is None:
                line = self.line()
                if line.startswith(ready):
                    self.ready_line = line
        except BaseException:
            self.kill()
            raise

    def _read(self):
        for line in self.process.stdout:
            self.printed.append(line.rstrip("\n"))
            self._lines.put(self.printed[-1])
        self._lines.put(None)

    @property
    def status(self):
        return self.process.poll()

    def line(self):
        """The next line that it prints, waited for. Raises BoardError if it ends or hangs."""
        try:
            line = self._lines.get(timeout=_PATIENCE)
        except queue.Empty:
            raise BoardError(self._said("it prints nothing")) from None
        if line is None:
            self._lines.put(None)
            raise BoardError(self._said("it has ended"))
        return line

    def ask(self, text):
        """Sends a line to its standard input; returns the next line that it prints."""
        self.process.stdin.write(text + "\n")
        return self.line()

    def stop(self):
        """Ends its standard input and waits until it has ended. Returns its exit status."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended already
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise BoardError(self._said("it did not end")) from None
        self._close()
        return self.process.returncode

    def kill(self):
        """Ends it at once, without giving it notice."""
        self.process.kill()
        self.process.wait()
        self._close()

    def _close(self):
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except BrokenPipeError:
                pass  # what it had not read is lost

    def _said(self, what):
        printed = "\n".join(self.printed)
        return f"{what}; status {self.status}; it printed:\n{printed}"

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.status is not None or kind is not None:
            self.kill()
            if kind is None:
                raise BoardError(self._said("it ended too early"))
        else:
            status = self.stop()
            if status:
                raise BoardError(self._said("it failed"))
