# SPDX-License-Identifier: MIT
# ruff: noqa: F811
"""What holds between two messages, whatever programs and peers do; and where a test looks inside.

Everything that the model of test_model.py and the peer of test_malicious_peer.py know of the library's
inside is in this file. It assumes:

* `conn.questions`, `conn.exports` and `conn.embargoes` have len(), .get(id), .values() and `items`, a list by
  id in which a free place holds the next free id, from `_free` on, -1 at the end
* an export is a hook, `conn.export_counts` says by id how often it was sent, `conn.export_ids` has its id;
  `conn.resolvers` has by id who watches an exported promise, or is None
* an import has `id`, `received` and `refs`, a hook `refs`; one that was resolved is not in the table
* `conn.call_bytes` is the sum of what the answers in the table are charged, `held`
* the answers to our questions, and only those, are in the peer's table when nothing is on its way
* a Disembargo is answered at once
* `client._hook.resolved()` is what the client's reference leads to by now: for an object of this vat a
  hook whose `server` is that object
"""

from capnrpc_micro import (  # noqa: F401
    broken,
    client,
    drained,
    equal,
    problem,
    promise,
    revocable,
    settled,
    subset,
    when_broken,
)
from capnrpc_micro.objects.promise import Promise


class Broken(AssertionError):
    """An invariant does not hold."""


def _fail(what, *details):
    raise Broken("%s %r" % (what, details))


def _slots(slots, name, limit):
    """A table of our own ids: each is in use or free, never both."""
    items = slots.items
    used = 0
    for item in items:
        if item.__class__ is not int:
            used += 1
    if used > limit or len(slots) != used:
        _fail(name + " above the limit, or miscounted", used, len(slots))
    free = slots._free
    while free >= 0:
        used += 1
        if used > len(items) or items[free].__class__ is not int:
            _fail(name + ": an id is free twice, or in use", free)
        free = items[free]
    if used != len(items):
        _fail(name + ": an id is lost", used)


def check(end):
    """Checks one end of a link. Raises Broken. (No function is called for what is right: this is most of
    what a fuzzer does.)"""
    conn = end.conn
    limits = conn.limits
    if conn.error is not None:
        # A method that stays goes on, and is still counted.
        if end.counts()[:5] != (0, 0, 0, 0, 0) or conn.export_ids or conn.resolvers:
            _fail("a dead connection holds", end.counts(), conn.resolvers)
        if not conn.running and conn.call_bytes or conn.running < 0 or conn.call_bytes < 0:
            _fail("a dead connection has", conn.running, conn.call_bytes)
        return
    if conn.out.building or conn.out.caps:
        _fail("a message is being built")
    answers = conn.answers
    charged = 0
    if answers:
        if len(answers) > 2 * limits.answers:  # those whose refusal is to stay here come on top
            _fail("answers above the limit", len(answers))
        for key in answers:
            answer = answers[key]
            if answer.key != key:
                _fail("an answer with another id", key)
            charged += answer.held
    # A call that was passed on as a tail call is charged until nobody refers to what is pipelined on it,
    # though its entry goes with Finish.
    more = conn.call_bytes - charged
    if more < 0 or more and not conn.tails or charged > limits.call_bytes:
        _fail("call_bytes", conn.call_bytes, charged)
    if not 0 <= conn.running <= limits.running:
        _fail("running", conn.running)
    if conn.questions.items:
        _slots(conn.questions, "questions", limits.questions)
    imports = conn.imports
    if imports:
        if len(imports) > limits.imports:
            _fail("imports above the limit", len(imports))
        for id in imports:
            hook = imports[id]
            if hook.id != id or hook.conn is not conn or hook.received < 1 or hook.refs < 1:
                _fail("import", id, hook.received, hook.refs)
            if hook.resolution is not None:
                _fail("a resolved import is in the table", id)
    ids = conn.export_ids
    items = conn.exports.items
    if items or ids:
        _slots(conn.exports, "exports", limits.exports)
        if len(conn.exports) != len(ids):
            _fail("exports and export ids", len(conn.exports), len(ids))
        for hook in ids:
            id = ids[hook]
            if items[id] is not hook or conn.export_counts[id] < 1 or hook.refs < 1:
                _fail("export", id, conn.export_counts[id], hook.refs)
    if conn.resolvers:
        for id in conn.resolvers:
            if not conn.exports.get(id).promise:
                _fail("somebody watches what is no promise", id)
    if conn.embargoes.items:
        _slots(conn.embargoes, "embargoes", limits.embargoes)
        for gate, hook in conn.embargoes.values():
            if gate.refs < 1 or hook.refs < 1:
                _fail("an embargo of what was released")


def is_idle(a, b):
    """Whether nothing is on its way between the two ends of a link that lives."""
    if a.inbox or b.inbox or a.conn.error is not None or b.conn.error is not None:
        return False
    return not (a.conn.out.hi or b.conn.out.hi or a.conn._failure or b.conn._failure)


def check_pair(a, b):
    """Checks one direction of a link on which nothing is on its way. Raises Broken."""
    exports, imports = a.conn.exports, b.conn.imports
    if exports.items or imports:
        if len(exports) != len(imports):
            _fail("exports and imports", len(exports), len(imports))
        for id in imports:
            hook = exports.get(id)
            if hook is None or a.conn.export_counts[id] != imports[id].received:
                _fail("an export and its import", id, imports[id].received)
    questions, answers = a.conn.questions, b.conn.answers
    if questions.items or answers:
        if len(questions) != len(answers):
            _fail("questions and answers", len(questions), len(answers))
        for question in questions.values():
            if question.id not in answers:
                _fail("a question without an answer", question.id)
    if b.conn.embargoes.items and len(b.conn.embargoes):
        _fail("an embargo whose Disembargo is lost")


# The inside, for the model.


def object_of(client):
    """The object of this vat that a Client leads to by now, or None."""
    return getattr(client._hook.resolved(), "server", None)


def results_of(promise):
    """The results of a CallPromise that is settled with some."""
    try:
        next(iter(promise))
    except StopIteration as end:
        return end.value
    raise Broken("a call that has returned has no results")


def is_settled(promise):
    """Whether a CallPromise is settled."""
    return promise._call.settled


def error_of(promise):
    """The Error that a CallPromise is settled with, or None."""
    return promise._call.error


def references(server):
    """How many references to an object there are."""
    return server.cap_ and server.cap_.refs or 0


def use_host(host):
    """Makes this the host of capabilities that a program makes."""
    Promise.host = host
