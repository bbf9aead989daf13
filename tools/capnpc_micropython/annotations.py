# SPDX-License-Identifier: MIT
"""Which annotations a program sees: those whose own declaration carries `$runtime`."""

# Of the annotation that lib/capnrpc_micro/runtime.capnp declares.
_RUNTIME = 0xF116CA490436C78E


def collect(nodes, node):
    """Return what is annotated of a declaration: pairs of a member's name and its Annotation.

    The name is "" for the declaration itself. It has a dot for what is in a group, and the form
    `method$Params.name` and `method$Results.name` for parameters and results. Constants are members
    of the scope that declares them.
    """
    found = [("", node.annotations)]
    which = node.which()
    if which == "struct":
        found += _fields(nodes, node, "")
    elif which == "enum":
        found += [(value.name, value.annotations) for value in node.enum.enumerants]
    elif which == "interface":
        for method in node.interface.methods:
            found.append((method.name, method.annotations))
            for id_, part in (
                (method.paramStructType, "$Params."),
                (method.resultStructType, "$Results."),
            ):
                if id_ in nodes and not nodes[id_].scopeId:
                    found += _fields(nodes, nodes[id_], method.name + part)
    for nested in node.nestedNodes:
        if nodes[nested.id].which() == "const":
            found.append((nested.name, nodes[nested.id].annotations))
    return [(name, a) for name, group in found for a in group if _is_kept(nodes, a)]


def _fields(nodes, node, prefix):
    found = []
    for field in node.struct.fields:
        name = prefix + field.name
        found.append((name, field.annotations))
        if field.which() == "group":
            found += _fields(nodes, nodes[field.group.typeId], name + ".")
    return found


def _is_kept(nodes, annotation):
    declared = nodes.get(annotation.id)
    return declared is not None and any(a.id == _RUNTIME for a in declared.annotations)
