#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds board-like MicroPython programs and RP2040 firmware from Debian's source packages.

usage: build.py [TARGET...]      build these targets (all interpreters when none is named)
       build.py --print TARGET   print only the path of an up-to-date target, else exit 1
       build.py --list           list the targets
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from sources import SOURCES, BuildError, Tree, cache_folder, require_apt, run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIBRARY = ROOT / "lib/capnrpc_micro"
MANIFESTS = (ROOT / "firmware/manifest.py", ROOT / "firmware/rp2/stock.py")  # included by others

HOST_PACKAGES = ("gcc", "libc6-dev", "make", "dpkg-dev", "xz-utils", "bzip2")
BITS32_PACKAGES = ("gcc-multilib",)
RP2_PACKAGES = (
    "cmake",
    "g++",
    "gcc-arm-none-eabi",
    "libnewlib-arm-none-eabi",
    "libstdc++-arm-none-eabi-newlib",
)

UNBUILT = (
    ".md",
    ".capnp",
    ".pyc",
)  # what may lie among the sources and is not built into anything

# Two builds of the same sources are the same bytes: no date and no revision of a repository
# that happens to surround the cache folder gets into them.
EPOCH = "1700000000"


@dataclass(frozen=True)
class Target:
    """One program or firmware image, what it is made of and what it needs."""

    name: str
    kind: str  # "tool", "interpreter" or "firmware"
    about: str
    product: str  # the file's name in its build folder, and in the folder of products
    packages: tuple
    definition: Path = None  # the variant's or the board's folder
    manifest: Path = None
    frozen: bool = False  # whether our library is inside


def _interpreter(name, about, variant=None):
    packages = HOST_PACKAGES + (BITS32_PACKAGES if "32" in name else ())
    return Target(
        name,
        "interpreter",
        about,
        "micropython",
        packages,
        HERE / "variants" / (variant or name),
        ROOT / "firmware/manifest.py" if variant else HERE / "variants/manifest.py",
        frozen=bool(variant),
    )


def _firmware(name, about, board=None, manifest="rp2/stock.py"):
    return Target(
        name,
        "firmware",
        about,
        "firmware.bin",
        HOST_PACKAGES + RP2_PACKAGES,
        board,
        ROOT / "firmware" / manifest,
        frozen=manifest != "rp2/stock.py",
    )


PPP_BOARD = ROOT / "boards/RPI_PICO_PPP"
TARGETS = {
    target.name: target
    for target in (
        Target("mpy-cross", "tool", "the compiler to .mpy files", "mpy-cross", HOST_PACKAGES),
        _interpreter("emu64", "64-bit, big integers, double floats"),
        _interpreter("emu64none", "64-bit, no big integers"),
        _interpreter("emu32", "32-bit as a board: 31-bit small integers, single floats"),
        _interpreter("emu32none", "32-bit, no big integers"),
        _interpreter("emu64frozen", "emu64 with our library frozen in", "emu64"),
        _interpreter("emu64nonefrozen", "emu64none with our library frozen in", "emu64none"),
        _interpreter("emu32frozen", "emu32 with our library frozen in", "emu32"),
        _interpreter("emu32nonefrozen", "emu32none with our library frozen in", "emu32none"),
        _firmware("rp2", "RPI_PICO as upstream defines it"),
        _firmware("rp2-ppp", "RPI_PICO_PPP: TCP over a UART", PPP_BOARD),
        _firmware("rp2-ppp-frozen", "the same with our library", PPP_BOARD, "rp2/manifest.py"),
    )
}
DEFAULT_TARGETS = [name for name, target in TARGETS.items() if target.kind != "firmware"]


@contextlib.contextmanager
def step(text):
    """Print one line about a step, with the seconds that it took."""
    print(f"{text} ...", end="", file=sys.stderr, flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        print(" failed", file=sys.stderr, flush=True)
        raise
    print(f" {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)


def digest(*parts):
    """Return a short key of texts, files and folders of files, by their contents."""
    total = hashlib.sha256()
    for part in parts:
        files = [None]
        if isinstance(part, Path):
            files = sorted(p for p in part.rglob("*") if p.is_file()) if part.is_dir() else [part]
        for path in files:
            if path is None:
                total.update(repr(part).encode())
            elif path.suffix not in UNBUILT:
                content = path.read_bytes()
                total.update(f"{path.relative_to(ROOT)} {len(content)} ".encode() + content)
    return total.hexdigest()[:16]


def install(packages):
    """Install the Debian packages among these that are missing."""
    require_apt()
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Status}\n", *packages],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    present = {line.split()[0] for line in query.stdout.splitlines() if " installed" in line}
    missing = [name for name in packages if name not in present]
    if not missing:
        return
    if os.geteuid() != 0:
        raise BuildError(
            f"these Debian packages are needed: {' '.join(missing)}\n"
            f"install them with: sudo apt-get install --no-install-recommends {' '.join(missing)}"
        )
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "--yes", "--no-install-recommends"]
    with step(f"installing {' '.join(missing)}"):
        try:
            run("apt-get install", *command, "install", *missing, env=quiet)
        except BuildError:  # most often because the package lists are missing or old
            run("apt-get update", "apt-get", "update", env=quiet)
            run("apt-get install", *command, "install", *missing, env=quiet)


class Builder:
    """Builds targets in the cache folder, each only when something that it is made of changed."""

    def __init__(self):
        self.cache = cache_folder()
        self.sources = Tree(self.cache, step)

    def product(self, target):
        """Return where a target's result is, whether it has been built or not."""
        folder = self.cache / "bin" / target.name
        return folder / target.product.replace("firmware.bin", "firmware.uf2")

    def tree(self, source_key):
        """Return the folder of the sources with this key."""
        return self.cache / source_key / "micropython"

    def commands(self, target, tree, work):
        """Return the commands that make a target in the folder `work`."""
        return getattr(self, f"_{target.kind}_commands")(target, tree, work)

    def key(self, target, source_key):
        """Return a key of everything that a target is made of, but for the frozen library."""
        commands = [*self.commands(target, self.tree(source_key), Path("WORK"))]
        words = [str(part) for command in commands for part in command]
        # The same checkout elsewhere makes the same product.
        inputs = [
            source_key,
            repr(SOURCES),
            EPOCH,
            [word.replace(str(ROOT), "ROOT") for word in words],
        ]
        if target.kind == "interpreter":
            inputs.append(HERE / "variants")
        elif target.definition:
            inputs.append(target.definition)
        if target.manifest:
            inputs.append(target.manifest)
            inputs += MANIFESTS if target.manifest.is_relative_to(ROOT / "firmware") else ()
        return digest(*inputs)

    def stamp(self, target, source_key):
        """Return the text that is kept beside an up-to-date product."""
        library = digest(LIBRARY) if target.frozen else "none"
        return f"{self.key(target, source_key)} library {library}\n"

    def fresh(self, target):
        """Return whether the product is there and nothing that it is made of has changed."""
        product = self.product(target)
        mark = product.parent / "stamp"
        known = self.cache / "sources"
        if not (product.exists() and mark.exists() and known.exists()):
            return False
        return mark.read_text() == self.stamp(target, known.read_text())

    def build(self, target):
        """Build one target unless it is up to date."""
        if self.fresh(target):
            return
        if target.frozen and not LIBRARY.is_dir():
            raise BuildError(f"{target.name} freezes {LIBRARY}, and there is no such folder")
        install(target.packages)
        tree, version = self.sources.lay_out()
        source_key = tree.parent.name
        (self.cache / "sources").write_text(source_key)
        if target.kind != "tool":
            self.build(TARGETS["mpy-cross"])
        stamp = self.stamp(target, source_key)
        # Only the library's sources, which the build itself watches, may change between two
        # builds in one folder.
        name = f"{target.name}-{digest(self.key(target, source_key), str(ROOT))}"
        work = self.cache / "build" / name
        for old in work.parent.glob(f"{target.name}-{'?' * 16}"):
            if old != work:
                shutil.rmtree(old)
        work.mkdir(parents=True, exist_ok=True)
        environment = {
            "SOURCE_DATE_EPOCH": EPOCH,
            "MICROPY_GIT_TAG": f"v{version}",
            "MICROPY_GIT_HASH": "",
            "MAKEFLAGS": f"-j{os.cpu_count()}",
        }
        if target.kind != "tool":
            environment["MICROPY_MPYCROSS"] = str(self.product(TARGETS["mpy-cross"]))
        product = self.product(target)
        product.parent.mkdir(parents=True, exist_ok=True)
        (product.parent / "stamp").unlink(missing_ok=True)
        with step(f"building {target.name} ({version})"):
            for command in self.commands(target, tree, work):
                run(f"building {target.name}", *command, env=environment)
            shutil.copy2(work / target.product, product.parent)
        (product.parent / "stamp").write_text(stamp)

    def _tool_commands(self, target, tree, work):
        yield ("make", "-C", tree / "mpy-cross", f"BUILD={work}")

    def _interpreter_commands(self, target, tree, work):
        yield (
            *("make", "-C", tree / "ports/unix", f"BUILD={work}"),
            f"VARIANT_DIR={target.definition}",
            f"FROZEN_MANIFEST={target.manifest}",
        )

    def _firmware_commands(self, target, tree, work):
        board = target.definition or tree / "ports/rp2/boards/RPI_PICO"
        yield (
            *("cmake", "-S", tree / "ports/rp2", "-B", work),
            f"-DMICROPY_BOARD={board.name}",
            f"-DMICROPY_BOARD_DIR={board}",
            f"-DMICROPY_FROZEN_MANIFEST={target.manifest}",
            # picotool would only make the UF2 file, and Debian stable has none; MicroPython's
            # own tool makes it below.
            "-DPICO_NO_PICOTOOL=1",
        )
        yield ("make", "-C", work)
        yield (
            *("python3", tree / "tools/uf2conv.py", "--convert", work / "firmware.bin"),
            *("--base", "0x10000000", "--family", "0xe48bff56"),
            *("--output", self.product(target)),
        )

    def report(self, target):
        """Return the line that tells where the target is."""
        product = self.product(target)
        image = product.parent / target.product
        return f"{target.kind} {target.name} {product} {image.stat().st_size} bytes"

    def library_bytes(self):
        """Return how many bytes the library adds to the image of RPI_PICO_PPP."""
        with_library, without = (
            (self.cache / "bin" / name / "firmware.bin").stat().st_size
            for name in ("rp2-ppp-frozen", "rp2-ppp")
        )
        return with_library - without


@contextlib.contextmanager
def only_one(folder):
    """Hold the lock of the cache folder, so that two builds do not mix their files."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another build in {folder}", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main():
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="what to build")
    parser.add_argument("--print", dest="only_path", metavar="TARGET", help="print its path only")
    parser.add_argument("--list", action="store_true", help="list the targets")
    arguments = parser.parse_args()
    wanted = [arguments.only_path] if arguments.only_path else arguments.targets
    for name in wanted:
        if name not in TARGETS:
            parser.error(f"no target {name!r}; the targets are {' '.join(TARGETS)}")
    builder = Builder()
    if arguments.list:
        for target in TARGETS.values():
            print(f"{target.name:16} {target.kind:12} {target.about}")
        return 0
    if arguments.only_path:
        target = TARGETS[arguments.only_path]
        if not builder.fresh(target):
            state = "out of date" if builder.product(target).exists() else "not built"
            print(
                f"{target.name} is {state}: run python3 {Path(__file__).relative_to(ROOT)} "
                f"{target.name}",
                file=sys.stderr,
            )
            return 1
        print(builder.product(target))
        return 0
    chosen = [TARGETS[name] for name in wanted or DEFAULT_TARGETS]
    try:
        with only_one(builder.cache):
            for target in chosen:
                builder.build(target)
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    for target in chosen:
        print(builder.report(target))
    if TARGETS["rp2-ppp-frozen"] in chosen and builder.fresh(TARGETS["rp2-ppp"]):
        print(f"library {builder.library_bytes()} bytes of the image")
    return 0


if __name__ == "__main__":
    sys.exit(main())
