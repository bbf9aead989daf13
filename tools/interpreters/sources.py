# SPDX-License-Identifier: MIT
"""The source packages the builds start from: pinned, fetched from Debian's archive, laid out."""

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class BuildError(Exception):
    """Something the build needs is missing or did not work; the message says what to do."""


@dataclass(frozen=True)
class Pin:
    """One file that may serve as a source, known by its content."""

    version: str
    sha256: str


@dataclass(frozen=True)
class Source:
    """A package of the archive, and its acceptable files in the order of preference."""

    package: str
    kind: str  # "source": the upstream tarball of a source package; "binary": a .deb
    place: str  # where it belongs inside the MicroPython tree
    content: str  # the folder inside the archive that goes there
    pins: tuple


# Two pins where the archive moves on: sid's version is replaced now and then, and stable gets
# security updates. Only the content counts, so a new Debian revision of the same upstream
# version is found as well.
MICROPYTHON = Source(
    "micropython",
    "source",
    ".",
    "micropython-*",
    (
        Pin("1.26.1", "f5ad2ec89d3e921f753d448955af98b6005655f84ba26087dde6ba0e8d062f34"),
        Pin("1.25.0", "7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea"),
    ),
)
MBEDTLS = Source(
    "mbedtls",
    "source",
    "lib/mbedtls",
    "mbedtls-*",
    (
        Pin("3.6.6", "8fb65fae8dcae5840f793c0a334860a411f884cc537ea290ce1c52bb64ca007a"),
        Pin("3.6.7", "a7e8bcbec0e6f761b4af24f25677626b35f762f68eef79c08677a363212d11f6"),
    ),
)
LWIP = Source(
    "lwip",
    "source",
    "lib/lwip",
    "lwip-*",
    (Pin("2.2.1", "83729c274c499d3348e9fbbe043a3113f3fa8953e7efddc7c21c7fcbb1f2b7b1"),),
)
PICO_SDK = Source(
    "pico-sdk-source",
    "binary",
    "lib/pico-sdk",
    "usr/src/pico-sdk",
    (Pin("2.1.1", "507a3ca37636641bc90239d7c04dc9dc28c5008087a8162102ea94d2273153d3"),),
)
TINYUSB = Source(
    "tinyusb-source",
    "binary",
    "lib/tinyusb",
    "usr/src/tinyusb",
    (Pin("0.18.0", "01ce2c645df68f14a8a7dcfc8fb355713152543757955820479a87949a61154e"),),
)
SOURCES = (MICROPYTHON, MBEDTLS, LWIP, PICO_SDK, TINYUSB)


def cache_folder():
    """Return the folder that keeps everything that was fetched or built."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).expanduser().resolve() / "capnrpc_micro"


def file_sha256(path):
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(step, *command, cwd=None, env=None):
    """Run a command to its end and return what it printed; BuildError if it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-30:])
        shown = " ".join(str(part) for part in command)
        raise BuildError(f"{step} failed with exit code {done.returncode}: {shown}\n{tail}")
    return done.stdout


def require_apt():
    """Raise BuildError where there are no Debian packages."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-query")):
        raise BuildError(
            "apt-get was not found: the sources come as Debian packages, so the build runs on "
            "Debian or a container of it (the programs that it makes run on other Linuxes too)"
        )


class Archive:
    """Debian's archive, read with an apt configuration and package lists of our own.

    The machine's own lists, caches and sources stay as they are: the suites asked for here
    (sid, trixie) must never become candidates for what the machine installs.
    """

    suites = ("sid", "trixie")

    def __init__(self, folder):
        self.folder = folder
        self.configuration = folder / "apt.conf"
        self.updated = False

    def mirror(self):
        """Return the address of the mirror that the machine itself installs from."""
        if os.environ.get("DEBIAN_MIRROR"):
            return os.environ["DEBIAN_MIRROR"]
        require_apt()
        template = "$(ORIGIN)|$(LABEL)|$(REPO_URI)"
        listed = run(
            "reading the machine's apt sources", "apt-get", "indextargets", "--format", template
        )
        for line in listed.splitlines():
            origin, label, address = line.split("|", 2)
            if (origin, label) == ("Debian", "Debian"):
                return address
        raise BuildError(
            "apt knows no Debian mirror: run 'apt-get update' as root, or set DEBIAN_MIRROR to "
            "the address of one"
        )

    def update(self):
        """Read the package lists of the suites, once."""
        if self.updated:
            return
        mirror = self.mirror()
        if not Path(KEYRING).exists():
            raise BuildError(f"{KEYRING} is missing: apt-get install debian-archive-keyring")
        for name in ("lists/partial", "archives/partial"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        lines = [
            f"{kind} [signed-by={KEYRING}] {mirror} {suite} main"
            for suite in self.suites
            for kind in ("deb", "deb-src")
        ]
        (self.folder / "sources.list").write_text("\n".join(lines) + "\n")
        self.configuration.write_text(
            f'Dir::Etc::SourceList "{self.folder}/sources.list";\n'
            'Dir::Etc::SourceParts "/dev/null";\n'
            f'Dir::State::Lists "{self.folder}/lists";\n'
            f'Dir::Cache "{self.folder}";\n'
            f'Dir::Cache::Archives "{self.folder}/archives";\n'
            'Acquire::Languages "none";\n'
            'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";\n'
            # Our folders may lie where apt's own user cannot go.
            f'APT::Sandbox::User "{"root" if os.geteuid() == 0 else ""}";\n'
            # Container images clean the machine's package cache after each update, which would
            # pull the packages from under an installation that runs at the same time.
            "#clear APT::Update::Post-Invoke;\n"
            "#clear APT::Update::Post-Invoke-Success;\n"
        )
        self.apt("reading the package lists", "apt-get", "update")
        self.updated = True

    def apt(self, step, program, *arguments, cwd=None):
        """Run one of the apt programs with our configuration."""
        return run(step, program, "-c", self.configuration, *arguments, cwd=cwd)

    def offers(self, source):
        """Return {SHA-256 of a file: Debian version} for the package's files in the suites."""
        found = {}
        verb = "showsrc" if source.kind == "source" else "show"
        step = f"looking up {source.package}"
        for record in self.apt(step, "apt-cache", verb, source.package).split("\n\n"):
            version = re.search(r"^Version: (\S+)", record, re.MULTILINE)
            sums = re.findall(r"\b[0-9a-f]{64}\b", record)
            if version:
                found.update(dict.fromkeys(sums, version.group(1)))
        return found

    def fetch(self, source, folder):
        """Download the first pinned file that the archive has; return its path and pin."""
        self.update()
        offers = self.offers(source)
        for pin in source.pins:
            if pin.sha256 in offers:
                break
        else:
            wanted = ", ".join(pin.version for pin in source.pins)
            met = ", ".join(sorted(set(offers.values()))) or "nothing"
            raise BuildError(
                f"{source.package}: expected one of the pinned versions {wanted} in the suites "
                f"{', '.join(self.suites)}, met {met}; add a pin in {Path(__file__).name}"
            )
        wanted = f"{source.package}={offers[pin.sha256]}"
        work = self.folder / "fetch"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        options = ["download"]
        if source.kind == "source":
            options = ["source", "--download-only", "--tar-only", "--only-source"]
        self.apt(f"downloading {source.package}", "apt-get", *options, wanted, cwd=work)
        for path in work.iterdir():
            if file_sha256(path) == pin.sha256:
                kept = folder / path.name
                shutil.move(path, kept)
                return kept, pin
        raise BuildError(
            f"{source.package}: no downloaded file has the pinned SHA-256 {pin.sha256}"
        )


class Tree:
    """The MicroPython source tree with the libraries that Debian packages apart from it."""

    def __init__(self, cache, log):
        self.cache = cache
        self.log = log
        self.downloads = cache / "downloads"
        self.archive = Archive(cache / "apt")

    def _cached(self, source):
        """Return the path and pin of the pinned file that is already here, if one is."""
        for pin in source.pins:
            mark = self.downloads / pin.sha256
            if mark.exists() and (self.downloads / mark.read_text()).exists():
                return self.downloads / mark.read_text(), pin
        return None

    def _obtain(self, source):
        cached = self._cached(source)
        if cached:
            return cached
        with self.log(f"fetching {source.package}"):
            self.downloads.mkdir(parents=True, exist_ok=True)
            path, pin = self.archive.fetch(source, self.downloads)
            (self.downloads / pin.sha256).write_text(path.name)
        return path, pin

    def _unpack(self, source, path, tree):
        work = tree.parent / "unpack"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        if source.kind == "binary":
            run(f"unpacking {path.name}", "dpkg-deb", "-x", path, work)
        else:
            with tarfile.open(path) as packed:
                packed.extractall(work)
        (content,) = work.glob(source.content)
        place = tree / source.place
        if place.exists():
            place.rmdir()  # the empty folder of a git submodule
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(content, place)
        shutil.rmtree(work)

    def lay_out(self):
        """Return the folder of the complete source tree and its version, making it once."""
        files = [(source, *self._obtain(source)) for source in SOURCES]
        name = hashlib.sha256(" ".join(pin.sha256 for _, _, pin in files).encode()).hexdigest()
        tree = self.cache / f"src-{name[:12]}" / "micropython"
        if not (tree / ".complete").exists():
            with self.log("unpacking the sources"):
                shutil.rmtree(tree.parent, ignore_errors=True)
                for source, path, _ in files:
                    self._unpack(source, path, tree)
                # The build looks for this file to see that micropython-lib is there; Debian
                # leaves that library out, and nothing of it is frozen in here.
                (tree / "lib/micropython-lib").mkdir(parents=True, exist_ok=True)
                (tree / "lib/micropython-lib/README.md").touch()
                (tree / ".complete").touch()
        return tree, files[0][2].version
