# SPDX-License-Identifier: MIT
"""The stub of a generated module: its declarations as classes, for editors and type checkers.

A struct is the class of its readers, an interface that of its clients; see the stub of
capnrpc_micro.schema. Names that a stub adds contain an underscore.
"""

import dataclasses
import os

from capnpc_micropython import annotations
from capnpc_micropython.brands import Type
from capnpc_micropython.emit import DECLARED, HEADER, STREAM_RESULT, fields_in_order
from capnpc_micropython.hints import BUILTINS, Hints, literal
from capnpc_micropython.names import python_name
from capnpc_micropython.text import WIDTH

_INDENT = "    "


def stub_text(request, file, module):
    """Return the text of the stub for a module, whose own text has been made."""
    hidden = set()
    while True:
        stub = _Stub(request.nodes, module, hidden)
        text = stub.text(file)
        # Inside a class its members hide what has the same name outside.
        found = stub.members & {*BUILTINS, *stub.hints.roots}
        if found <= hidden:
            return text
        hidden |= found


class _Stub:
    def __init__(self, nodes, module, hidden):
        self._nodes = nodes
        self._module = module
        self.hints = Hints(nodes, module.names, hidden)
        self.members = set()  # of classes
        self._lines = []
        self._depth = 0
        self._classes = {}  # that inherit as the stub's do, by type
        self._repeats = False  # whether a method has the name of an inherited one

    def text(self, file):
        """Return the whole stub."""
        hints = self.hints
        self._declarations(file.node)
        for type_ in list(self._module.names.brands.values()):
            self._declare(type_, hints.place(type_))
        for root in sorted(hints.roots):
            if {root, root.removesuffix("_")} & hints.hidden:
                self._line(f"_{root} = {root}")
        head = [
            HEADER.format(os.path.basename(file.name)),
            "# fmt: off",
        ]
        if self._repeats:
            head.append('# mypy: disable-error-code="override,misc"')
        if any(len(line) > WIDTH for line in self._lines):
            head.append("# ruff: noqa: E501")
        body = "\n".join(self._lines)
        head += [
            f"import {module} as {name}"
            for module, name in (("builtins", "_b"), ("typing", "_t"))
            if name + "." in body
        ]
        head += ["", *(f"import {module}" for module in sorted(hints.modules))]
        head += ["from capnrpc_micro import schema as _s"] if "_s." in body else []
        return "\n".join((*head, "", body)) + "\n"

    # Lines

    def _line(self, text):
        self._lines.append(_INDENT * self._depth + text)

    def _class(self, name, *bases):
        """Begin a class. Return what _end() needs."""
        if self._depth:
            self.members.add(name)
        self._call(f"class {name}", bases, ":")
        self._depth += 1
        return len(self._lines)

    def _end(self, start):
        self._depth -= 1
        if len(self._lines) == start:
            self._lines[-1] += " ..."

    def _def(self, name, parameters, result, decorator=None):
        self.members.add(name)
        if decorator:
            self._line("@" + decorator)
        self._call(f"def {name}", parameters, f" -> {result}: ...")

    def _call(self, start, parts, end):
        """Write parts in parentheses: on one line where that fits, else each on its own."""
        line = f"{start}({', '.join(parts)}){end}"
        if len(line) + len(_INDENT) * self._depth <= WIDTH:
            self._line(line)
            return
        self._line(start + "(")
        for part in parts:
            self._line(f"{_INDENT}{part},")
        self._line(")" + end)

    def _property(self, name, result, given=None):
        self._def(name, ["self"], result, self.hints.builtin("property"))
        if given is not None:
            self._def(name, ["self", "value: " + given], "None", name + ".setter")

    def _variable(self, name, hint):
        if self._depth:
            self.members.add(name)
            hint = f"_t.ClassVar[{hint}]"
        self._line(f"{name}: {hint}")

    # Declarations

    def _declarations(self, scope):
        """Write what is declared in a scope."""
        if annotations.collect(self._nodes, scope):
            self._variable("annotations_", f"{self.hints.builtin('tuple')}[_t.Any, ...]")
        for nested in scope.nestedNodes:
            node = self._nodes[nested.id]
            name = python_name(nested.name, nested=bool(self._depth))
            if node.which() == "const":
                self._variable(name, self.hints.read(self._module.scope.type(node.const.type)))
            elif node.which() in DECLARED:
                self._declare(Type(node.which(), node.id), name)

    def _declare(self, type_, name):
        node = self._nodes[type_.id]
        if type_.kind == "enum":
            self._enum(node, name)
        elif type_.kind == "struct":
            self._struct(type_, node, name)
        else:
            self._interface(type_, node, name)

    def _enum(self, node, name):
        names = [enumerant.name for enumerant in node.enum.enumerants]
        if self._depth:
            self.members.add(name + "_")
        self._line(f"{name}_: _t.TypeAlias = {literal(names)}")
        start = self._class(name, "_s.Enum")
        self._declarations(node)
        for value in names:
            self._variable(python_name(value), literal([value]))
        self._end(start)

    # Structs

    def _struct(self, type_, node, name):
        start = self._class(name, "_s.StructReader")
        if not type_.brand:  # what is nested in a generic is declared once, not for each brand
            self._declarations(node)
        place = self.hints.place(type_)
        fields = self._reader(node, self._module.scope.of(type_), place)
        self._builder(fields, place)
        class_method = self.hints.builtin("classmethod")
        values = [f"{field.name}: {field.give} = ..." for field in fields]
        first = "cls_" if "cls" in (field.name for field in fields) else "cls"
        parameters = [first, "*", *values] if values else [first]
        self._def("new_message", parameters, place + ".Builder_", class_method)
        builtin = self.hints.builtin
        values = f"values: {builtin('dict')}[{builtin('str')}, _t.Any]"
        self._def("from_dict", ["cls", values], place + ".Builder_", class_method)
        self._def("as_builder", ["self"], place + ".Builder_")
        self._end(start)

    def _reader(self, node, scope, place):
        """Write what a reader has, and what a promise of it has. Return its Fields."""
        for field in node.struct.fields:
            if field.which() == "group":
                group = self._nodes[field.group.typeId]
                name = field.name + "_group_"
                start = self._class(name, "_s.StructReader")
                inner = self._reader(group, scope, f"{place}.{name}")
                self._builder(inner, f"{place}.{name}")
                self._end(start)
        fields = self.hints.fields(node, scope, place)
        for field in fields:
            self._property(field.name, field.read)
        _, union = fields_in_order(node)
        if union:
            names = literal([field.name for field in union])
            self._def("which_", ["self"], f"{names} | {self.hints.builtin('int')}")
        leading = [field for field in fields if field.lead]
        if leading:
            start = self._class("Pipeline_", "_s.Pipeline")
            for field in leading:
                self._property(field.name, field.lead)
            self._end(start)
            self._end(self._class("Promise_", place + ".Pipeline_", f"_s.CallPromise[{place}]"))
        return fields

    def _builder(self, fields, place):
        start = self._class("Builder_", place, "_s.StructBuilder")
        for field in fields:
            self._property(field.name, field.build, field.give)
        inits = [field for field in fields if field.init]
        count = "count: " + self.hints.builtin("int")
        more = {"struct": [], "list": [count], "any": ["type: _t.Any", count + " = ..."]}
        for field in inits:
            name = "name: " + literal([field.name.removesuffix("_")])
            result = "_t.Any" if field.init == "any" else field.build
            overload = "_t.overload" if len(inits) > 1 else None
            self._def("init_", ["self", name, *more[field.init]], result, overload)
        self._end(start)

    # Interfaces

    def _interface(self, type_, node, name):
        scope = self._module.scope.of(type_)
        place = self.hints.place(type_)
        bases = [self.hints.place(base) for base in self._inherited(type_)]
        start = self._class(name, *(bases or ["_s.Client"]))
        if not type_.brand:
            self._declarations(node)
        methods = [self._method(method, scope, place) for method in node.interface.methods]
        self._repeats |= self._repeats_names(type_)
        server = self._class("Server", *([base + ".Server" for base in bases] or ["_s.Server"]))
        for method in methods:
            parameters = [method.itself, *method.called]
            self._def(method.name, parameters, f"_s.Returned[{method.returned}]")
        self._end(server)
        for method in methods:
            self._def(method.name, [method.itself, *method.calling], method.promise)
        self._end(start)

    def _method(self, method, scope, place):
        """Return a _Method; write the class of its results, if it has one of its own."""
        start = f"{place}.{method.name}"
        node, inner, at = self._part(method.paramStructType, method.paramBrand, scope, start)
        fields = self.hints.fields(node, inner, at)
        if node.struct.discriminantCount:
            calling = [f"params: {at} | _s.Fields = ...", "/", "**fields: _t.Any"]
            called = [f"params: {at}", "/"]
        else:
            calling = [f"{field.name}: {field.give} = ..." for field in fields]
            called = [f"{field.name}: {field.read}" for field in fields] + ["/"] * bool(fields)
        promise, returned = self._results(method, scope, start)
        itself = "self_" if "self" in [field.name for field in fields] else "self"
        return _Method(python_name(method.name), itself, calling, called, promise, returned)

    def _results(self, method, scope, start):
        """Return the hints for what a client's method and what a server's method returns."""
        node, inner, at = self._part(
            method.resultStructType, method.resultBrand, scope, start + "_results_"
        )
        if node.id == STREAM_RESULT or not (node.scopeId or node.struct.fields):
            return "_s.CallPromise[_s.Empty]", "_s.Empty | None"
        if node.scopeId:
            fields = self.hints.fields(node, inner, at)
        else:
            results = self._class(method.name + "_results_", "_s.StructReader")
            fields = self._reader(node, inner, at)
            self._end(results)
        promise = at + ".Promise_" if self.hints.leads(node, inner) else f"_s.CallPromise[{at}]"
        if len(fields) == 1 and not node.struct.discriminantCount:
            returned = fields[0].give.removesuffix(" | None")
        else:
            returned = "_s.Fields"
        return promise, f"{returned} | {at} | None"

    def _part(self, id_, brand, scope, unnamed):
        """Return node, scope and place of the struct of a method's parameters or results."""
        node = self._nodes[id_]
        if not node.scopeId or id_ == STREAM_RESULT:
            return node, scope.inside(brand), unnamed
        type_ = scope.declared("struct", id_, brand)
        return node, scope.of(type_), self.hints.place(type_)

    def _superclasses(self, type_):
        scope = self._module.scope.of(type_)
        superclasses = self._nodes[type_.id].interface.superclasses
        return [scope.declared("interface", base.id, base.brand) for base in superclasses]

    def _inherited(self, type_):
        """Return the superclasses that a Python class can have in this order."""
        bases = list(dict.fromkeys(self._superclasses(type_)))
        classes = [self._python_class(base) for base in bases]
        kept = [
            base
            for base, class_ in zip(bases, classes, strict=True)
            if not any(other is not class_ and issubclass(other, class_) for other in classes)
        ]
        try:
            type("", tuple(map(self._python_class, kept)), {})
        except TypeError:  # two of them want the same ones in another order
            return kept[:1]
        return kept

    def _python_class(self, type_):
        if type_ not in self._classes:
            bases = tuple(map(self._python_class, self._inherited(type_)))
            self._classes[type_] = type("", bases, {})
        return self._classes[type_]

    def _repeats_names(self, type_):
        """Return whether two methods, own or inherited, have the same name."""
        lineage = [type_]
        for inherited in lineage:  # grows while it is walked
            lineage += [base for base in self._superclasses(inherited) if base not in lineage]
        names = [m.name for t in lineage for m in self._nodes[t.id].interface.methods]
        return len(set(names)) < len(names)


@dataclasses.dataclass(frozen=True)
class _Method:
    """A method: name, parameters of a client's and of a server's, what these return."""

    name: str
    itself: str  # the first parameter of both
    calling: list
    called: list
    promise: str
    returned: str
