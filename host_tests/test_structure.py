# SPDX-License-Identifier: MIT
"""The structure of the repository: directions of imports, generated files, licence lines, sizes."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest
from layers import CORE, EXTRA, LAYERS, LIBRARY, layer_of

import capnrpc_micro

ROOT = LIBRARY.parent.parent
MODULES = sorted(LIBRARY.rglob("*.py"))
SCHEMAS = sorted([*LIBRARY.rglob("*.capnp"), *ROOT.glob("examples/*/*.capnp")])

# What the core may take from outside: it must run where there is nothing else.
CORE_MODULES = {"array", "micropython", "struct", "sys", "uctypes"}
# What `identity` may take: `cryptography` only where it is installed; TLS only in `pinned`.
IDENTITY_MODULES = {"binascii", "cryptography", "gc", "hashlib", "os"}
TLS_MODULES = {"asyncio", "ssl", "tempfile", "tls"}


def imports(path):
    """(the library's files that a file imports, the other modules that it imports)."""
    ours, others = set(), set()
    package = path.parent
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            others |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if not node.level:
                if node.module.split(".")[0] != "capnrpc_micro":
                    others.add(node.module.split(".")[0])
                    continue
                base = LIBRARY.joinpath(*node.module.split(".")[1:])
            else:
                base = package.joinpath(*[".."] * (node.level - 1)).resolve()
                if node.module:
                    base = base.joinpath(*node.module.split("."))
            if base.is_dir():
                for alias in node.names:
                    inside = base / f"{alias.name}.py"
                    ours.add(inside if inside.exists() else base / "__init__.py")
            else:
                ours.add(base.with_suffix(".py"))
    return ours, others


def tracked():
    """The files that git knows."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    paths = [ROOT / name for name in filter(None, listed.stdout.split("\0"))]
    assert paths
    return [path for path in paths if path.is_file()]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_imports_go_one_way(path):
    layer = layer_of(path)
    if layer is None:
        return  # the package itself loads nothing before it is asked for
    ours, others = imports(path)
    if layer == EXTRA:  # parts of `message` and `layout`
        allowed = ("limits", "words", "message", "layout", EXTRA)
    else:
        allowed = (*LAYERS[: LAYERS.index(layer) + 1], EXTRA)
    if layer == "device":
        # Generated modules and servers see declarations and objects, hardware, and nothing else.
        allowed = ("schema", "objects", "device")
    for other in ours:
        assert layer_of(other) in allowed, f"{path.name} imports {other.relative_to(LIBRARY)}"
    if layer in (*CORE, EXTRA):
        assert others <= CORE_MODULES
    if layer == "identity":
        pinned = path.stem.startswith("pinned")
        assert others <= IDENTITY_MODULES | (TLS_MODULES if pinned else set())


def test_the_package_itself_loads_nothing():
    assert imports(LIBRARY / "__init__.py") == (set(), set())


def test_generated_modules_are_up_to_date():
    done = subprocess.run(
        [sys.executable, "-m", "capnpc_micropython", "--check", *SCHEMAS],
        cwd=ROOT / "tools",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_one_version():
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert f"## {capnrpc_micro.__version__}" in changes
    others = subprocess.run(
        ["git", "grep", "-lE", r"version *=? *\"[0-9]+\.[0-9]+\.[0-9]+\"", "--", "*.py", "*.toml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert others.stdout.split() in ([], ["lib/capnrpc_micro/__init__.py"])


def test_every_source_file_has_a_licence_line():
    for path in tracked():
        start = path.read_text(errors="replace")[:300]
        # A generated module has its schema's licence, whatever that is.
        if path.suffix in {".py", ".c", ".mjs", ".h"} and not start.startswith("# Generated from"):
            assert "SPDX-License-Identifier: MIT" in start, path


def test_make_help_lists_every_command():
    text = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", text, re.M)[1].replace("\\", "").split())
    listed = subprocess.run(
        ["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    assert phony == set(re.findall(r"^ +make (\S+)", listed, re.M))


def test_files_can_be_read_in_one_sitting():
    for path in MODULES:
        assert len(path.read_text().splitlines()) <= 600, path


def test_the_core_needs_no_event_loop():
    """It is imported in an interpreter in which asyncio and socket do not exist."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "for name in ('asyncio', 'socket', 'selectors', 'time'): sys.modules[name] = None\n"
        "import capnrpc_micro.rpc.connection"
    )
    subprocess.run([sys.executable, "-c", code, str(LIBRARY.parent)], check=True)


def test_no_machine_stands_in_a_file():
    """No registry's host and no path of a machine is named in what is committed."""
    pattern = re.compile(r"/(?:work|root|home)/|pypi\.org|npmjs|pythonhosted|deb\.debian")
    for path in tracked():
        if path != pathlib.Path(__file__):
            found = pattern.search(path.read_text(errors="replace"))
            assert not found, f"{path}: {found[0]}"


def test_links_in_documents_lead_somewhere():
    for path in tracked():
        if path.suffix == ".md":
            for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
                assert (path.parent / target).exists(), f"{path}: {target}"
