# SPDX-License-Identifier: MIT
"""A peer that speaks the protocol wrongly: each message is valid, their order and their numbers are not.

    attack(seed, steps, chance)   a whole run; returns how many messages were sent
    replay(actions)               the same from a list of what was done, as a failing run prints it

The victim is a vat with small limits. After each message the invariants hold, which the limits are part
of; another connection of the same vat goes on being served; in the end nothing is left.
"""

from bed import (
    BARE,
    CALL_ME,
    ECHO,
    FAIL,
    HOLD,
    KEEP,
    LATER,
    PAIR,
    SAME,
    SELF,
    THING,
    WAIT,
    Bed,
    Thing,
)
from byhand import at, frame, parse, payload, promised
from invariants import check

from capnrpc_micro.objects.client import release

LIMITS = {
    "questions": 6,
    "answers": 6,
    "running": 3,
    "exports": 8,
    "imports": 8,
    "embargoes": 3,
    "call_bytes": 2048,
    "message_words": 512,
    "output_mark": 1024,
    "output_bytes": 8192,
}
METHODS = (ECHO, LATER, SELF, SAME, CALL_ME, FAIL, WAIT, KEEP, PAIR, HOLD, BARE, 77)
# Ids beyond every table; and some that are equal in their lower bits, as a hash table sees them.
_FAR = (b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\0\0\0\x40", b"\xff\xff\xff\x3f")
_COLLIDING = tuple([bytes((0, 0, k, 0)) for k in range(1, 12)])


class Victim(Thing):
    """Hands what it was given to whoever asks, on whatever connection."""

    def self(self):
        return self if self.kept is None else self.kept

    def keep(self, thing):
        if self.kept is not None:
            release(self.kept)
        return Thing.keep(self, thing)

    async def callMe(self, thing, x):
        results = await thing.echo(x)
        try:
            return results.y
        finally:
            release(results)  # there may be capabilities in it that nobody asked for


class Scene:
    """A vat, its honest peer, and a malicious one; what can happen in it."""

    def __init__(self):
        self.bed = Bed()
        self.thing = Victim(self.bed)
        self.honest, _ = self.bed.link(None, self.thing)
        self.root = self.honest.bootstrap()
        assert self.bed.get(self.root.echo(1)).y == 1
        self.end, self.peer = self.bed.peer(self.thing, **LIMITS)
        self.mine = []  # promises of the calls that the victim's program has made

    def do(self, action):
        """Bytes: the peer sends them. Else (what, number): the victim's program does something."""
        if isinstance(action, tuple):
            getattr(self, action[0])(action[1])
        else:
            self.end.receive(action)
        self.bed.tasks()
        for end in self.bed.ends:
            check(end)
        conn = self.end.conn
        assert conn.error is not None or 4 * conn.out.hi <= LIMITS["output_bytes"]

    def settle(self, k):
        """One of its calls that wait returns."""
        if self.thing.waiting:
            self.thing.waiting.pop(k % len(self.thing.waiting)).resolve(None)

    def use(self, k):
        """It calls what the peer gave it, or the peer's main object."""
        if self.end.conn.error is None:
            client = self.thing.kept or self.end.bootstrap()
            promise = client.self() if k & 1 else client.hold(self.thing)
            self.mine.append(promise)
            self.mine.append(promise.thing.echo(k))
            if client is not self.thing.kept:
                release(client)

    def drop(self, k):
        """It lets go of a call of its own."""
        if self.mine:
            release(self.mine.pop(k % len(self.mine)))

    def serve(self, k):
        """The honest peer calls, and passes on what it gets."""
        call = self.root.echo(k)
        other = self.root.self()
        through = other.thing.echo(k)
        self.bed.tasks()
        while self.honest.inbox or self.bed.ends[1].inbox:
            self.honest.deliver()
            self.bed.ends[1].deliver()
            self.bed.tasks()
        assert call._call.settled and call._call.error is None, "the honest peer is not served"
        release(call)
        release(through)
        release(other)

    def finish(self):
        """The malicious peer goes; nothing of it is left, and the honest one is still served."""
        self.end.conn.lost("gone")
        self.peer.inbox.clear()
        while self.thing.waiting:
            self.settle(0)
        for promise in self.mine:
            release(promise)
        self.bed.settle()
        if self.thing.kept is not None:
            release(self.thing.kept)
            self.thing.kept = None
        self.serve(1)
        release(self.root)
        self.bed.host.failed.clear()
        self.bed.check_empty(self.thing)


class Attacker:
    """Makes up what happens next. It remembers what it has seen, so that it can lie about it.

    odd   one in so many of its numbers is made up
    """

    def __init__(self, scene, chance, odd):
        self.scene = scene
        self.chance = chance
        self.odd = odd
        self.exports = []  # once for each reference
        self.questions = []  # of the victim
        self.embargoes = []
        self.asked = []  # our own that are open
        self.promised = []

    def lies(self):
        """Whether what comes now is to be wrong."""
        return not self.chance.below(self.odd)

    def some(self, known):
        """A number: one of these, or not."""
        if not known or self.lies():
            return self.chance.below(12)
        return self.chance.one_of(known)

    def used(self, known):
        """One of these numbers that is used up by this, or another number."""
        number = self.some(known)
        if number in known and not self.lies():
            known.remove(number)
        return number

    def look(self):
        """Reads what the victim has sent."""
        for data in self.scene.peer.inbox:
            m = parse(data)
            which = m.which_()
            body = getattr(m, which)
            if which in ("call", "bootstrap"):
                self.questions.append(body.questionId)
            if which == "release" and body.id in self.promised:
                self.promised.remove(body.id)
            if which == "disembargo" and body.which_() == "senderLoopback":
                self.embargoes.append(body.senderLoopback)
            table = ()
            if which == "call":
                table = body.params.capTable
            elif which == "return" and body.which_() == "results":
                table = body.results.capTable
            for cap in table:
                if cap.which_() in ("senderHosted", "senderPromise"):
                    self.exports.append(getattr(cap, cap.which_()))
        self.scene.peer.inbox.clear()

    def path(self):
        return [self.chance.below(3) for _ in range(self.chance.below(3))]

    def target(self):
        """Where a call goes."""
        if self.chance.below(3):
            return at(self.some(self.exports))
        return at((self.some(self.asked), self.path()))

    def caps(self):
        """Descriptors; now and then more than fit any table."""
        chance = self.chance
        count = chance.below(3) if chance.below(4 * self.odd) else 40
        return [self.cap() for _ in range(count)]

    def cap(self):
        chance = self.chance
        which = chance.below(8)
        if which < 2:
            return {"senderHosted": chance.below(12)}
        if which < 4:
            id = chance.below(12)
            if id not in self.promised:
                self.promised.append(id)
            return {"senderPromise": id}
        if which == 4:
            return {"receiverHosted": self.some(self.exports)}
        if which == 5:
            return {"receiverAnswer": promised(self.some(self.asked), self.path())}
        if which == 6:
            return {"thirdPartyHosted": {"vineId": chance.below(12)}}
        return {"sixth": 1} if self.lies() else {"none": None}

    def action(self):
        """What happens next: see Scene.do."""
        chance = self.chance
        self.look()
        if not chance.below(4):
            what = chance.one_of(("settle", "use", "drop", "serve"))
            return what, chance.below(99)
        which = chance.one_of(MESSAGES)
        needs = NEEDS.get(which)
        if not self.lies():
            if which in ("abort", "unimplemented"):
                which = "call"
            if needs and not getattr(self, needs):
                which = "bootstrap"
        value = getattr(self, "_" + which)()
        id = None
        if not chance.below(2 * self.odd):
            id = chance.one_of(_FAR if chance.below(2) else _COLLIDING)
        return frame(which, value, id)

    def _question(self):
        """The id of a question: free, or in use."""
        if self.lies():
            question = self.some(self.asked)
        else:
            question = 0
            while question in self.asked:
                question += 1
        self.asked.append(question)
        return question

    def _call(self):
        chance = self.chance
        value = {
            "questionId": self._question(),
            "methodId": chance.one_of(METHODS),
            "sendTo": chance.below(3) if self.lies() else chance.below(6) // 5,
            "onlyPromisePipeline": not chance.below(8),
            "target": self.target(),
            "params": payload(chance.below(4), *self.caps()),
        }
        for k in range(4):
            value["i%d" % k] = THING.id_[2 * k] | THING.id_[2 * k + 1] << 8
        return value

    def _bootstrap(self):
        return {"questionId": self._question()}

    def _return(self):
        chance = self.chance
        value = {
            "answerId": self.used(self.questions),
            "releaseParamCaps": self.lies(),
            "noFinishNeeded": not chance.below(4),
        }
        which = chance.below(9 if self.lies() else 6)
        if which < 4:
            value["results"] = payload(chance.below(9), *self.caps())
        elif which < 6:
            value["exception"] = {"reason": "so it is", "type": chance.below(6)}
        elif which == 6:
            value["canceled"] = None
        elif which == 7:
            value["resultsSentElsewhere"] = None
        else:
            value["takeFromOtherQuestion"] = self.some(self.asked)
        return value

    def _finish(self):
        return {"questionId": self.used(self.asked), "releaseResultCaps": self.lies()}

    def _release(self):
        count = self.chance.one_of((0, 2, 1 << 20)) if self.lies() else 1
        return {"id": self.used(self.exports), "referenceCount": count}

    def _resolve(self):
        value = {"promiseId": self.used(self.promised)}
        if self.chance.below(4):
            value["cap"] = self.cap()
        else:
            value["exception"] = {"reason": "it is not", "type": 0}
        return value

    def _disembargo(self):
        value = {"target": self.target()}
        if not self.lies():
            value["receiverLoopback"] = self.used(self.embargoes)
        elif self.chance.below(4):
            value["senderLoopback"] = self.chance.below(9)
        else:
            value["accept"] = None
        return value

    def _unimplemented(self):
        which = self.chance.one_of(
            ("call", "resolve", "disembargo", "return", "finish", "bootstrap")
        )
        return {which: getattr(self, "_" + which)()}

    def _provide(self):
        return {"questionId": self._question()}

    _accept = _join = _fourteenth = _obsoleteSave = _provide

    def _abort(self):
        return {"reason": "enough", "type": 0}


MESSAGES = (
    "call call call call call call call call bootstrap return return return return finish finish"
    " finish release release resolve resolve disembargo unimplemented provide accept join"
    " fourteenth abort obsoleteSave"
).split()
# What a message is of no use without.
NEEDS = {
    "call": "exports",
    "return": "questions",
    "finish": "asked",
    "release": "exports",
    "resolve": "promised",
    "disembargo": "embargoes",
}


def attack(seed, steps, chance, odd=None, done=None):
    """A run of so many steps, or until the victim has ended the connection.

    chance   random numbers, with below() and one_of()
    odd      see Attacker; by default what fits the seed
    done     a list that is filled with what was done

    Returns how many messages were sent. Raises what has gone wrong.
    """
    scene = Scene()
    attacker = Attacker(scene, chance, odd or (3, 20, 100, 1000)[seed % 4])
    sent = 0
    for _ in range(steps):
        action = attacker.action()
        if done is not None:
            done.append(action)
        sent += not isinstance(action, tuple)
        scene.do(action)
        if scene.end.conn.error is not None:
            break
    scene.finish()
    return sent


def replay(actions):
    """Does what a failing run has printed."""
    scene = Scene()
    for action in actions:
        scene.do(action)
    scene.finish()
