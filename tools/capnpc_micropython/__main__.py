# SPDX-License-Identifier: MIT
"""The command line of the schema compiler, stand-alone and as a plugin of `capnp compile`."""

import argparse
import os
import sys

if not __package__:  # run as a directory, `python tools/capnpc_micropython`
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

try:
    from capnpc_micropython import annotations, emit, names, nodes, parse, stub
except ModuleNotFoundError as error:
    if error.name != "capnp":
        raise
    sys.exit("capnpc_micropython needs pycapnp: pip install pycapnp")


def main(argv=None):
    """Run the compiler; return its exit status."""
    options = _options(argv)
    try:
        if options.files:
            data = parse.parse(options.files, options.include)
        else:
            data = sys.stdin.buffer.read()
        modules = _generate(data, options)
        if options.check:
            return _check(modules)
        _write(modules)
    except (nodes.SchemaError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _options(argv):
    parser = argparse.ArgumentParser(
        prog="capnpc_micropython",
        description="Write <file>_capnp.py and its stub for each schema file. Without any file, act as a"
        " plugin of `capnp compile`: read its request from the standard input and write in the"
        " current directory.",
    )
    parser.add_argument("files", nargs="*", metavar="file.capnp")
    parser.add_argument(
        "-I",
        dest="include",
        metavar="DIR",
        action="append",
        default=[],
        help='search DIR for imports that start with a slash, as import "/capnp/c++.capnp"',
    )
    parser.add_argument(
        "-o", dest="output", metavar="DIR", help="write in DIR instead of beside each schema"
    )
    parser.add_argument(
        "--no-stubs", dest="stubs", action="store_false", help="write no <file>_capnp.pyi"
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a generated file is stale"
    )
    options = parser.parse_args(argv)
    if not options.files:
        if sys.stdin.isatty():
            parser.error("no schema files")
        options.output = options.output or "."
    return options


def _generate(data, options):
    """Return the text of each module and stub by the path of its file."""
    modules = {}
    with nodes.read(data) as request:
        for file in request.files:
            if not (file.declares() or annotations.collect(request.nodes, file.node)):
                continue
            folder = options.output or os.path.dirname(file.name)
            path = os.path.join(folder, names.module_name(file.name) + ".py")
            if path in modules:
                raise nodes.SchemaError(f"{file.name}: another schema already writes {path}")
            module = emit.Module(request, file)
            modules[path] = module.text()
            if options.stubs:
                modules[path + "i"] = stub.stub_text(request, file, module)
    return modules


def _check(modules):
    stale = [path for path, text in modules.items() if _read(path) != text]
    for path in stale:
        print(f"{path} is not what its schema gives: generate it again", file=sys.stderr)
    return 1 if stale else 0


def _read(path):
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _write(modules):
    for path, text in modules.items():
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)


if __name__ == "__main__":
    sys.exit(main())
