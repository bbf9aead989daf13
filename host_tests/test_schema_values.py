# SPDX-License-Identifier: MIT
"""Constants of every type, and annotations, in generated modules."""

import importlib
import math
import sys

import pytest
from schemakit import LIBRARY, SCHEMAS, interpreters, micropython, run


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """The folder with the module."""
    folder = tmp_path_factory.mktemp("values")
    done = run("-o", folder, SCHEMAS / "values.capnp")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def values(output):
    sys.path[:0] = [str(LIBRARY), str(output)]
    yield importlib.import_module("values_capnp")
    sys.path[:2] = []


def test_numbers_and_texts(values):
    assert values.none is None
    assert values.yes is True
    assert (values.small, values.half, values.tenth) == (-7, 0.5, 0.1)
    assert values.endless == -math.inf
    assert math.isnan(values.undefined)
    assert (values.text, values.data) == ("twö", b"\0\xff")
    assert values.import_ == 1
    assert values.constant == "a name of the library's"


def test_numbers_beyond_31_bits(values):
    assert values.middle == 2**30
    assert values.large == 0xFEDCBA9876543210
    assert values.lowest == -(2**63)


def test_enums(values):
    assert values.color == "green"
    assert list(values.colors) == ["green", "red"]


def test_structs(values):
    for point in (values.point, values.again):
        assert (point.x, point.label) == (-3, "p")
    assert (values.emptyPoint.x, values.emptyPoint.label) == (0, "")
    assert values.Holder.inner.x == 5


def test_lists(values):
    assert list(values.numbers) == [1, -2, 3]
    assert list(values.bits) == [True, False, True]
    assert list(values.texts) == ["a", "", "c"]
    assert [(point.x, point.label) for point in values.points] == [(-3, "p"), (0, "q")]
    assert [list(inner) for inner in values.nested] == [[1], [], [2, 3]]
    assert len(values.empty) == 0


@pytest.mark.parametrize("name", interpreters())
def test_boards(output, name):
    """A board without large integers has those as bytes, and all the rest."""
    code = """
import values_capnp as values
print(values.color, values.point.x, list(values.texts), values.points[1].label)
large = bytes([0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe])
big = values.large
assert big == large if isinstance(big, bytes) else big == int.from_bytes(large, "little")
"""
    expected = "green -3 ['a', '', 'c'] q\n"
    assert micropython(output, code, interpreters()[name]) == expected


# ------------------------------------------------------------------------------------------------
# Annotations


@pytest.fixture(scope="module")
def annotated(output):
    done = run("-o", output, *sorted(SCHEMAS.rglob("*.capnp")))
    assert done.returncode == 0, done.stderr
    sys.path[:0] = [str(LIBRARY), str(output)]
    yield importlib.import_module("annotated_capnp")
    sys.path[:2] = []


def notes(declared):
    """Return a declaration's annotations as triples; structs and lists as what is in them."""
    flat = declared.annotations_
    return [tuple(flat[i : i + 3]) for i in range(0, len(flat), 3)]


def test_annotations_of_a_struct(annotated):
    *before, ranged, group, many, union, big, constant = notes(annotated.Reading)
    assert before == [("", "level", "high"), ("value", "unit", "V")]
    assert (ranged[:2], ranged[2].least, ranged[2].most) == (("value", "range"), 0, 5)
    assert group == ("place", "note", "a group")
    assert (many[:2], list(many[2])) == (("place.x", "many"), ["a", "b"])
    assert union == ("place.deep", "flag", None)
    assert big == ("place.deep.one", "big", 2**64 - 1)
    assert constant == ("factor", "note", "a constant")
    ((member, name, box),) = notes(annotated.Reading.Inner)
    assert (member, name, box.value) == ("", "boxed", "in a box")


def test_annotations_of_other_declarations(annotated):
    assert notes(annotated.Level) == [("low", "flag", None), ("high", "note", "loud")]
    assert notes(annotated.Sensor) == [
        ("", "note", "sensor"),
        ("read", "level", "low"),
        ("read$Params.pin", "note", "which"),
        ("read$Results.pin", "note", "the same"),
    ]
    assert notes(annotated.Generic) == [("", "note", "generic"), ("it", "flag", None)]
    assert notes(annotated) == [("", "note", "of the file"), ("top", "flag", None)]


def test_annotations_that_are_not_for_programs_cost_nothing(annotated, output):
    assert not hasattr(annotated.Silent, "annotations_")
    assert "hidden" not in (output / "annotated_capnp.py").read_text()


def test_a_file_of_annotations_has_no_module(output, annotated):
    assert not list(output.glob("units_capnp.*"))


@pytest.mark.parametrize("name", interpreters())
def test_boards_see_annotations(output, annotated, name):
    code = "import annotated_capnp; print(annotated_capnp.Reading.annotations_[:6])"
    expected = "('', 'level', 'high', 'value', 'unit', 'V')\n"
    assert micropython(output, code, interpreters()[name]) == expected
