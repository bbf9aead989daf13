# SPDX-License-Identifier: MIT
"""Schema files to a CodeGeneratorRequest, without the `capnp` program.

pycapnp parses, and ends its whole process at an error in a schema. So that happens in a child
process, which writes the request to its standard output; the parent turns the words with which
it died into an ordinary error message.
"""

import os
import re
import subprocess
import sys

import capnp

from capnpc_micropython import nodes

# The end of what the child says when it dies: perhaps a stack of addresses follows the message.
_ERROR = re.compile(
    r"^(?:  what\(\):  )?([^\n]+\.capnp):(\d+): failed: (.*?)(?:\nstack: [^\n]*)?\Z",
    re.MULTILINE | re.DOTALL,
)
# A comment, which may quote anything; an import, whose file is the group; any other string.
_IMPORT = re.compile(
    r'#.*|\bimport(?:\s|#.*)*"((?:[^"\\\n]|\\.)*)"|"(?:[^"\\\n]|\\.)*"',
)


def parse(files, include):
    """Return the CodeGeneratorRequest for these schema files, as bytes.

    `include` are the folders for imports that start with a slash; the schemas that come with
    pycapnp and with the library are always found.
    """
    for file in files:
        if not file.endswith(".capnp") or not os.path.isfile(file):
            raise nodes.SchemaError(f"{file}: no such schema file")
    tools = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.pathsep.join(filter(None, (tools, os.environ.get("PYTHONPATH"))))
    folders = [os.path.abspath(folder) for folder in include]
    folders.append(os.path.join(os.path.dirname(tools), "lib"))
    child = subprocess.run(
        [sys.executable, "-m", __name__, str(len(folders)), *folders, *files],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if child.returncode:
        raise nodes.SchemaError(_message(child.stderr.decode(errors="replace"), files))
    return child.stdout


def _message(complaint, files):
    """Return what is wrong with which line, from the child's last words.

    They have the form `path:line: failed: message`, after lines of context. The path has lost
    its beginning in some folders, and lines are counted from 0.
    """
    found = _ERROR.search(complaint)
    if not found:
        return complaint.strip() or "the schema parser failed without a message"
    path, line, message = found.groups()
    for file in files:
        if os.path.abspath(file).endswith(os.path.join(os.sep, path)):
            path = file
    return f"{path}:{int(line) + 1}: error: {message.strip()}"


# ------------------------------------------------------------------------------------------------
# In the child process


def main(arguments):
    """Parse the files and write the request: the child's whole work."""
    _no_core_dump()
    count = int(arguments[0])
    folders, files = arguments[1 : count + 1], arguments[count + 1 :]
    folders.append(os.path.dirname(os.path.dirname(capnp.__file__)))
    try:
        sys.stdout.buffer.write(_request(files, folders))
    except capnp.KjException as error:
        sys.exit(str(error))


def _request(files, folders):
    parser = capnp.SchemaParser()
    loaded = [parser.load(file, display_name=file, imports=folders).schema for file in files]
    imported = [
        parser.load(path, display_name=os.path.basename(path), imports=folders).schema
        for path in _imported(files, folders)
    ]
    reached = _reach(loaded + imported)
    schema = nodes.schema()
    request = schema.CodeGeneratorRequest.new_message()
    listed = request.init("nodes", len(reached))
    for index, node in enumerate(reached.values()):
        # The parser's own Node and the one of schema.capnp are two types for pycapnp.
        with schema.Node.from_bytes(node.as_builder().to_bytes(), **nodes.LIMITS) as same:
            listed[index] = same
    requested = request.init("requestedFiles", len(files))
    for index, file in enumerate(files):
        requested[index].id = loaded[index].node.id
        requested[index].filename = file
    return request.to_bytes()


def _imported(files, folders):
    """Return the paths of all files that these import, directly or not, other than these."""
    seen = {os.path.realpath(file) for file in files}
    found = []
    todo = list(files)
    while todo:
        file = todo.pop()
        with open(file, encoding="utf-8", errors="replace") as text:
            names = filter(None, _IMPORT.findall(text.read()))
        for name in names:
            path = _find(file, name, folders)
            if path and os.path.realpath(path) not in seen:
                seen.add(os.path.realpath(path))
                found.append(path)
                todo.append(path)
    return found


def _find(file, name, folders):
    """Return the path of what a file imports by a name, or None."""
    if not name.startswith("/"):
        folders = [os.path.dirname(file)]
    for folder in folders:
        path = os.path.join(folder, name.lstrip("/"))
        if os.path.isfile(path):
            return path
    return None


def _reach(files):
    """Return all nodes in these files, by id."""
    reached = {}
    # Only schemas that are found from their files down give what is nested in them.
    nested = list(files)
    while nested:
        schema = nested.pop()
        reached[schema.node.id] = schema.node
        nested += [schema.get_nested(inner.name) for inner in schema.node.nestedNodes]
        if schema.node.which() == "struct":
            _reach_groups(schema.as_struct(), reached)
        elif schema.node.which() == "interface":
            for method in schema.as_interface().methods.values():
                for struct in (method.param_type, method.result_type):
                    reached[struct.node.id] = struct.node
                    _reach_groups(struct, reached)
    return reached


def _reach_groups(struct, reached):
    for field in struct.fields_list:
        if field.proto.which() == "group":
            reached[field.schema.node.id] = field.schema.node
            _reach_groups(field.schema, reached)


def _no_core_dump():
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(sys.argv[1:])
