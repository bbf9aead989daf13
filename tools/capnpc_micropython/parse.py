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


def parse(files, include):
    """Return the CodeGeneratorRequest for these schema files, as bytes.

    `include` are the folders for imports that start with a slash; the schemas that come with
    pycapnp are always found.
    """
    for file in files:
        if not file.endswith(".capnp") or not os.path.isfile(file):
            raise nodes.SchemaError(f"{file}: no such schema file")
    tools = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.pathsep.join(filter(None, (tools, os.environ.get("PYTHONPATH"))))
    folders = [os.path.abspath(folder) for folder in include]
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
    reached = _reach(loaded)
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


def _reach(files):
    """Return all nodes that these files' schemas contain or lead to, by id."""
    reached = {}
    todo = []
    # Only schemas that are found from their files down give what is nested in them.
    nested = list(files)
    while nested:
        schema = nested.pop()
        reached[schema.node.id] = schema.node
        nested += [schema.get_nested(inner.name) for inner in schema.node.nestedNodes]
        if schema.node.which() == "struct":
            todo += _references(schema.as_struct())
        elif schema.node.which() == "interface":
            todo += _references(schema.as_interface())
    while todo:
        schema = todo.pop()
        if not hasattr(schema, "node"):  # a list
            todo += _type_of(schema, "elementType")
        elif schema.node.id not in reached:
            reached[schema.node.id] = schema.node
            todo += _references(schema)
    return reached


def _references(schema):
    """Return the schemas that a schema refers to."""
    found = []
    if schema.node.which() == "struct":
        for field in schema.fields_list:
            found += _type_of(field, "schema")
    elif schema.node.which() == "interface":
        found += schema.superclasses
        for method in schema.methods.values():
            found += [method.param_type, method.result_type]
    return found


def _type_of(holder, attribute):
    """Return the schema of a field's or list's type, in a list that is empty if it has none."""
    try:
        return [getattr(holder, attribute)]
    except capnp.KjException as error:
        if "Schema type is unknown" not in str(error):
            raise
        return []


def _no_core_dump():
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(sys.argv[1:])
