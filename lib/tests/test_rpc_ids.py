# SPDX-License-Identifier: MIT
"""Messages made by hand: Bootstrap, and ids of all kinds that are chosen freely."""

from bed import ECHO, LATER, SELF, WAIT, Thing
from byhand import QUARTERS, at, frame, payload, serving, talking

from capnrpc_micro.objects.client import release
from capnrpc_micro.objects.promise import FAILED, Error

# Bootstrap.


def test_bootstrap_with_a_null_id():
    bed, thing, end, peer = talking()
    peer.send("bootstrap", {"questionId": 3})
    body = peer.read("return")
    assert body.answerId == 3 and body.results.capTable[0].senderHosted == 0
    assert not body.releaseParamCaps and not body.noFinishNeeded
    peer.finish(3)
    bed.check_empty(thing)


def test_bootstrap_with_an_empty_text_as_old_ocaml_sends_it():
    bed, thing, end, peer = talking()
    peer.send("bootstrap", {"questionId": 3, "deprecatedObjectId": ""})
    assert peer.read("return").which_() == "results"
    peer.finish(3)
    bed.check_empty(thing)


def test_bootstrap_with_a_service_id():
    """Its bytes reach the program, without the NUL; unknown ones are an error."""
    asked = []

    def restore(id):
        asked.append(id)
        if id == b"main":
            return thing
        raise Error("Unknown persistent service ID")

    bed, _, end, peer = talking(restore)
    thing = Thing(bed)
    peer.send("bootstrap", {"questionId": 1, "deprecatedObjectId": "main"})
    assert peer.read("return").which_() == "results"
    peer.finish(1)
    peer.send("bootstrap", {"questionId": 2, "deprecatedObjectId": "other"})
    peer.call(3, (2, []), ECHO, 1)  # was on its way
    assert peer.exception(2, False) == (FAILED, "Unknown persistent service ID")
    assert peer.exception(3, False) == (FAILED, "Unknown persistent service ID")
    peer.finish(2)
    peer.finish(3)
    # Bytes that are not UTF-8.
    data = bytearray(frame("bootstrap", {"questionId": 4, "deprecatedObjectId": "abc"}))
    data[data.index(b"abc")] = 0xFF
    end.receive(data)
    assert peer.exception(4, False)[0] == FAILED
    peer.finish(4)
    # What is not found as Text may have been Data.
    assert asked == [b"main", b"other", b"other\0", b"\xffbc", b"\xffbc\0"]
    bed.check_empty(thing)


def test_bootstrap_without_an_object():
    def restore(id):
        return None

    bed, _, end, peer = talking(restore)
    peer.send("bootstrap", {"questionId": 1})
    assert peer.exception(1, False)[0] == FAILED
    peer.finish(1)
    bed.check_empty()


def test_bootstrap_of_something_that_is_no_capability():
    def restore(id):
        return 5

    bed, _, end, peer = talking(restore)
    peer.send("bootstrap", {"questionId": 1})
    assert "TypeError" in peer.exception(1, False)[1]
    peer.finish(1)
    bed.check_empty()


def test_a_question_id_in_use():
    for again in ("call", "bootstrap"):
        bed, thing, end, peer, export = serving()
        peer.call(1, export, WAIT)
        bed.tasks()
        if again == "call":
            peer.call(1, export, ECHO)
        else:
            peer.send("bootstrap", {"questionId": 1})
        assert "in use" in peer.aborted()[1]
        assert thing.calls == ["cancelled"]
        bed.check_empty(thing)


# Ids.


def test_ids_in_all_four_quarters():
    """Calls, Finish, Release and Disembargo with ids that no small integer holds."""
    for id in QUARTERS:
        bed, thing, end, peer, export = serving()
        peer.call(0, export, ECHO, 5, id=id)
        data = peer.frame()
        assert data[32:36] == id
        peer.call(0, export, LATER, 6, id=id)
        bed.tasks()
        assert peer.frame()[32:36] == id
        peer.send("finish", {"questionId": 0}, id)
        peer.call(0, export, WAIT, id=id)
        bed.tasks()
        peer.send("finish", {"questionId": 0}, id)
        assert peer.frame()[32:36] == id and thing.calls[-1] == "cancelled"
        peer.call(0, export, SELF, id=id)
        assert peer.frame()[32:36] == id
        assert len(end.conn.answers) == 1
        # Pipelined on, by an id of the same size.
        value = {"questionId": 2, "methodId": ECHO, "params": payload(8)}
        value["target"] = at((0x12345, [0]))
        for k in range(4):
            value["i%d" % k] = thing.interface_.id_[2 * k] | thing.interface_.id_[2 * k + 1] << 8
        data = frame("call", value)
        where = data.index(b"\x45\x23\x01\x00")
        end.receive(data[:where] + id + data[where + 4 :])
        assert peer.read("return").results.content.x == 8
        peer.send("finish", {"questionId": 0}, id)
        peer.release(export)
        bed.check_empty(thing)


def test_import_ids_in_all_four_quarters():
    """The peer's export ids are its own choice."""
    for id in QUARTERS:
        bed, thing, end, peer, export = serving()
        data = frame("call", _keep(export))
        where = data.index(b"\x77\x66\x55\x00")
        end.receive(data[:where] + id + data[where + 4 :])
        assert peer.read("return").which_() == "results"
        promise = thing.kept.echo(9)
        data = peer.frame()
        assert data.count(id) == 1
        peer.results(0, 9)
        peer.read("finish")
        assert bed.get(promise).y == 9
        release(thing.kept)
        assert peer.frame()[32:36] == id
        peer.release(export)
        bed.check_empty(thing)


def _keep(export):
    value = {"questionId": 1, "methodId": 7, "target": at(export)}
    value["params"] = payload(0, {"senderHosted": 0x556677})
    for k, half in enumerate((0x9281, 0xB4A3, 0xD6C5, 0xF8E7)):
        value["i%d" % k] = half
    return value


def test_our_ids_in_all_four_quarters_are_unknown():
    """Where the peer names one of our ids, a big one is an unknown one."""
    for id in QUARTERS[1:]:
        for which, value in (
            ("return", {"answerId": 0, "results": payload(0)}),
            ("release", {"id": 0, "referenceCount": 1}),
            ("disembargo", {"target": at(0), "receiverLoopback": 0}),
        ):
            bed, thing, end, peer, _ = serving()
            peer.send(which, value, id)
            assert peer.aborted()[0] == FAILED
            bed.check_empty(thing)
        bed, thing, end, peer, _ = serving()
        peer.send("finish", {"questionId": 0}, id)
        peer.nothing()
        bed.cut()
        bed.check_empty(thing)


def test_release_counts_in_all_four_quarters():
    for id in QUARTERS:
        bed, thing, end, peer, export = serving()
        data = bytearray(frame("release", {"id": export, "referenceCount": 1}))
        data[36:40] = id
        end.receive(data)
        assert "more references" in peer.aborted()[1]
        bed.check_empty(thing)
