# SPDX-License-Identifier: MIT
"""Layer `objects`: errors, turns and promises.

A turn is a function that runs when whatever runs now has finished. Everything that a settled promise
sets in motion runs in turns, one after another from one loop, so a chain of promises needs no stack,
however long a peer makes it.
"""

FAILED = 0
OVERLOADED = 1
DISCONNECTED = 2
UNIMPLEMENTED = 3
_NAMES = ("failed", "overloaded", "disconnected", "unimplemented")


def _text(value):
    """str(value), also where a program's own __str__ fails."""
    try:
        return str(value)
    except Exception as error:
        return "(%s in its __str__)" % error.__class__.__name__


class Error(Exception):
    """What a call, a promise or a capability can end with.

    type    FAILED, OVERLOADED (try again later), DISCONNECTED (connect again) or UNIMPLEMENTED, as
            in rpc.capnp's Exception
    reason  text for people
    """

    def __init__(self, reason, type=FAILED):
        if not isinstance(reason, str):
            reason = _text(reason)  # another exception, perhaps
        super().__init__(reason)
        self.reason = reason
        # What peers of ours make of another number is not known; one of them crashes.
        self.type = type if type in (FAILED, OVERLOADED, DISCONNECTED, UNIMPLEMENTED) else FAILED

    def __str__(self):
        return "%s: %s" % (_NAMES[self.type], self.reason)


def overloaded(reason):
    """The Error of a limit: the same may work later."""
    return Error(reason, OVERLOADED)


def error_from(exception):
    """The Error that tells a peer about an exception of a program: class and message, no traceback."""
    if isinstance(exception, Error):
        return exception
    if isinstance(exception, MemoryError):
        return overloaded("out of memory")
    text = _text(exception)
    name = exception.__class__.__name__
    return Error("%s: %s" % (name, text) if text else name)


TURNS = []  # pairs: a function, its argument
_running = False


def later(fn, argument):
    """Runs fn(argument) in a turn: at once if none is running, else after those already waiting."""
    TURNS.append((fn, argument))
    if not _running:
        run_turns()


def run_turns():
    """Runs all turns that wait, and those that they add."""
    global _running
    before = _running
    _running = True
    try:
        while TURNS:
            fn, argument = TURNS.pop(0)
            fn(argument)
    finally:
        _running = before


def hold_turns():
    """Makes turns wait for run_turns(). Returns what resume_turns() needs."""
    global _running
    before = _running
    _running = True
    return before


def resume_turns(before):
    """Ends hold_turns(), and runs the turns that wait unless an outer hold is in force."""
    global _running
    _running = before
    if not before and TURNS:
        run_turns()


class Promise:
    """A value that may not be there yet. It can be awaited, on CPython and MicroPython.

    host      what it is awaited with, see rpc.connection; the class's own is the process's, which
              `net` sets
    settled   whether it has a value or an error
    value     its value
    error     its Error, or None
    """

    host = None

    def __init__(self, host):
        self.host = host
        self.begin()

    def begin(self):
        """It is not settled."""
        self.value = self.error = None
        self.settled = False
        self._then = ()

    def then(self, fn):
        """Calls fn(promise) in a turn after the promise is settled. fn must not raise."""
        if self.settled:
            later(fn, self)
        else:
            self._then += (fn,)

    def resolve(self, value):
        """Gives it its value. Only the first of resolve() and reject() counts."""
        if not self.settled:
            self._settle(value, None)

    def reject(self, error):
        """Breaks it with an Error."""
        if not self.settled:
            self._settle(None, error)

    def _settle(self, value, error):
        if self._then:  # first: when there is no memory for it nothing has changed
            TURNS.extend([(fn, self) for fn in self._then])
            self._then = ()
        self.value = value
        self.error = error
        self.settled = True
        if TURNS and not _running:
            run_turns()

    def __iter__(self):
        if not self.settled:
            yield from self.host.suspend(self)
        if self.error is not None:
            raise self.error
        return self.value

    __await__ = __iter__  # CPython's await uses this name, MicroPython's the other
