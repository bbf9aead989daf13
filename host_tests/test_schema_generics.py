# SPDX-License-Identifier: MIT
"""Generic types: each brand that a schema uses is a type of its own in the generated module."""

import importlib
import sys

import capnp
import pytest
from schemakit import (
    LIBRARY,
    SCHEMAS,
    SITE,
    compiled,
    fields_of,
    find,
    interpreters,
    micropython,
    run,
    types_of,
)

LIST = 14
STRUCT = 15
INTERFACE = 16
ANYPOINTER = 17


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """The folder with the modules."""
    folder = tmp_path_factory.mktemp("generics")
    done = run("-o", folder, SCHEMAS / "generics.capnp", SCHEMAS / "parts" / "boxes.capnp")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def generics(output):
    sys.path[:0] = [str(LIBRARY), str(output)]
    yield importlib.import_module("generics_capnp")
    sys.path[:2] = []


@pytest.fixture(scope="module")
def boxes(generics):
    return importlib.import_module("boxes_capnp")


@pytest.fixture(scope="module")
def uses(generics):
    """The types of the fields of Uses."""
    return types_of(generics.Uses)


def test_the_generic_itself_has_pointers_of_any_type(generics):
    assert types_of(generics.Map.Entry) == {
        "key": "anyPointer",
        "value": "anyPointer",
        "size": ("struct", generics.Map.Size),
        "kind": ("enum", generics.Map.Kind),
    }
    assert types_of(generics.Uses)["unbound"] == ("struct", generics.Map)
    assert types_of(generics.Chain)["next"] == ("struct", generics.Chain)


def test_a_brand_has_its_arguments_types(generics, uses):
    assert uses["points"] == ("struct", generics.Map_Text_Point)
    assert types_of(generics.Map_Text_Point) == {
        "entries": ("list", (STRUCT, generics.Map_Text_Point__Entry))
    }
    assert types_of(generics.Map_Text_Point__Entry) == {
        "key": "text",
        "value": ("struct", generics.Point),
        "size": ("struct", generics.Map.Size),
        "kind": ("enum", generics.Map.Kind),
    }
    assert generics.Map_Text_Point__Entry.name_ == "Map(Text, Point).Entry"
    assert uses["entry"] == ("struct", generics.Map_Text_Point__Entry)
    assert uses["texts"] == ("struct", generics.Map_Text_Text)


def test_an_argument_may_be_unbound(generics, uses):
    assert uses["partly"] == ("struct", generics.Map_Text_AnyPointer)
    entry = types_of(generics.Map_Text_AnyPointer__Entry)
    assert (entry["key"], entry["value"]) == ("text", "anyPointer")


def test_brands_differ_in_nothing_but_types(generics):
    for path in ("Map_Text_Point__Entry", "Map_Text_Text__Entry"):
        brand = getattr(generics, path)
        assert (brand.data_, brand.pointers_) == (generics.Map.Entry.data_, 3)
        assert [kind_and_offset(f) for f in fields_of(brand).values()][2:] == [
            kind_and_offset(f) for f in fields_of(generics.Map.Entry).values()
        ][2:]
    assert generics.Chain_Data.tag_ == generics.Chain.tag_ == 0
    assert generics.Chain_Data.union_at_ == generics.Chain.union_at_


def kind_and_offset(field):
    return field[:2]


def test_groups_and_unions_of_a_brand(generics, uses):
    assert uses["bytes"] == ("struct", generics.Chain_List_UInt8)
    assert uses["chains"] == ("list", (STRUCT, generics.Chain_Data))
    chain = types_of(generics.Chain_Data)
    assert chain["next"] == ("struct", generics.Chain_Data)
    assert (chain["item"], chain["other"]) == ("data", "data")
    inside = types_of(chain["inside"][1])
    assert inside["deep"] == "data"
    deeper = types_of(inside["deeper"][1])
    assert deeper == {"deepest": ("list", (STRUCT, generics.Chain_Data)), "number": "int16"}


def test_generics_in_generics(generics, uses):
    assert uses["inner"] == ("struct", generics.Outer_Data__Inner_Point)
    inner = types_of(generics.Outer_Data__Inner_Point)
    assert inner == {
        "t": "data",
        "u": ("struct", generics.Point),
        "same": ("struct", generics.Outer_Data__Inner_Point),
        "turned": ("struct", generics.Outer_Point__Inner_Data),
    }
    assert types_of(generics.Outer_Point__Inner_Data)["turned"] == uses["inner"]
    assert uses["innerOnly"] == ("struct", generics.Outer__Inner_Point)
    assert types_of(generics.Outer__Inner_Point)["t"] == "anyPointer"
    assert types_of(generics.Outer_Data) == {"inner": ("struct", generics.Outer_Data__Inner_Text)}


def test_generics_and_arguments_of_other_files(generics, boxes, uses):
    assert uses["boxed"] == ("struct", generics.Box_Box_Point)
    assert types_of(generics.Box_Box_Point) == {"value": ("struct", generics.Box_Point)}
    assert types_of(generics.Box_Point) == {"value": ("struct", generics.Point)}
    assert uses["theirs"] == ("struct", generics.Box_boxes_capnp_Point)
    assert types_of(generics.Box_boxes_capnp_Point) == {"value": ("struct", boxes.Point)}
    assert uses["phantom"] == ("struct", generics.Phantom_Label)
    assert not hasattr(boxes, "Box_Point")


def test_types_of_the_same_name_in_several_files(tmp_path):
    for name in ("one", "two"):
        id_ = "0xa4ea07c58b1cf2" + ("31" if name == "one" else "32")
        (tmp_path / (name + ".capnp")).write_text(f"@{id_}; struct Same {{ {name} @0 :Void; }}")
    text = """
        struct Box(T) { it @0 :T; }
        struct A {
          one @0 :Box(import "one.capnp".Same);
          two @1 :Box(import "two.capnp".Same);
        }
    """
    assert compiled(tmp_path, text).returncode == 0
    generated = (tmp_path / "test_capnp.py").read_text()
    fields = '"one", _STRUCT | 0 << 5, Box_Same, "two", _STRUCT | 1 << 5, Box_Same_2'
    assert f"A.fields_(({fields}))\n" in generated
    assert 'Box_Same_2.fields_(("it", _STRUCT | 0 << 5, two_capnp_Same))\n' in generated


def test_ever_larger_types_end(generics, uses):
    assert uses["growing"] == ("struct", generics.Growing_Text)
    met = []
    declared = generics.Growing_Text
    while declared is not generics.Growing:
        met.append(declared.name_)
        declared = types_of(declared)["more"][1]
    assert met == ["Growing(Text)", "Growing(Chain(Text))", "Growing(Chain(Chain(Text)))"]


def test_as_deep_as_it_is_written(tmp_path):
    deep = "Box(" * 12 + "Text" + ")" * 12
    text = f"struct Box(T) {{ it @0 :T; }} struct A {{ a @0 :{deep}; }}"
    assert compiled(tmp_path, text).returncode == 0
    generated = (tmp_path / "test_capnp.py").read_text()
    assert f'A.fields_(("a", _STRUCT | 0 << 5, {"Box_" * 12}Text))\n' in generated
    assert 'Box_Text.fields_(("it", _TEXT | 0 << 5, None))\n' in generated


def methods_of(interface):
    table = interface.table_
    return {table[i]: table[i + 1 : i + 3] for i in range(0, len(table), 3)}


def test_brands_of_an_interface_have_its_id(generics, boxes, uses):
    store = uses["store"][1]
    assert store is generics.Store_Text_Point
    assert store.id_ == boxes.Store.id_
    assert generics.Store_Text_Point__Watcher.id_ == boxes.Store.Watcher.id_
    assert methods_of(store).keys() == methods_of(boxes.Store).keys()
    assert store.Server is not boxes.Store.Server


def test_methods_of_a_brand(generics, boxes):
    methods = methods_of(generics.Store_Text_Point)
    assert types_of(methods["put"][0]) == {"key": "text", "value": ("struct", generics.Point)}
    assert types_of(methods["watch"][0]) == {
        "watcher": ("interface", generics.Store_Text_Point__Watcher)
    }
    change = methods_of(generics.Store_Text_Point__Watcher)["changed"][0]
    assert types_of(change) == {"key": "text", "old": ("struct", generics.Box_Point)}
    assert methods["statistics"][1] is boxes.Store.Statistics


def test_generic_methods(generics, boxes):
    methods = methods_of(generics.Caller_Text)
    params, results = methods["generic"]
    assert types_of(params) == {"one": "anyPointer", "many": ("list", (STRUCT, boxes.Box))}
    assert types_of(results) == {
        "box": ("struct", boxes.Box),
        "mine": ("struct", generics.Chain_Text),
    }
    assert methods["explicit"] == (boxes.Box, generics.Box_Text)


def test_generic_superclasses(generics):
    assert generics.TextCaller.bases_ == (generics.Caller_Text, generics.Store_Text_Data)
    assert generics.PointStore.bases_ == (generics.Store_AnyPointer_Point,)
    assert generics.PointStore_Text.bases_ == (generics.Store_Text_Point,)
    results = methods_of(generics.PointStore_Text)["itself"][1]
    assert types_of(results) == {"store": ("interface", generics.PointStore_Text)}


def test_default_and_constant_of_a_brand(generics, uses):
    _, (brand, default) = uses["withDefault"]
    assert brand is generics.Box_Text
    constant = importlib.import_module("capnrpc_micro.schema").constant
    assert constant(STRUCT, brand, default).value == "preset"
    assert list(generics.preset.value) == ["a", "b"]


def test_untyped_pointers(generics):
    capability = importlib.import_module("capnrpc_micro.schema").Capability
    assert types_of(generics.Untyped) == {
        "anything": "anyPointer",
        "anyStruct": ("anyPointer", STRUCT),
        "anyList": ("anyPointer", LIST),
        "capability": ("interface", capability),
        "lists": ("list", (ANYPOINTER, LIST)),
        "capabilities": ("list", (INTERFACE, capability)),
        "inUnion": "anyPointer",
        "nothing": "void",
        "inGroup": types_of(generics.Untyped)["inGroup"],
    }
    assert types_of(types_of(generics.Untyped)["inGroup"][1]) == {"grouped": "anyPointer"}
    params, results = methods_of(generics.Caller)["call"]
    assert types_of(params) == {"argument": "anyPointer", "any": "anyPointer"}
    assert types_of(results)["capability"] == ("interface", capability)


def test_streaming_methods(generics):
    library = importlib.import_module("capnrpc_micro.schema")
    assert methods_of(generics.Caller)["send"][1] is library.STREAM
    assert methods_of(generics.Caller_Text)["send"][1] is library.STREAM
    assert library.STREAM is not library.EMPTY


def test_messages_of_pycapnp(generics):
    parser = capnp.SchemaParser()
    schema = parser.load(str(SCHEMAS / "generics.capnp"), imports=[str(SITE)])
    entries = [
        {"key": "a", "value": {"x": 1}},
        {"key": "b", "value": {"y": -2}, "kind": "removed"},
    ]
    values = {
        "points": {"entries": entries},
        "bytes": {"item": [1, 2], "next": {"item": [3], "other": [4, 5]}},
        "boxed": {"value": {"value": {"x": 7}}},
        "inner": {"t": b"t", "u": {"y": 9}, "turned": {"t": {"x": 3}, "u": b"u"}},
    }
    (segment,) = schema.Uses.new_message(**values).to_segments()
    constant = importlib.import_module("capnrpc_micro.schema").constant
    read = constant(STRUCT, generics.Uses, segment)
    assert [(e.key, e.value.x, e.value.y, e.kind) for e in read.points.entries] == [
        ("a", 1, 0, "set"),
        ("b", 0, -2, "removed"),
    ]
    assert list(read.bytes.item) == [1, 2]
    assert list(read.bytes.next.other) == [4, 5]
    assert read.boxed.value.value.x == 7
    assert (read.inner.t, read.inner.u.y) == (b"t", 9)
    assert (read.inner.turned.t.x, read.inner.turned.u) == (3, b"u")
    assert read.withDefault.value == "preset"


@pytest.mark.parametrize("name", interpreters())
def test_boards_import_generics(output, name):
    code = """
import generics_capnp as generics
assert generics.Uses.table_[3 * 14 + 2] is generics.Store_Text_Point
print(list(generics.preset.value))
"""
    assert micropython(output, code, interpreters()[name]) == "['a', 'b']\n"


def test_every_brand_is_named_as_documented(generics):
    """A name is the type as it is written, each mark of the schema language as underscores."""
    for name in dir(generics):
        declared = getattr(generics, name)
        if "_" in name.strip("_") and type(declared).__name__ in ("Struct", "Interface"):
            if "boxes_capnp" not in name:
                marks = {"(": "_", ", ": "_", ")": "", ".": "__"}
                spelled = declared.name_
                for mark, replacement in marks.items():
                    spelled = spelled.replace(mark, replacement)
                assert spelled == name
    assert find(generics, "Map.Entry").name_ == "Map.Entry"


def test_what_looks_like_an_import(tmp_path):
    """Imports are looked for in the text, since the parser does not tell of them."""
    (tmp_path / "other.capnp").write_text("@0xa4ea07c58b1cf233; struct Other {} # import")
    text = """
        # import "absent.capnp", or "quotes
        const words :Text = "import \\"absent.capnp\\" # not a comment";
        struct Phantom(T) {}
        struct A { a @0 :Phantom(import # of a type that only the brand names
          "other.capnp".Other); }
    """
    done = compiled(tmp_path, text)
    assert done.returncode == 0, done.stderr
    assert (
        'Phantom_Other = Struct("Phantom(Other)", 0, 0)\n'
        in (tmp_path / "test_capnp.py").read_text()
    )
