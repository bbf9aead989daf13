# SPDX-License-Identifier: MIT
"""Messages of rpc.capnp made and read by hand: its layout, written down a second time.

frame   the bytes of a message
parse   a message from its bytes
Peer    in the place of the other end of a link
"""

from bed import CONTENT, KINDS, THING, Bed, Thing
from kinds import ANYPOINTER, BOOL, INTERFACE, LIST, STRUCT, TEXT, UINT16, UINT32, VOID

from capnrpc_micro.layout import put_struct, struct_at
from capnrpc_micro.message import Builder, Message
from capnrpc_micro.schema import Server, Struct
from capnrpc_micro.words import new_views

# Ids whose halves are in all four quarters of the 32-bit range, as bytes: no board's integers.
QUARTERS = (
    b"\xff\xff\xff\x3f",
    b"\x00\x00\x00\x40",
    b"\x01\x00\x00\x80",
    b"\xff\xff\xff\xff",
    b"\x00\x80\xff\x7f",
)

# fmt: off
_EXCEPTION = Struct("Exception", 1, 2, (
    "reason", TEXT | 0 << 5, None, "type", UINT16 | 2 << 5, None))
_OP = Struct("Op", 1, 0, ("noop", VOID, None, "getPointerField", UINT16 | 1 << 5, None), 0, 0)
_ANSWER = Struct("PromisedAnswer", 1, 1, (
    "questionId", UINT32 | 0 << 5, None, "transform", LIST | 0 << 5, (STRUCT, _OP)))
_TARGET = Struct("MessageTarget", 1, 1, (
    "importedCap", UINT32 | 0 << 5, None, "promisedAnswer", STRUCT | 0 << 5, _ANSWER), 0, 2)
_VINE = Struct("ThirdPartyCapDescriptor", 1, 1, (
    "id", ANYPOINTER | 0 << 5, None, "vineId", UINT32 | 0 << 5, None))
_CAP = Struct("CapDescriptor", 1, 1, (
    "none", VOID, None, "senderHosted", UINT32 | 1 << 5, None,
    "senderPromise", UINT32 | 1 << 5, None, "receiverHosted", UINT32 | 1 << 5, None,
    "receiverAnswer", STRUCT | 0 << 5, _ANSWER, "thirdPartyHosted", STRUCT | 0 << 5, _VINE,
    "sixth", UINT32 | 1 << 5, None), 0, 0)
_PAYLOAD = Struct("Payload", 0, 2, (
    "content", STRUCT | 0 << 5, CONTENT, "capTable", LIST | 1 << 5, (STRUCT, _CAP)))
_CALL_MESSAGE = Struct("Call", 3, 3, (
    "questionId", UINT32 | 0 << 5, None, "methodId", UINT16 | 2 << 5, None,
    "sendTo", UINT16 | 3 << 5, None,
    "i0", UINT16 | 4 << 5, None, "i1", UINT16 | 5 << 5, None,
    "i2", UINT16 | 6 << 5, None, "i3", UINT16 | 7 << 5, None,
    "onlyPromisePipeline", BOOL | 130 << 5, None,
    "target", STRUCT | 0 << 5, _TARGET, "params", STRUCT | 1 << 5, _PAYLOAD))
_RETURN = Struct("Return", 2, 1, (
    "answerId", UINT32 | 0 << 5, None, "releaseParamCaps", BOOL | 32 << 5, True,
    "noFinishNeeded", BOOL | 33 << 5, None,
    "results", STRUCT | 0 << 5, _PAYLOAD, "exception", STRUCT | 0 << 5, _EXCEPTION,
    "canceled", VOID, None, "resultsSentElsewhere", VOID, None,
    "takeFromOtherQuestion", UINT32 | 2 << 5, None,
    "acceptFromThirdParty", ANYPOINTER | 0 << 5, None), 3, 3)
_FINISH = Struct("Finish", 1, 0, (
    "questionId", UINT32 | 0 << 5, None, "releaseResultCaps", BOOL | 32 << 5, True,
    "requireEarlyCancellationWorkaround", BOOL | 33 << 5, True))
_RESOLVE = Struct("Resolve", 1, 1, (
    "promiseId", UINT32 | 0 << 5, None,
    "cap", STRUCT | 0 << 5, _CAP, "exception", STRUCT | 0 << 5, _EXCEPTION,
    "unknown", VOID, None), 1, 2)
_RELEASE = Struct("Release", 1, 0, (
    "id", UINT32 | 0 << 5, None, "referenceCount", UINT32 | 1 << 5, None))
_BOOTSTRAP = Struct("Bootstrap", 1, 1, (
    "questionId", UINT32 | 0 << 5, None, "deprecatedObjectId", ANYPOINTER | 0 << 5, None))
_DISEMBARGO = Struct("Disembargo", 1, 1, (
    "target", STRUCT | 0 << 5, _TARGET,
    "senderLoopback", UINT32 | 0 << 5, None, "receiverLoopback", UINT32 | 0 << 5, None,
    "accept", VOID, None, "provide", UINT32 | 0 << 5, None), 1, 2)
_UNUSED = Struct("", 1, 1, ("questionId", UINT32 | 0 << 5, None, "cap", INTERFACE | 0 << 5, THING))
MESSAGE = Struct("Message", 1, 1)
MESSAGE.fields_((
    "unimplemented", STRUCT | 0 << 5, MESSAGE, "abort", STRUCT | 0 << 5, _EXCEPTION,
    "call", STRUCT | 0 << 5, _CALL_MESSAGE, "return", STRUCT | 0 << 5, _RETURN,
    "finish", STRUCT | 0 << 5, _FINISH, "resolve", STRUCT | 0 << 5, _RESOLVE,
    "release", STRUCT | 0 << 5, _RELEASE, "obsoleteSave", STRUCT | 0 << 5, _UNUSED,
    "bootstrap", STRUCT | 0 << 5, _BOOTSTRAP, "obsoleteDelete", STRUCT | 0 << 5, _UNUSED,
    "provide", STRUCT | 0 << 5, _UNUSED, "accept", STRUCT | 0 << 5, _UNUSED,
    "join", STRUCT | 0 << 5, _UNUSED, "disembargo", STRUCT | 0 << 5, _DISEMBARGO,
    "fourteenth", STRUCT | 0 << 5, _UNUSED), 0, 0)
# fmt: on


def frame(which, value, id=None):
    """The bytes of a message. `id` replaces its own id, the first one in it, by four bytes."""
    m = Builder(256, 1 << 20)
    m.begin()
    put_struct(m, m.lo, MESSAGE, {which: value})
    m.end()
    data = bytearray(m.b[: 4 * m.hi])
    if id is not None:
        data[32:36] = id
    return bytes(data)


def parse(data):
    """A reader of the message with these bytes."""
    views = new_views(len(data))
    views[3][:] = data
    return struct_at(Message(views, 2, len(data) >> 2, None, 1 << 20), 2, 64, MESSAGE)


def at(target):
    """A MessageTarget: an export id, or (question id, pointer indexes)."""
    if isinstance(target, int):
        return {"importedCap": target}
    return {"promisedAnswer": promised(*target)}


def promised(question, path):
    """A PromisedAnswer."""
    return {"questionId": question, "transform": [{"getPointerField": k} for k in path]}


def payload(x=0, *caps):
    """A Payload: a number, and capability descriptors, the first of which it points to."""
    content = {"x": x}
    if caps:
        content["thing"] = Server()  # any capability: a pointer to entry 0
    return {"content": content, "capTable": list(caps)}


class Peer:
    """The other end of a link, by hand."""

    def __init__(self, bed, end):
        self.bed = bed
        self.end = end
        self.inbox = []

    def send(self, which, value, id=None):
        """Sends a message; what it causes at once has happened then."""
        self.end.receive(frame(which, value, id))

    def call(self, question, target, method, x=0, caps=(), id=None, **more):
        """Sends a Call."""
        value = {
            "questionId": question,
            "methodId": method,
            "target": at(target),
            "params": payload(x, *caps),
        }
        for k in range(4):
            value["i%d" % k] = THING.id_[2 * k] | THING.id_[2 * k + 1] << 8
        value.update(more)
        self.send("call", value, id)

    def results(self, answer, x=0, *caps):
        """Sends a Return with results."""
        self.send(
            "return",
            {"answerId": answer, "releaseParamCaps": False, "results": payload(x, *caps)},
        )

    def finish(self, question, release=True):
        """Sends a Finish."""
        self.send("finish", {"questionId": question, "releaseResultCaps": release})

    def release(self, id, count=1):
        """Sends a Release."""
        self.send("release", {"id": id, "referenceCount": count})

    def frame(self):
        """The next message to us, as bytes."""
        self.bed.tasks()
        assert self.inbox, "no message has come"
        return self.inbox.pop(0)

    def read(self, which):
        """The next message to us, which must be of this kind: its body."""
        message = parse(self.frame())
        assert message.which_() == which, (which, message.which_())
        return getattr(message, which)

    def exception(self, answer, over=True):
        """The next message, which must be a Return with an exception: (type, reason).

        over   whether it says that no Finish is needed
        """
        body = self.read("return")
        assert body.answerId == answer and body.which_() == "exception"
        assert body.noFinishNeeded == over and not body.releaseParamCaps
        return body.exception.type, body.exception.reason

    def nothing(self):
        """Checks that no message has come."""
        self.bed.tasks()
        assert not self.inbox, KINDS[self.inbox[0][16]]

    def aborted(self):
        """The next and last message, which must be an Abort: (type, reason)."""
        body = self.read("abort")
        self.nothing()
        assert self.end.conn.error is not None and self.end.ended == 1
        return body.type, body.reason

    def client(self, cap):
        """A Client at the End of the capability that this descriptor describes, as the Bootstrap's
        results."""
        client = self.end.bootstrap()
        question = self.read("bootstrap").questionId
        value = {"answerId": question, "releaseParamCaps": False, "results": {"capTable": [cap]}}
        data = bytearray(frame("return", value))
        data[56] = 3  # the content: a pointer to capability 0
        self.end.receive(data)
        body = self.read("finish")
        assert body.questionId == question and not body.releaseResultCaps
        return client

    def bootstrap(self):
        """Asks for the main object, as question 0, and finishes that. Its export id."""
        self.send("bootstrap", {"questionId": 0})
        results = self.read("return").results
        self.finish(0, False)
        return results.capTable[0].senderHosted


def talking(main=None, **limits):
    """(a Bed, the Thing that is served unless it is another object, our End, the Peer)."""
    bed = Bed()
    thing = Thing(bed)
    end, peer = bed.peer(main or thing, **limits)
    return bed, thing, end, peer


def serving(**limits):
    """The same, and the id of our main object."""
    bed, thing, end, peer = talking(**limits)
    return bed, thing, end, peer, peer.bootstrap()


def calling():
    """The same as talking(), and our Client of an object of the peer's."""
    bed, thing, end, peer = talking()
    return bed, thing, end, peer, peer.client({"senderHosted": 0})
