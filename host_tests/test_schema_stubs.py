# SPDX-License-Identifier: MIT
"""The stubs of generated modules, checked by mypy: what is right passes, what is wrong is found."""

import os
import re
import subprocess
import sys

import pytest
from schemakit import LIBRARY, ROOT, SCHEMAS, compiled, run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with modules and their stubs, in which mypy keeps what it knows, too."""
    folder = tmp_path_factory.mktemp("stubs")
    done = run("-o", folder, *sorted(SCHEMAS.rglob("*.capnp")))
    assert done.returncode == 0, done.stderr
    return folder


def mypy(folder, *arguments):
    """Run mypy; return the lines of its complaints as (file, line, text)."""
    options = ["--strict", "--no-error-summary", "--python-version=3.10", "--hide-error-context"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode < 2, done.stdout + done.stderr
    found = re.findall(r"^([^:]+):(\d+): error: (.*)$", done.stdout, re.M)
    assert bool(found) == bool(done.returncode), done.stdout + done.stderr
    return [(file, int(line), text) for file, line, text in found]


def check(folder, program):
    """Check that mypy complains about the lines that say so, and about nothing else.

    Such a line ends with a comment, `# wrong:` and a part of the complaint.
    """
    (folder / "program.py").write_text(program)
    complaints = {line: text for _, line, text in mypy(folder, "program.py")}
    expected = {
        number: line.partition("# wrong: ")[2]
        for number, line in enumerate(program.splitlines(), 1)
        if "# wrong: " in line
    }
    assert complaints.keys() == expected.keys(), complaints
    for number, text in expected.items():
        assert text in complaints[number]


def test_stubs_themselves(folder):
    library = ["__init__", "schema", "types"]
    files = [LIBRARY / "capnrpc_micro" / (name + ".pyi") for name in library]
    assert mypy(folder, *files, *folder.glob("*.pyi")) == []


def test_structs(folder):
    check(
        folder,
        """
import io
from capnrpc_micro.types import Int16, List
from typed_capnp import Address, Color, Person, friends, limit

person = Person.new_message(name="Ada", age=36, address={"street": "x"}, favourite=Color.red)
person.name = "Eve"
person.picture = memoryview(b"x")
person.address.street = "y"
person.address = ("y", 1)
person.address = friends[0]
person.phones = [{"number": "1"}, ("2", "home")]
phones = person.init_("phones", 2)
phones[0].kind = "mobile"
phones[1] = phones[0]
person.init_("address").zip = limit
person.employment.init_("self").from_ = 3
person.anything = friends[0]
person.scores = b"12"
person.pin = None
data: bytes = person.to_bytes()
read = Person.from_bytes(data)
street: str = Person.from_bytes_packed(data).address.street
while (more := Person.read_packed(io.BytesIO(data))) is not None:
    more.as_builder().name = None
numbers: list[int] = [number + 1 for number in read.scores]
if read.employment.which_() == "employer":
    street = read.employment.employer
if read.favourite == "green":
    person.favourite = read.favourite
address: Address = read.anything.as_(Address)
some: int = read.untyped.as_(List(Int16))[0]
oldest: int = Person.oldest
whole: dict[str, object] = read.to_dict()

person.nam = "x"  # wrong: "Builder_" has no attribute "nam"
person.name = 3  # wrong: has type "int"
person.age = "3"  # wrong: has type "str"
person.favourite = "blue"  # wrong: "Literal['blue']"
person.address.streat = "x"  # wrong: has no attribute "streat"
person.init_("name")  # wrong: No overload variant
person.init_("phones")  # wrong: No overload variant
phones[0] = 3  # wrong: "int"
read.name = "x"  # wrong: read-only
read.employment.self.business = "x"  # wrong: read-only
read.employment.which_() == "employr"  # wrong: Non-overlapping
Person.new_message(nme="x")  # wrong: Unexpected keyword argument "nme"
Person.new_message(name=1)  # wrong: incompatible type "int"
read.scores = read.scores  # wrong: read-only
read.anything.as_(3)  # wrong: No overload variant
Color.blue  # wrong: has no attribute "blue"
""",
    )


def test_clients(folder):
    check(
        folder,
        """
import capnrpc_micro as capnp
from typed_capnp import Hub, Loud, Person, Pin

class Switch(Pin.Server):
    on = False

    def set(self, on: bool) -> None:
        self.on = on

    async def get(self) -> bool:
        return self.on

async def main() -> None:
    peer = await capnp.connect("localhost", 7000, limits=capnp.Limits(connections=2))
    hub = peer.bootstrap(Hub)
    pin = hub.find("kitchen").pin
    await pin.set(on=True)
    on: bool = (await pin.get()).on
    await hub.person(1).pin.set(False)
    person: Person = await capnp.wait_for(hub.person(1), 2.5)
    capnp.release(person)
    await hub.store(name="Ada", pin=Switch())
    await hub.upload(b"chunk")
    await hub.give(Switch(), {"street": "x"}["street"])
    name: str = [entry.key for entry in (await hub.map()).map.entries][0]
    loud = hub.cast_as(Loud)
    await loud.find()
    await loud.set(True)
    call = loud.shout("red")
    call.cancel_()
    try:
        await capnp.retain(pin).get()
    except capnp.Error as error:
        print(error.reason, error.type == capnp.OVERLOADED)

    hub.fnd("kitchen")  # wrong: has no attribute "fnd"
    hub.find(3)  # wrong: incompatible type "int"
    hub.find("a", "b")  # wrong: Too many arguments
    hub.find(nam="a")  # wrong: Unexpected keyword argument
    hub.find("a").pon  # wrong: has no attribute "pon"
    (await hub.find("a")).pinn  # wrong: has no attribute "pinn"
    await hub.find("a").pin.set("on")  # wrong: incompatible type "str"
    loud.shout("blue")  # wrong: Literal['blue']
    hub.store(pin=Person)  # wrong: incompatible type "type[Person]"
    peer.bootstrap(Person)  # wrong: cannot be "Person"
    on = (await hub.stats()).count == 3 and (await hub.stats()).mean  # wrong: Incompatible types
    await capnp.serve(Person)  # wrong: incompatible type
    capnp.Limits(connections="2")  # wrong: incompatible type "str"
""",
    )


def test_servers(folder):
    check(
        folder,
        """
import capnrpc_micro as capnp
from typing import Any
from typing_extensions import override
from capnrpc_micro.schema import AnyReader, Client
from generics_capnp import Store_Text_Point, Store_Text_Point__Watcher
from typed_capnp import Hub, Loud, Person, Pin

class Right(Hub.Server):
    borrows_ = ("upload",)

    def __init__(self, other: Hub) -> None:
        self.other = other

    @override
    def find(self, name: str) -> Any:
        return self.other.find(name)

    async def person(self, id: int) -> dict[str, Any]:
        return {"name": str(id)}

    def stats(self) -> tuple[int, float]:
        return 1, 2.0

    def upload(self, chunk: bytes | memoryview) -> None:
        pass

    def give(self, capability: Client, pointer: AnyReader) -> str:
        return pointer.as_(Person).name

    def released_(self) -> None:
        pass

class Names(Store_Text_Point.Server):
    def put(self, key: str, value: Any) -> None:
        print(value.x)

    def watch(self, watcher: Store_Text_Point__Watcher) -> None:
        watcher.changed("a", {"value": {"x": 1}})

async def main(hub: Hub) -> None:
    await capnp.serve(Right(hub), "0.0.0.0", 7000)
    pin = Right(hub).find("a")

class Wrong(Loud.Server):
    def stats(self) -> tuple[int, float] | str:  # wrong: Return type
        return "x"

    def person(self, id: str) -> None:  # wrong: Argument 1 of "person" is incompatible
        pass

    def get(self, more: int) -> bool:  # wrong: Signature of "get" incompatible
        return True

    async def set(self, on: bool) -> int:  # wrong: Return type
        return 1

    @override
    def found(self, name: str) -> None:  # wrong: "found" is marked as an override
        pass
""",
    )


def test_names_that_hide_others(folder):
    check(
        folder,
        """
from typed_capnp import Both, Hiding, Server

hiding = Hiding.new_message(int=1, str="x", dict={"street": "s"}, cls="c", self="s")
number: int = hiding.int
text: str = hiding.str
street: str = hiding.dict.street
there: bool = hiding.classmethod.address.there
there = hiding.classmethod.address.outer.inner.there
hiding.color = "red"
hiding.classmethod.color = "violet"
hiding.classmethod.color = "red"  # wrong: Literal['red']
hiding.address.there  # wrong: "Builder_" has no attribute "there"
hiding.int = "x"  # wrong: has type "str"

class Serves(Server.Serves.Server):
    def serve(self, server: Server, itself: str) -> tuple[Server, Server]:
        return server, server

async def main(both: Both) -> str:
    return (await both.get(self=1)).value
""",
    )


README = (ROOT / "README.md").read_text()


@pytest.fixture
def first(tmp_path, folder):
    """A folder with the README's schema, its module and stub; and its board's program."""
    schema = re.search(r"```capnp\n(.*?)```", README, re.S)[1]
    (tmp_path / "thermometer.capnp").write_text(schema)
    assert run("thermometer.capnp", cwd=tmp_path).returncode == 0
    board = re.search(r"```python\n(import asyncio\nimport capnrpc_micro.*?)```", README, re.S)[1]
    # The one name in it that CPython has not.
    return tmp_path, board.replace("asyncio.sleep_ms(periodMs)", "asyncio.sleep(periodMs / 1000)")


# Its functions have no hints: mypy is asked to look into them all the same.
UNTYPED = ("--allow-untyped-defs", "--allow-untyped-calls", "--allow-incomplete-defs")


def test_first_program(first):
    folder, board = first
    (folder / "board.py").write_text(board)
    assert mypy(folder, *UNTYPED, "board.py") == []


@pytest.mark.parametrize(
    "right, wrong, complaint",
    [
        ("Thermometer.Server", "Thermometer.Sever", '"Thermometer.Sever"'),
        ("Sensor()", "Thermometer", "incompatible type"),
        ("def read(self):", "def read(self, unit):", "incompatible with supertype"),
        ("import Thermometer", "import Thermometre", '"Thermometre"'),
    ],
)
def test_mistakes_in_the_first_program(first, right, wrong, complaint):
    folder, board = first
    assert right in board
    (folder / "board.py").write_text(board.replace(right, wrong))
    assert complaint in mypy(folder, *UNTYPED, "board.py")[0][2]


def test_no_stubs(tmp_path):
    (tmp_path / "test.capnp").write_text("@0xbf5147cbbecf40c1; struct A {}")
    assert run("--no-stubs", "test.capnp", cwd=tmp_path).returncode == 0
    assert [file.name for file in tmp_path.glob("*.py*")] == ["test_capnp.py"]
    assert run("--no-stubs", "--check", "test.capnp", cwd=tmp_path).returncode == 0
    done = run("--check", "test.capnp", cwd=tmp_path)
    assert (done.returncode, "test_capnp.pyi" in done.stderr) == (1, True)


def test_stale_stub(tmp_path):
    assert compiled(tmp_path, "struct A {}").returncode == 0
    assert run("--check", "test.capnp", cwd=tmp_path).returncode == 0
    stub = tmp_path / "test_capnp.pyi"
    stub.write_text(stub.read_text() + "\n")
    done = run("--check", "test.capnp", cwd=tmp_path)
    assert (done.returncode, "test_capnp.pyi" in done.stderr) == (1, True)
