# SPDX-License-Identifier: MIT
"""tools/wiredump.py: readable messages from the dump of a conversation, of every kind of message."""

import asyncio
import io
import os
import pathlib
import random
import re
import subprocess
import sys
from unittest import mock

import micropython
import pytest
from ports import free_port
from rpc_schema import rpc
from schemakit import SCHEMAS

import capnrpc_micro
from capnrpc_micro import dump

HERE = pathlib.Path(__file__).resolve().parent
TOOL = HERE.parent / "tools" / "wiredump.py"
SCHEMA = SCHEMAS / "interop.capnp"
THING = 0xD3545208C0D956E3


def decoded(log, *options, status=0):
    """The lines that the tool prints for a log."""
    if isinstance(log, str):
        log = log.encode()
    done = subprocess.run(
        [sys.executable, TOOL, *options], input=log, stdout=subprocess.PIPE, check=False
    )
    assert done.returncode == status
    return done.stdout.decode().splitlines()


class Talk:
    """Messages by hand; `log` is their dump."""

    def __init__(self, name=""):
        self._file = io.StringIO()
        self._dump = dump.to_file(self._file, name)

    @property
    def log(self):
        return self._file.getvalue()

    def frame(self, direction, frame):
        """Dumps a frame that is received, "<", or sent, ">"."""
        self._dump("<>".index(direction), frame)

    def message(self, direction, which, change=None, **values):
        """Dumps a message. `change` may work on its body."""
        message = rpc().Message.new_message()
        body = message.init(which)
        for name, value in values.items():
            setattr(body, name, value)
        if change:
            change(body)
        self.frame(direction, message.to_bytes())

    def lines(self, *options):
        """What the tool says."""
        return decoded(self.log, *options)


# A conversation of the library's own.


@pytest.fixture(scope="module", params=["micropython", "cpython"], name="talk")
def _talk(request):
    """The log of wiredump_board.py."""
    line = [*micropython.command()] if request.param == "micropython" else [sys.executable]
    return subprocess.run(
        [*line, HERE / "wiredump_board.py", "kitchen"], stdout=subprocess.PIPE, check=True
    ).stdout


def test_a_conversation(talk):
    lines = decoded(talk, "--schema", SCHEMA)
    for expected in (
        r"> kitchen bootstrap \d+",
        r"< kitchen return \d+: .* caps \[senderHosted \d+\].*",
        r"> kitchen call \d+ on .*: Thing\.echo \(x = 5\)",
        r"< kitchen return \d+: \(y = 5\).*",
        r'> kitchen call \d+ on .*: Thing\.blob \(data = 0x"736563.*240 bytes in all"\)',
        r'< kitchen return \d+: overloaded: "too much é".*',
        r'< kitchen return \d+: unimplemented: ".*".*',
        r"> kitchen call \d+ on .*: Other\.nothing \(\)",
        r"> kitchen call \d+ on answer \d+\.thing: Thing\.callMe \(thing = <capability>, times = 7\)"
        r" caps \[senderHosted \d+\]",
        r"< kitchen call \d+ on cap \d+: Thing\.echo \(x = 7\)",
        r"> kitchen return \d+: \(y = 7\).*",
        r"< kitchen return \d+: \(sum = 7\).*",
        r"> kitchen finish \d+.*",
        r"> kitchen release \d+",
        r"> kitchen disembargo on answer \d+\.thing: senderLoopback \d+",
        r"< kitchen disembargo on .*: receiverLoopback \d+",
        r"< kitchen return \d+: canceled.*",
        r"< kitchen return \d+: \(things = <capabilities>\)"
        r" caps \[senderHosted \d+, senderHosted \d+, senderHosted \d+\].*",
        r'< kitchen abort: disconnected: "that is all"',
    ):
        assert any(re.fullmatch(expected, line) for line in lines), expected
    assert all(re.match(r"[<>] kitchen \w", line) for line in lines)
    assert not any("damaged" in line or "unknown" in line for line in lines)
    assert len(lines) == len(re.findall(rb"^[<>]kitchen ", talk, re.M))


def test_without_a_schema(talk):
    lines = decoded(talk)
    assert len(lines) == len(decoded(talk, "--schema", SCHEMA))
    call = rf"> kitchen call \d+ on .*: interface 0x{THING:016x} method 0 \(a struct\)"
    assert any(re.fullmatch(call, line) for line in lines)
    assert any(re.match(r"< kitchen return \d+: \(a struct\)", line) for line in lines)


def test_whole_messages(talk):
    text = "\n".join(decoded(talk, "--full", "--schema", SCHEMA))
    assert re.search(r"methodId = 0,\n *params = \(\n *content = \(x = 5\)", text)
    assert "content = (y = 5)" in text and "content = (things = <capabilities>)" in text
    assert re.search(r"< kitchen \( abort = \(\n *reason = \"that is all\"", text)


def test_other_lines(talk):
    other = "a log has other lines, too: < and > 12"
    assert other not in decoded(talk)
    lines = decoded(talk, "--others")
    assert lines[0] == other and lines[-1] == "the end"
    assert lines[1:-1] == decoded(talk)


# Every kind of message.


def _exception(body, type="failed", reason="no", **more):
    body.type = type
    body.reason = reason
    for name, value in more.items():
        setattr(body, name, value)


def _thing_call(body):
    body.target.importedCap = 5
    body.interfaceId = THING
    body.methodId = 3


def _call_with_everything(body):
    answer = body.target.init("promisedAnswer")
    answer.questionId = 7
    ops = answer.init("transform", 3)
    ops[0].getPointerField = 0
    ops[1].noop = None
    ops[2].getPointerField = 4
    body.interfaceId = 0x8123456789ABCDEF
    body.methodId = 65535
    body.sendResultsTo.yourself = None
    body.onlyPromisePipeline = True
    caps = body.init("params").init("capTable", 7)
    caps[0].none = None
    caps[1].senderHosted = 1
    caps[2].senderPromise = 0xFFFFFFFF
    caps[3].receiverHosted = 3
    promised = caps[4].init("receiverAnswer")
    promised.questionId = 9
    promised.init("transform", 1)[0].getPointerField = 2
    caps[5].init("thirdPartyHosted").vineId = 6
    caps[6].senderHosted = 8
    caps[6].attachedFd = 4


def _many_results(body):
    body.init("results").init("capTable", 1)[0].senderPromise = 4


def _unimplemented_call(message):
    body = message.init("call")
    body.questionId = 3
    _thing_call(body)


def _descriptor(body):
    body.init("cap").receiverHosted = 4


def _target_cap(body, context, value):
    body.target.importedCap = 2
    setattr(body.context, context, value)


def _provide(body):
    body.questionId = 3
    body.target.importedCap = 2


MESSAGES = [
    # (direction, kind, what makes it, its line)
    (">", "bootstrap", {"questionId": 4294967295}, "bootstrap 4294967295"),
    (
        ">",
        "call",
        {"questionId": 3, "change": _thing_call},
        "call 3 on cap 5: Thing.same ()",
    ),
    (
        "<",
        "return",
        {"answerId": 3, "change": _many_results, "noFinishNeeded": True},
        "return 3: () caps [senderPromise 4] noFinishNeeded=true",
    ),
    (
        "<",
        "call",
        {"questionId": 3, "change": _call_with_everything},
        "call 3 on answer 7.0.4: interface 0x8123456789abcdef method 65535 (nothing)"
        " caps [none, senderHosted 1, senderPromise 4294967295, receiverHosted 3,"
        " receiverAnswer answer 9.2, thirdPartyHosted, vine 6, senderHosted 8 attachedFd=4]"
        " sendResultsTo=yourself onlyPromisePipeline=true",
    ),
    (
        ">",
        "return",
        {
            "answerId": 3,
            "releaseParamCaps": False,
            "change": lambda body: _exception(
                body.init("exception"), "disconnected", 'a "reason"\n', trace="1234"
            ),
        },
        r'return 3: disconnected: "a \"reason\"\n" with a trace of 4 characters'
        " releaseParamCaps=false",
    ),
    (">", "return", {"answerId": 1, "canceled": None}, "return 1: canceled"),
    (
        ">",
        "return",
        {"answerId": 1, "resultsSentElsewhere": None},
        "return 1: resultsSentElsewhere",
    ),
    (
        ">",
        "return",
        {"answerId": 1, "takeFromOtherQuestion": 6},
        "return 1: takeFromOtherQuestion 6",
    ),
    (">", "finish", {"questionId": 3}, "finish 3"),
    (
        ">",
        "finish",
        {"questionId": 3, "requireEarlyCancellationWorkaround": False},
        "finish 3 requireEarlyCancellationWorkaround=false",
    ),
    ("<", "resolve", {"promiseId": 4, "change": _descriptor}, "resolve 4: receiverHosted 4"),
    (
        "<",
        "resolve",
        {"promiseId": 4, "change": lambda body: _exception(body.init("exception"))},
        'resolve 4: failed: "no"',
    ),
    ("<", "release", {"id": 4, "referenceCount": 1}, "release 4"),
    ("<", "release", {"id": 4, "referenceCount": 3}, "release 4 3 times"),
    (
        ">",
        "disembargo",
        {"change": lambda body: _target_cap(body, "senderLoopback", 1)},
        "disembargo on cap 2: senderLoopback 1",
    ),
    (
        ">",
        "disembargo",
        {"change": lambda body: _target_cap(body, "accept", None)},
        "disembargo on cap 2: accept",
    ),
    (
        "<",
        "unimplemented",
        {"change": _unimplemented_call},
        "unimplemented: call 3 on cap 5: Thing.same ()",
    ),
    (
        "<",
        "abort",
        {"change": lambda body: _exception(body, "overloaded", "é")},
        'abort: overloaded: "é"',
    ),
    (
        "<",
        "provide",
        {"change": _provide},
        "provide ( questionId = 3, target = (importedCap = 2) )",
    ),
    ("<", "accept", {"questionId": 3, "embargo": True}, None),
    ("<", "join", {"questionId": 3}, None),
]


def test_every_kind_of_message():
    talk = Talk()
    for direction, kind, values, _ in MESSAGES:
        talk.message(direction, kind, **values)
    lines = talk.lines("--schema", SCHEMA)
    assert len(lines) == len(MESSAGES)
    for (direction, kind, _, expected), line in zip(MESSAGES, lines, strict=True):
        assert line.startswith(f"{direction} {kind}")
        if expected is not None:
            assert line == f"{direction} {expected}"
    assert "questionId = 3" in lines[-1] and "embargo=true" in lines[-2]
    kinds = {kind for _, kind, _, _ in MESSAGES} | {"obsoleteSave", "obsoleteDelete"}
    assert kinds == set(rpc().Message.schema.union_fields)


def test_obsolete_messages():
    """They are AnyPointers."""
    message = rpc().Message.new_message()
    message.init("bootstrap").deprecatedObjectId.set_as_text("a secret")
    talk = Talk()
    for tag in (7, 9):
        frame = bytearray(message.to_bytes())
        message.clear_write_flag()
        frame[16] = tag
        talk.frame("<", frame)
    lines = talk.lines()
    assert lines == ["< obsoleteSave", "< obsoleteDelete"]
    assert "secret" not in "".join(talk.lines("--full"))


def test_numbers_that_the_schema_does_not_know():
    message = rpc().Message.new_message()
    message.init("finish")
    frame = bytearray(message.to_bytes())
    frame[16] = 77
    talk = Talk()
    talk.frame("<", frame)
    message = rpc().Message.new_message()
    message.init("return").canceled = None
    frame = bytearray(message.to_bytes())
    frame[38] = 77
    talk.frame("<", frame)
    message = rpc().Message.new_message()
    message.init("abort").reason = "so"
    frame = bytearray(message.to_bytes())
    frame[36] = 77
    talk.frame("<", frame)
    assert talk.lines() == [
        "< message of an unknown kind",
        "< return 0: (unknown)",
        '< abort: 77: "so"',
    ]


def test_ids_of_services_are_not_shown():
    talk = Talk()
    secret = "MGE4ZTc5NzM0ZWQ4ODE0YjQ0NDI"

    def text(body):
        body.deprecatedObjectId.set_as_text(secret)

    talk.message(">", "bootstrap", text)
    talk.message("<", "unimplemented", lambda message: text(message.init("bootstrap")))
    lines = talk.lines()
    size = len(secret) + 1  # Text has a NUL
    assert lines == [
        f"> bootstrap 0 with an id of {size} bytes",
        f"< unimplemented: bootstrap 0 with an id of {size} bytes",
    ]
    full = "\n".join(talk.lines("--full"))
    assert secret not in full and "deprecatedObjectId" in full
    assert secret.encode().hex() not in full


def test_connections_have_questions_of_their_own():
    """The same question id stands for another call on another connection, and of the other side."""
    log = ""
    for name, direction, method in (("a", ">", 0), ("b", ">", 3), ("a", "<", 9), ("b", "<", 13)):
        talk = Talk(name)

        def change(body, method=method):
            _thing_call(body)
            body.methodId = method

        talk.message(direction, "call", change, questionId=1)
        log += talk.log
    for name, direction in (("a", "<"), ("b", "<"), ("a", ">"), ("b", ">")):
        talk = Talk(name)
        talk.message(direction, "return", lambda body: body.init("results"), answerId=1)
        log += talk.log
    results = [line.partition("return 1: ")[2] for line in decoded(log, "--schema", SCHEMA)[4:]]
    assert results == ["(y = 0)", "()", "()", "()"]


# Logs as they come.


def _echo(talk, x=7, blob=b""):
    def change(body):
        body.target.importedCap = 0
        body.interfaceId = THING
        body.methodId = 9 if blob else 0
        content = body.init("params").init("content")
        method = interop().Thing.schema.methods["blob" if blob else "echo"]
        content = content.as_struct(method.param_type)
        if blob:
            content.data = blob
        else:
            content.x = x

    talk.message(">", "call", change, questionId=1)


def interop():
    """pycapnp's module of the schema."""
    from interop import schema

    return schema


def test_text_before_the_dump_and_line_ends():
    talk = Talk()
    _echo(talk, 7)
    lines = talk.log.splitlines()
    assert len(lines) > 1
    stamped = "".join(f"[12:00:0{k}] {line}\r\n" for k, line in enumerate(lines))
    expected = "> call 1 on cap 0: Thing.echo (x = 7)"
    assert decoded(stamped, "--schema", SCHEMA) == ["[12:00:00] " + expected]
    mixed = ("\nsomething else\n").join(lines) + "\n"
    assert decoded(mixed.upper(), "--schema", SCHEMA) == [expected]
    assert decoded(talk.log.rstrip("\n"), "--schema", SCHEMA) == [expected]


def test_files_and_errors(tmp_path):
    talk = Talk()
    _echo(talk)
    log = tmp_path / "log"
    log.write_bytes(b"\xff\xfe not UTF-8\n" + talk.log.encode())
    assert decoded(b"", log) == talk.lines()
    assert decoded(b"", log, "-", log) == talk.lines() * 2
    assert decoded(b"", tmp_path / "missing", status=2) == []
    assert decoded(b"", "--schema", tmp_path / "missing.capnp", status=2) == []
    (tmp_path / "wrong.capnp").write_text("interface {")
    assert decoded(b"", "--schema", tmp_path / "wrong.capnp", status=2) == []


def test_what_is_cut_off_is_said():
    talk = Talk()
    _echo(talk, blob=bytes(100))
    lines = talk.log.splitlines()
    assert len(lines) == 4
    good = talk.lines()
    again = lines + [""]
    for k in range(4):
        # A line is missing.
        rest = lines[:k] + lines[k + 1 :]
        found = decoded("\n".join(rest + again))
        assert found[-1:] == good and any("damaged: " in line for line in found[:-1]), found
        # A line is cut, at an even or at an odd digit.
        for cut in (20, 21, 39):
            rest = lines[:k] + [lines[k][:cut]] + lines[k + 1 :]
            found = decoded("\n".join(rest + again))
            assert found[-1:] == good and any("damaged: " in line for line in found[:-1]), found
    # The log ends within a message.
    assert decoded("\n".join(lines[:2])) == [
        "> damaged: 128 of a message's 224 bytes are in the log"
    ]
    # A message goes on behind its end.
    found = decoded("\n".join([*lines, lines[-1]]))
    assert found[:1] == good and "no beginning" in found[1]


def test_lines_that_ran_into_others():
    talk = Talk()
    talk.message(">", "finish", questionId=3)
    line = talk.log.rstrip("\n")
    assert decoded(f"temperature {line}\n") == ["temperature > finish 3"]
    assert decoded(f"{line}{line}\n") == [f"{line}> finish 3"]
    assert decoded(f"{line} and more\n{line}\n") == [
        "> damaged: a line of the dump with something behind it",
        "> finish 3",
    ]


def test_damaged_messages_are_not_fatal():
    """Whatever bytes change: a line for each message, and the undamaged ones as they are."""
    rng = random.Random(5)
    good = Talk()
    _echo(good)
    frames = []
    with mock.patch.object(Talk, "frame", lambda self, direction, data: frames.append(data)):
        talk = Talk()
        for direction, kind, values, _ in MESSAGES:
            talk.message(direction, kind, **values)
        _echo(talk, blob=b"x" * 100)
    log = ""
    for _ in range(1000):
        frame = bytearray(rng.choice(frames))
        for _ in range(rng.choice((1, 1, 2, 8))):
            frame[rng.randrange(8, len(frame))] = rng.choice((0, 1, 255, rng.randrange(256)))
        talk = Talk()
        talk.frame(rng.choice("<>"), frame)
        log += talk.log + good.log
    for options in ((), ("--full",)):
        lines = decoded(log, "--schema", SCHEMA, *options)
        if not options:
            assert len(lines) == 2000
            assert set(lines[1::2]) == {"> call 1 on cap 0: Thing.echo (x = 7)"}
            assert sum("damaged: " in line for line in lines) > 50
        else:
            assert sum(line.startswith("> ( call") for line in lines) >= 1000


def test_sizes_that_cannot_be():
    """A header of too many segments, and one that promises more than comes."""
    talk = Talk()
    _echo(talk)
    start = "> ffffffff00000000\n> 00000000ffffff0f0000000000000000\n"
    assert decoded(start + talk.log) == [
        "> damaged: no message begins with ffffffff00000000",
        "> damaged: 16 of a message's 2147483648 bytes are in the log",
        *talk.lines(),
    ]


def test_long_contents_are_cut():
    """Also those that take no bytes in the message."""
    talk = Talk()
    method = interop().Thing.schema.methods["seen"]

    def ask(body):
        body.target.importedCap = 0
        body.interfaceId = THING
        body.methodId = 13

    def answer(body):
        content = body.init("results").init("content").as_struct(method.result_type)
        content.init("xs", 1000)

    talk.message(">", "call", ask)
    talk.message("<", "return", answer)
    talk.message(">", "call", lambda body: _exception_call(body, "x" * 5000))
    lines = talk.lines("--schema", SCHEMA)
    assert lines[1].startswith("< return 0: (xs = [0, 0, ") and "... 1000 in all])" in lines[1]
    assert lines[2].endswith("characters in all") and len(lines[2]) < 800


def _exception_call(body, reason):
    body.target.importedCap = 0
    body.interfaceId = THING
    body.methodId = 6
    method = interop().Thing.schema.methods["fail"]
    body.init("params").init("content").as_struct(method.param_type).reason = reason


# The page.


@pytest.mark.parametrize(
    "interpreter", [[sys.executable], micropython.command()], ids=["CPython", "MicroPython"]
)
def test_the_program_of_the_page(tmp_path, interpreter):
    """docs/diagnosis.md prints what its program and the tool print."""
    page = (HERE.parent / "docs" / "diagnosis.md").read_text()
    schema, program = (
        re.search(rf"```{language}\n(.*?)```", page, re.S)[1] for language in ("capnp", "python")
    )
    (tmp_path / "counter.capnp").write_text(schema)
    (tmp_path / "program.py").write_text(program.replace("7000", str(free_port())))
    subprocess.run(
        [sys.executable, "-m", "capnpc_micropython", "counter.capnp"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(TOOL.parent)},
        check=True,
    )
    path = str(HERE.parent / "lib")
    log = subprocess.run(
        [*interpreter, "program.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "MICROPYPATH": ".frozen:" + path},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    expected = page.split("makes of them\n\n```\n")[1].split("```")[0]
    lines = decoded(log, "--others", "--schema", tmp_path / "counter.capnp")
    assert "\n".join(lines) + "\n" == expected


def test_connections_of_a_server_are_numbered(generated):
    """serve() gives each a number; connect() gives none."""
    module = generated("interop")

    class Thing(module.Thing.Server):
        def echo(self, x):
            return x

    told = []

    def lines(which):
        def dump_for(number):
            return lambda direction, view: told.append((which, number, direction, bytes(view)))

        return dump_for

    async def main():
        port = free_port()
        server = await capnrpc_micro.serve(Thing(), "127.0.0.1", port, dump=lines("server"))
        for _ in range(2):
            peer = await capnrpc_micro.connect("127.0.0.1", port, dump=lines("client"))
            assert (await peer.bootstrap(module.Thing).echo(5)).y == 5
            await peer.close()
        await server.close()

    asyncio.run(main())
    assert {found[:2] for found in told} == {("server", "0"), ("server", "1"), ("client", "")}
    began = [data for which, _, direction, data in told if which == "client" and direction == 1]
    for number in ("0", "1"):
        heard = [data for which, n, direction, data in told if (n, direction) == (number, 0)]
        assert heard[0] == began[0][: len(heard[0])]
