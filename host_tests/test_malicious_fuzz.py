# SPDX-License-Identifier: MIT
"""A malicious peer sends two hundred thousand messages (lib/tests/malicious.py)."""

import pathlib
import subprocess
import sys

SOAK = pathlib.Path(__file__).resolve().parent / "malicious_soak.py"
MESSAGES = 200_000


def test_a_malicious_peer():
    line = [sys.executable, str(SOAK), "--messages", str(MESSAGES)]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout
    assert int(done.stdout.split()[0]) >= MESSAGES


# A fault in the library.
FAULT = """
from capnrpc_micro.rpc import answers
answers.Answer.drop = lambda self: None
"""


def python(program):
    """Runs a Python program."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_a_failure_is_printed_as_a_test():
    """With a fault planted in the library: a seed, and a test that can be pasted."""
    folder = SOAK.parent
    lib = folder.parent / "lib"
    start = f"import sys\nsys.path[:0] = {[str(folder), str(lib), str(lib / 'tests')]!r}\n"
    soak = """
import malicious_soak as soak
sys.argv[1:] = ["--messages", "3000"]
sys.exit(soak.main(soak.__doc__, "messages", soak.run, soak.report))
"""
    done = python(start + FAULT + soak)
    assert done.returncode == 1, done.stdout
    printed = done.stdout[done.stdout.index("def test_malicious_") :]
    name, body = printed.split("():", 1)
    assert len(body) < 3000, body
    test = f"from malicious import replay\n{name}():{body}\n{name[4:]}()\n"
    again = python(start + test)
    assert again.returncode == 0, again.stderr
    again = python(start + FAULT + test)
    assert again.returncode == 1, "it does not fail again"
