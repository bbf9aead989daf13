#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the messages of a wire dump (lib/capnrpc_micro/dump.py), one readable line each.

    wiredump.py [LOG...] [--schema FILE.capnp]... [--full] [--others]

The log, standard input if none is named, may have any other output among the dump's lines, and
anything before them in the same line, a time perhaps. It may still be being written.
"""

import argparse
import fileinput
import json
import signal
import sys

import capnp
import capnp.lib.capnp as _classes
from capnpc_micropython.nodes import SchemaError
from capnpc_micropython.parse import parse
from dump_log import Damage, Frame, Log
from rpc_schema import folder, load, rpc
from struct_text import (
    UNKNOWN,
    enum_text,
    interfaces,
    name_of,
    pointer_field,
    reason_of,
    text_of,
    which_of,
)

_LONGEST = 600  # characters of params or results in a line
_BYTES = _classes._ListSchema(capnp.types.UInt8)


class Decoder:
    """Makes text of messages; knows which method each question of each connection asks for."""

    def __init__(self, known):
        self._known = known
        self._asked = {}  # the interface's name and the method's schema, by connection and question

    def line(self, frame):
        """A message as one line."""
        return self._read(frame, self._message)

    def full(self, frame):
        """A message as it is in rpc.capnp, the params or the results in it as text."""

        def everything(frame, message):
            content = self._content_of(frame, message)
            # Whatever else is an AnyPointer stays opaque: ids of services are secrets.
            text = str(message)
            if content:
                text = text.replace("content = <opaque pointer>", f"content = {content}", 1)
            return text

        return self._read(frame, everything)

    def _read(self, frame, make):
        if isinstance(frame, Damage):
            return f"damaged: {frame.why}"
        try:
            with rpc().Message.from_bytes(frame.data) as message:
                return make(frame, message)
        except (capnp.KjException, UnicodeDecodeError) as error:
            return f"damaged: {reason_of(error)} ({len(frame.data)} bytes)"

    def _message(self, frame, message):
        kind = which_of(message)
        if kind == UNKNOWN:
            return "message of an unknown kind"
        if kind.startswith("obsolete"):
            return kind  # and an AnyPointer
        body = getattr(message, kind)
        make = getattr(self, f"_{kind}", None)
        text = make(frame, body) if make else f" {_squeezed(body)}"
        return kind + text + _flags(body)

    # A function for each kind: what follows its name.

    def _unimplemented(self, frame, message):
        if not message._has(which_of(message)):
            return ": an empty message"  # which would be an unimplemented one, and so on for ever
        back = {"<": ">", ">": "<"}[frame.direction]  # it is one that the other side has sent
        return f": {self._message(Frame('', frame.name, back, b''), message)}"

    def _abort(self, frame, body):
        return f": {_exception(body)}"

    def _bootstrap(self, frame, body):
        self._asked.pop((frame.name, frame.direction, body.questionId), None)
        text = f" {body.questionId}"
        if body._has("deprecatedObjectId"):
            text += f" with {_secret(body.deprecatedObjectId)}"
        return text

    def _call(self, frame, body):
        interface = self._known.get(body.interfaceId)
        method = _method(interface, body.methodId)
        self._asked[frame.name, frame.direction, body.questionId] = method
        if method:
            what = f"{name_of(interface)}.{method[0]}"
        elif interface:
            what = f"{name_of(interface)} method {body.methodId}"
        else:
            what = f"interface 0x{body.interfaceId:016x} method {body.methodId}"
        text = f" {body.questionId} on {self._target(frame, body.target)}: {what}"
        text += self._payload(frame, body.params, method and method[1].param_type)
        send_to = which_of(body.sendResultsTo)
        if send_to != "caller":
            text += f" sendResultsTo={send_to}"
        return text

    def _return(self, frame, body):
        text = f" {body.answerId}:"
        kind = which_of(body)
        if kind == "results":
            method = self._question(frame, body)
            return text + self._payload(frame, body.results, method and method[1].result_type)
        if kind == "exception":
            return f"{text} {_exception(body.exception)}"
        if kind == "takeFromOtherQuestion":
            return f"{text} takeFromOtherQuestion {body.takeFromOtherQuestion}"
        return f"{text} {kind}"

    def _finish(self, frame, body):
        return f" {body.questionId}"

    def _resolve(self, frame, body):
        kind = which_of(body)
        if kind == "exception":
            return f" {body.promiseId}: {_exception(body.exception)}"
        what = self._descriptor(frame, body.cap) if kind == "cap" else kind
        return f" {body.promiseId}: {what}"

    def _release(self, frame, body):
        count = body.referenceCount
        return f" {body.id}" + f" {count} times" * (count != 1)

    def _disembargo(self, frame, body):
        kind = which_of(body.context)
        text = f" on {self._target(frame, body.target)}: {kind}"
        if kind in ("senderLoopback", "receiverLoopback", "provide"):
            text += f" {getattr(body.context, kind)}"
        return text

    # Parts of messages.

    def _question(self, frame, body):
        """The method that a Return answers, or None."""
        asker = "<" if frame.direction == ">" else ">"
        return self._asked.get((frame.name, asker, body.answerId))

    def _content_of(self, frame, message):
        """The params or the results of a message as text, or None."""
        self._message(frame, message)  # to remember what is asked
        kind = which_of(message)
        if kind == "call":
            body = message.call
            method = self._asked[frame.name, frame.direction, body.questionId]
            return method and _content(body.params, method[1].param_type)
        if kind == "return" and which_of(getattr(message, kind)) == "results":
            body = getattr(message, kind)
            method = self._question(frame, body)
            return method and _content(body.results, method[1].result_type)

    def _payload(self, frame, payload, type):
        text = f" {_content(payload, type)}"
        if len(text) > _LONGEST:
            text = f"{text[:_LONGEST]}... {len(text)} characters in all"
        if payload._has("capTable"):
            caps = [self._descriptor(frame, cap) for cap in payload.capTable]
            if caps:
                text += f" caps [{', '.join(caps)}]"
        return text

    def _target(self, frame, target):
        kind = which_of(target)
        if kind == "importedCap":
            return f"cap {target.importedCap}"
        if kind == "promisedAnswer":
            return self._promised(frame, target.promisedAnswer)
        return kind

    def _promised(self, frame, promised):
        """A PromisedAnswer: the question, and the path by names where the method is known."""
        text = f"answer {promised.questionId}"
        method = self._asked.get((frame.name, frame.direction, promised.questionId))
        type = method and method[1].result_type
        for op in promised.transform:
            if which_of(op) == "getPointerField":
                field, type = pointer_field(type, op.getPointerField)
                text += f".{field}"
        return text

    def _descriptor(self, frame, cap):
        kind = which_of(cap)
        if kind in ("none", UNKNOWN):
            text = kind
        elif kind == "receiverAnswer":
            text = f"{kind} {self._promised(frame, cap.receiverAnswer)}"
        elif kind == "thirdPartyHosted":
            text = f"{kind}, vine {cap.thirdPartyHosted.vineId}"
        else:
            text = f"{kind} {getattr(cap, kind)}"
        return text if cap.attachedFd == 0xFF else f"{text} attachedFd={cap.attachedFd}"


def _method(interface, ordinal):
    """(name, pycapnp's schema) of a method, or None."""
    if interface is None or ordinal >= len(interface.node.interface.methods):
        return None
    name = interface.node.interface.methods[ordinal].name
    return name, interface.methods[name]


def _content(payload, type):
    """What a Payload holds: as text if its type is known, else of what kind it is."""
    if type is not None:
        try:
            return text_of(payload.content.as_struct(type))
        except capnp.KjException as error:
            return f"(damaged: {reason_of(error)})"
    if not payload._has("content"):
        return "(nothing)"
    try:
        payload.content.as_struct(rpc().Release.schema)  # any struct
    except capnp.KjException as error:
        if "Schema mismatch" in str(error):
            return "(a capability or a list)"
        return f"(damaged: {reason_of(error)})"
    return "(a struct)"


def _secret(pointer):
    """The id of a service: whoever knows it may use the service, so only its size is shown."""
    try:
        return f"an id of {len(pointer.as_list(_BYTES))} bytes"
    except capnp.KjException:
        return "an id that is neither Data nor Text"


def _exception(body):
    text = f"{enum_text(body.type)}: {json.dumps(body.reason, ensure_ascii=False)}"
    return text + f" with a trace of {len(body.trace)} characters" * bool(body.trace)


def _squeezed(body):
    """The text of a message of which this library makes nothing, in one line."""
    return " ".join(str(body).split())


def _flags(body):
    """The flags that have another value than they have by default."""
    text = ""
    for name, field in body.schema.fields.items():
        if field.proto.which() == "slot" and field.proto.slot.type.which() == "bool":
            value = getattr(body, name)
            if value != field.proto.slot.defaultValue.bool:
                text += f" {name}={str(value).lower()}"
    return text


def show(items, decoder, arguments):
    """Prints what Log.line() or Log.end() has given."""
    for item in items:
        if isinstance(item, str):
            if arguments.others:
                print(item, flush=True)
        else:
            make = decoder.full if arguments.full else decoder.line
            name = f"{item.name} " * bool(item.name)
            print(f"{item.start}{item.direction} {name}{make(item)}", flush=True)


def main():
    """Runs the command line. Returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="The lines are described in docs/diagnosis.md.",
    )
    parser.add_argument("log", nargs="*", help="files, or - for standard input")
    parser.add_argument(
        "--schema", action="append", default=[], help="a .capnp file with interfaces that are used"
    )
    parser.add_argument("--full", action="store_true", help="print whole messages as text")
    parser.add_argument("--others", action="store_true", help="print the log's other lines, too")
    arguments = parser.parse_args()
    try:
        parse(arguments.schema, [])  # tells what is wrong with a schema, which pycapnp does not
    except SchemaError as error:
        print(error, file=sys.stderr)
        return 2
    known = interfaces(load(folder() / "persistent.capnp", *arguments.schema))
    decoder = Decoder(known)
    log = Log()
    sys.stdin.reconfigure(errors="replace")
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever reads the output may stop
    try:
        with fileinput.input(arguments.log, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                show(log.line(line.rstrip("\r\n")), decoder, arguments)
        show(log.end(), decoder, arguments)
    except KeyboardInterrupt:
        pass  # the end of a log that is still being written
    except OSError as error:
        print(f"wiredump.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
