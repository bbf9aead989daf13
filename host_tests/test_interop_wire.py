# SPDX-License-Identifier: MIT
"""The numbers in the rpc layer are those of rpc.capnp, as pycapnp's reflection reports them."""

import importlib
import pathlib
import pkgutil
import struct
import subprocess
import sys

import capnp
import pytest
from interop import HERE

import capnrpc_micro.rpc
from capnrpc_micro.rpc import wire

_FILE = pathlib.Path(capnp.__file__).parent / "rpc.capnp"
if not _FILE.exists():  # the wheel keeps it beside the module in another place
    _FILE = next(pathlib.Path(capnp.__file__).parent.parent.rglob("capnp/rpc.capnp"))

capnp.remove_import_hook()
rpc = capnp.SchemaParser().load(str(_FILE), imports=[str(_FILE.parent.parent)])


def _constants():
    """The private constants of all modules by name, each with all the values that it has."""
    found = {}
    for info in pkgutil.iter_modules(capnrpc_micro.rpc.__path__):
        module = importlib.import_module("capnrpc_micro.rpc." + info.name)
        for name, value in vars(module).items():
            if name[:1] == "_" and name[1:].isupper() and isinstance(value, int):
                found.setdefault(name, set()).add(value)
    return found


CONSTANTS = _constants()


def ours(name):
    """The value of a private constant, the same in all modules that have it."""
    (value,) = CONSTANTS["_" + name]
    return value


def _fields(type):
    return {field.name: field for field in type.schema.node.struct.fields}


def _tag(type, field):
    return _fields(type)[field].discriminantValue


def _slot(type, field):
    return _fields(type)[field].slot


def _half(type, field):
    """Where a field is, in 16-bit halves of the struct's data."""
    slot = _slot(type, field)
    bits = {"uint16": 16, "uint32": 32, "uint64": 64, "enum": 16}[slot.type.which()]
    return slot.offset * bits // 16


def _bit(type, field):
    """A flag as a bit of the half that it is in, and that half."""
    offset = _slot(type, field).offset
    return 1 << offset % 16, offset // 16


@pytest.mark.parametrize(
    "constant, type, field",
    [
        ("UNIMPLEMENTED", rpc.Message, "unimplemented"),
        ("ABORT", rpc.Message, "abort"),
        ("CALL", rpc.Message, "call"),
        ("RETURN", rpc.Message, "return"),
        ("FINISH", rpc.Message, "finish"),
        ("RESOLVE", rpc.Message, "resolve"),
        ("RELEASE", rpc.Message, "release"),
        ("BOOTSTRAP", rpc.Message, "bootstrap"),
        ("DISEMBARGO", rpc.Message, "disembargo"),
        ("NONE", rpc.CapDescriptor, "none"),
        ("SENDER_HOSTED", rpc.CapDescriptor, "senderHosted"),
        ("SENDER_PROMISE", rpc.CapDescriptor, "senderPromise"),
        ("RECEIVER_HOSTED", rpc.CapDescriptor, "receiverHosted"),
        ("RECEIVER_ANSWER", rpc.CapDescriptor, "receiverAnswer"),
        ("THIRD_PARTY_HOSTED", rpc.CapDescriptor, "thirdPartyHosted"),
        ("RESULTS", rpc.Return, "results"),
        ("EXCEPTION", rpc.Return, "exception"),
        ("CANCELED", rpc.Return, "canceled"),
        ("RESULTS_SENT_ELSEWHERE", rpc.Return, "resultsSentElsewhere"),
        ("TAKE_FROM_OTHER_QUESTION", rpc.Return, "takeFromOtherQuestion"),
    ],
)
def test_tags(constant, type, field):
    assert ours(constant) == _tag(type, field)


def test_tags_that_are_written_as_numbers():
    assert _tag(rpc.MessageTarget, "importedCap") == 0
    assert _tag(rpc.MessageTarget, "promisedAnswer") == 1
    assert _tag(rpc.PromisedAnswer.Op, "noop") == 0
    assert _tag(rpc.PromisedAnswer.Op, "getPointerField") == 1
    group = rpc.Call.schema.fields["sendResultsTo"].schema
    tags = {field.name: field.discriminantValue for field in group.node.struct.fields}
    assert tags["yourself"] == ours("YOURSELF")


def test_tags_of_disembargo():
    group = rpc.Disembargo.schema.fields["context"].schema
    tags = {field.name: field.discriminantValue for field in group.node.struct.fields}
    assert tags["senderLoopback"] == ours("SENDER_LOOPBACK")
    assert tags["receiverLoopback"] == ours("RECEIVER_LOOPBACK")
    assert group.node.struct.discriminantOffset == 2


def test_where_tags_are():
    """In halves; where the code has no name for it, it is in rpc/wire.py's docstring."""
    for type, half in (
        (rpc.Message, 0),
        (rpc.MessageTarget, 2),
        (rpc.PromisedAnswer.Op, 0),
        (rpc.CapDescriptor, 0),
        (rpc.Return, ours("TAG")),
        (rpc.Resolve, 2),
    ):
        assert type.schema.node.struct.discriminantOffset == half, type
    group = rpc.Call.schema.fields["sendResultsTo"].schema
    assert group.node.struct.discriminantOffset == ours("SEND_TO")


def test_where_fields_are():
    for type, field, half in (
        (rpc.Call, "questionId", 0),
        (rpc.Call, "methodId", ours("METHOD")),
        (rpc.Call, "interfaceId", ours("INTERFACE")),
        (rpc.MessageTarget, "importedCap", 0),
        (rpc.PromisedAnswer, "questionId", 0),
        (rpc.PromisedAnswer.Op, "getPointerField", 1),
        (rpc.CapDescriptor, "senderHosted", 2),
        (rpc.CapDescriptor, "senderPromise", 2),
        (rpc.CapDescriptor, "receiverHosted", 2),
        (rpc.ThirdPartyCapDescriptor, "vineId", 0),
        (rpc.Return, "answerId", 0),
        (rpc.Return, "takeFromOtherQuestion", ours("OTHER")),
        (rpc.Finish, "questionId", 0),
        (rpc.Resolve, "promiseId", 0),
        (rpc.Release, "id", 0),
        (rpc.Release, "referenceCount", 2),
        (rpc.Bootstrap, "questionId", 0),
        (rpc.Exception, "type", 2),
    ):
        assert _half(type, field) == half, (type, field)


def test_where_pointers_are():
    for type, field, index in (
        (rpc.Call, "target", 0),
        (rpc.Call, "params", 1),
        (rpc.MessageTarget, "promisedAnswer", 0),
        (rpc.PromisedAnswer, "transform", 0),
        (rpc.Payload, "content", 0),
        (rpc.Payload, "capTable", 1),
        (rpc.CapDescriptor, "receiverAnswer", 0),
        (rpc.CapDescriptor, "thirdPartyHosted", 0),
        (rpc.Return, "results", 0),
        (rpc.Return, "exception", 0),
        (rpc.Resolve, "cap", 0),
        (rpc.Resolve, "exception", 0),
        (rpc.Bootstrap, "deprecatedObjectId", 0),
        (rpc.Disembargo, "target", 0),
        (rpc.Exception, "reason", 0),
    ):
        assert _slot(type, field).offset == index, (type, field)


def test_flags():
    """Those that are true by default stand as false when their bit is set."""
    half = ours("FLAGS")
    assert _bit(rpc.Return, "releaseParamCaps") == (ours("KEEP_PARAM_CAPS"), half)
    assert _bit(rpc.Return, "noFinishNeeded") == (ours("NO_FINISH_NEEDED"), half)
    assert _bit(rpc.Finish, "releaseResultCaps") == (ours("KEEP_RESULT_CAPS"), 2)
    only = _bit(rpc.Call, "onlyPromisePipeline")
    assert only == (ours("ONLY_PROMISE_PIPELINE"), ours("CALL_FLAGS"))
    workaround = _bit(rpc.Finish, "requireEarlyCancellationWorkaround")
    assert workaround == (ours("NO_WORKAROUND"), 2)
    for type, field, default in (
        (rpc.Return, "releaseParamCaps", True),
        (rpc.Return, "noFinishNeeded", False),
        (rpc.Finish, "releaseResultCaps", True),
        (rpc.Finish, "requireEarlyCancellationWorkaround", True),
    ):
        assert _slot(type, field).defaultValue.bool == default


def test_the_generated_module_is_up_to_date():
    schema = HERE / "schemas" / "interop.capnp"
    command = [sys.executable, "-m", "capnpc_micropython", "--check", schema]
    subprocess.run(command, check=True, env={"PYTHONPATH": str(HERE.parent / "tools")})


def test_sizes():
    """Ours are those of today's rpc.capnp."""
    node = rpc.Call.schema.node.struct
    assert (node.dataWordCount, node.pointerCount) == (3, 3)
    node = rpc.Return.schema.node.struct
    assert (node.dataWordCount, node.pointerCount) == (2, 1)


def _ended(frame):
    """The frame with its header filled in."""
    return struct.pack("<II", 0, len(frame) // 8 - 1) + frame[8:]


def test_frames_are_messages():
    """pycapnp reads the frames that are copied for the frequent messages."""
    for frame, kind in (
        (wire.CALL_FRAME, "call"),
        (wire.RETURN_FRAME, "return"),
        (wire.FINISH_FRAME, "finish"),
        (wire.RELEASE_FRAME, "release"),
    ):
        with rpc.Message.from_bytes(_ended(frame)) as message:
            assert message.which() == kind
    with rpc.Message.from_bytes(_ended(wire.RETURN_FRAME)) as message:
        body = getattr(message, "return")
        assert body.which() == "results"
        assert not body.releaseParamCaps and body.noFinishNeeded
    with rpc.Message.from_bytes(_ended(wire.CALL_FRAME)) as message:
        assert message.call.sendResultsTo.which() == "caller"
