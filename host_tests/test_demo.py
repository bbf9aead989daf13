# SPDX-License-Identifier: MIT
"""The demo as a user runs it, and how it ends when it cannot go on."""

import os
import pathlib
import re
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEMO = [sys.executable, os.fspath(ROOT / "tools" / "demo" / "demo.py")]
PATIENCE = 120  # seconds; only a demo that hangs takes so long

# A board that is ready and accepts connections, but never answers.
SILENT = """#!{python}
import socket, sys
port = int(sys.argv[2].rpartition(":")[2])
with socket.create_server(("127.0.0.1", port)):
    print("ready capnp://insecure@127.0.0.1:%d" % port, flush=True)
    sys.stdin.read()
"""


def start(micropython=None):
    """Starts the demo, with another program than MicroPython if one is given."""
    env = {**os.environ, **({"MICROPYTHON": os.fspath(micropython)} if micropython else {})}
    return subprocess.Popen(
        DEMO, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def program(folder, text):
    """An executable file."""
    path = folder / "program"
    path.write_text(text)
    path.chmod(0o755)
    return path


def is_gone(process):
    """Whether no process has this id; the demo waits for its children, so they leave none."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    return False


def test_demo():
    demo = start()
    lines = demo.communicate(timeout=PATIENCE)[0].splitlines()
    assert lines[-1] == "demo: ok"
    assert demo.returncode == 0
    text = "\n".join(lines)
    assert "mac 02:00:5e:10:00:01, mtu 1500" in text
    assert len(re.findall(r"seq \d, \d+\.\d+ ms$", text, re.MULTILINE)) == 5
    assert "sent       6 frames, 532 bytes" in text
    assert "received   6 frames, 532 bytes; 0 dropped" in text
    assert "board exited with 0, host with 0" in text
    processes = re.findall(r"process (\d+)", text)
    assert len(processes) == 2
    assert all(map(is_gone, processes))


def interrupted(tmp_path, number):
    """Interrupts a demo that waits for its board, as a terminal does; returns its exit status."""
    demo = start(program(tmp_path, SILENT.format(python=sys.executable)))
    with demo.stdout:
        lines = [demo.stdout.readline() for _ in range(2)]
        processes = re.findall(r"process (\d+)", "".join(lines))
        assert len(processes) == 2
        assert not any(map(is_gone, processes))
        os.killpg(demo.pid, number)
        demo.wait(PATIENCE)
        assert demo.stdout.read() == ""
    assert all(map(is_gone, processes))
    return demo.returncode


def test_ctrl_c_leaves_nothing_running(tmp_path):
    assert interrupted(tmp_path, signal.SIGINT) == 130


def test_termination_leaves_nothing_running(tmp_path):
    assert interrupted(tmp_path, signal.SIGTERM) == 130


def test_board_that_does_not_start(tmp_path):
    demo = start(program(tmp_path, "#!/bin/sh\nexit 3\n"))
    text = demo.communicate(timeout=PATIENCE)[0]
    assert text == "demo: failed: the board did not start\n"
    assert demo.returncode == 1


def test_board_that_ends_too_early(tmp_path):
    demo = start(program(tmp_path, "#!/bin/sh\necho ready\n"))
    lines = demo.communicate(timeout=PATIENCE)[0].splitlines()
    assert lines[-1].startswith("demo: failed: ")
    assert demo.returncode == 1
    assert all(map(is_gone, re.findall(r"process (\d+)", "\n".join(lines))))
