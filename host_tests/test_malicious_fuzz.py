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


def test_a_failure_is_printed_as_a_test(tmp_path):
    """With a fault planted in the library: a seed, and a test that can be pasted."""
    program = f"""
import sys
sys.argv[1:] = ["--messages", "3000"]
sys.path.insert(0, {str(SOAK.parent)!r})
import malicious_soak
from capnrpc_micro.rpc import answers
answers.Answer.drop = lambda self: None
sys.exit(malicious_soak.main())
"""
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 1, done.stdout
    printed = done.stdout[done.stdout.index("def test_malicious_") :]
    name, body = printed.split("():", 1)
    test = f"from malicious import replay\n{name}():{body}\n{name[4:]}()\n"
    tests = SOAK.parent.parent / "lib"
    test = f"import sys\nsys.path[:0] = [{str(tests)!r}, {str(tests / 'tests')!r}]\n" + test
    again = subprocess.run([sys.executable, "-c", test], capture_output=True, text=True)
    assert again.returncode == 0, again.stderr  # without the fault
    planted = test.replace(
        "from malicious",
        "from capnrpc_micro.rpc import answers\n"
        "answers.Answer.drop = lambda self: None\nfrom malicious",
    )
    again = subprocess.run([sys.executable, "-c", planted], capture_output=True, text=True)
    assert again.returncode == 1 and len(body) < 3000, again.stderr + body
