# SPDX-License-Identifier: MIT
"""Layer `schema`: declarations."""

from kinds import TEXT, UINT8
from wirekit import COLOR, NODE, SHAPE, names, raises

from capnrpc_micro.schema import EMPTY, Enum, Interface, Server, Struct, const


def test_find_fields():
    assert NODE.find_("value") == 0 and NODE.find_("next") == 6
    raises(AttributeError, "Node has no field other", NODE.find_, "other")
    raises(AttributeError, "Node has no field other_", NODE.find_, "other_")
    raises(AttributeError, "the struct has no field x", EMPTY.find_, "x")
    raises(AttributeError, "has no field ", NODE.find_, "")
    raises(AttributeError, "has no field _", NODE.find_, "_")


def test_keywords_have_an_underscore():
    kind = Struct("K", 1, 1, ("class", UINT8, None, "from", TEXT, None))
    assert kind.find_("class_") == kind.find_("class") == 0
    assert kind.find_("from_") == 3


def test_names():
    assert names(NODE) == ["value", "name", "next"]
    assert EMPTY.table_ == ()
    raises(AttributeError, "Node has no attribute names_", getattr, NODE, "names_")


def test_where_the_union_is():
    assert NODE.union_at_ == 9 and NODE.tag_ is None
    assert SHAPE.union_at_ == 6 and SHAPE.tag_ == 1


def test_tables_set_later():
    kind = Struct("Later", 1, 0)
    raises(AttributeError, "has no field a", kind.find_, "a")
    kind.fields_(("a", UINT8, None, "b", UINT8 | 1 << 5, None), 1, 2)
    assert kind.find_("b") == 3 and kind.union_at_ == 3 and kind.tag_ == 2
    kind.fields_(("c", UINT8, None))
    assert kind.find_("c") == 0
    raises(AttributeError, "has no field a", kind.find_, "a")


def test_enums():
    assert COLOR.red == "red" and COLOR.blue == "blue"
    raises(AttributeError, "Color has no value pink", lambda: COLOR.pink)
    keywords = Enum("K", ("import", "as"))
    assert keywords.import_ == "import" and keywords.as_ == "as"


BASE = Interface("Base", bytes(8))
LEFT = Interface("Left", b"\1" * 8)
RIGHT = Interface("Right", b"\2" * 8)
BOTH = Interface("Both", b"\3" * 8)
BASE.methods_("close", EMPTY, EMPTY, "print", EMPTY, EMPTY)
LEFT.supers_(BASE)
LEFT.methods_("left", EMPTY, EMPTY)
RIGHT.supers_(BASE)
RIGHT.methods_("right", EMPTY, EMPTY, "close", EMPTY, EMPTY)
BOTH.supers_(LEFT, RIGHT)


def test_methods():
    assert BASE.find_("close") == (BASE, 0)
    assert BASE.find_("print") == (BASE, 1)
    assert BASE.find_("print_") == (BASE, 1)
    raises(AttributeError, "Base has no method open", BASE.find_, "open")


def test_inherited_methods():
    assert BOTH.find_("left") == (LEFT, 0)
    assert BOTH.find_("right") == (RIGHT, 0)
    assert RIGHT.find_("close") == (RIGHT, 1)
    assert BOTH.find_("print") == (BASE, 1)
    raises(AttributeError, "Both has no method open", BOTH.find_, "open")


def test_lineage_has_each_once():
    assert BASE.lineage_() == [BASE]
    assert BOTH.lineage_() == [BOTH, LEFT, RIGHT, BASE]


def test_server_classes():
    assert BASE.Server is BASE.Server
    assert BASE.Server.interface_ is BASE
    assert issubclass(BASE.Server, Server)

    class Mine(BOTH.Server):
        def left(self):
            return 1

    mine = Mine()
    assert mine.interface_ is BOTH and mine.left() == 1
    assert mine.borrows_ == ()
    mine.released_()


def test_const_is_the_identity():
    assert const(5) == 5
