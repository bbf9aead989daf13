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


def again(error):
    """An exception that is kept, to be raised: a copy, because on MicroPython one grows each time."""
    return Error(error.reason, error.type) if error.__class__ is Error else error


def overloaded(reason):
    """The Error of a limit: the same may work later."""
    return Error(reason, OVERLOADED)


# Made while there is memory.
OUT_OF_MEMORY = overloaded("out of memory")
CANCELLED = Error("the call was cancelled")
CIRCLE = Error("the promise was resolved to itself")

# The reason why there is no service with an id; OCaml's capnp-rpc has the same text.
UNKNOWN_ID = "Unknown persistent service ID"


def error_from(exception):
    """The Error that tells a peer about an exception of a program: class and message, no traceback."""
    if isinstance(exception, Error):
        return exception
    if isinstance(exception, MemoryError):
        return OUT_OF_MEMORY
    text = _text(exception)
    name = exception.__class__.__name__
    return Error("%s: %s" % (name, text) if text else name)


class _Turns:
    """The promises that are settled and whose functions are to be called: a chain, so that settling one
    takes no memory.

    first, last   of the chain
    running       whether whoever is running will call run_turns()
    """

    first = last = None
    running = False


TURNS = _Turns()


def run_turns():
    """Runs all turns that wait, and those that they add."""
    before = TURNS.running
    TURNS.running = True
    try:
        while TURNS.first is not None:
            promise = TURNS.first
            then = promise._then
            while then:
                fn = then[0]
                try:
                    fn(promise)
                except MemoryError:  # it has changed nothing, or goes on where it stopped
                    fn(promise)
                except BaseException:
                    then.pop(0)
                    raise
                then.pop(0)
            TURNS.first = promise._next
            promise._next = None  # whoever keeps one promise keeps no other
        TURNS.last = promise = None
    except MemoryError:
        pass  # there is none: it goes on when turns run the next time
    finally:
        TURNS.running = before


def later(fn, argument):
    """Runs fn(argument) in a turn: at once if none is running, else after those already waiting."""
    promise = _Later(fn, argument)
    promise.then(promise.run)
    promise.resolve(None)


def hold_turns():
    """Makes turns wait for run_turns(). Returns what resume_turns() needs."""
    before = TURNS.running
    TURNS.running = True
    return before


def resume_turns(before):
    """Ends hold_turns(), and runs the turns that wait unless an outer hold is in force."""
    TURNS.running = before
    if not before:
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
        self.value = self.error = self._then = self._next = None
        self.settled = False

    def then(self, fn):
        """Calls fn(promise) in a turn after the promise is settled. fn must not raise; where memory may
        be short it is called once more if it has raised MemoryError."""
        if self.settled:
            later(fn, self)
        elif self._then is None:
            self._then = [fn]
        else:
            self._then.append(fn)

    def resolve(self, value):
        """Gives it its value. Only the first of resolve() and reject() counts."""
        if not self.settled:
            self._settle(value, None)

    def reject(self, error):
        """Breaks it with an Error."""
        if not self.settled:
            self._settle(None, error)

    def _settle(self, value, error):
        self.value = value
        self.error = error
        self.settled = True
        if self._then:
            if TURNS.first is None:
                TURNS.first = self
            else:
                TURNS.last._next = self
            TURNS.last = self
            if not TURNS.running:
                run_turns()

    def __iter__(self):
        if not self.settled:
            yield from self.host.suspend(self)
        if self.error is not None:
            raise again(self.error)
        return self.value

    __await__ = __iter__  # CPython's await uses this name, MicroPython's the other


class _Later(Promise):
    def __init__(self, fn, argument):
        self.begin()
        self._fn = fn
        self._argument = argument

    def run(self, _):
        self._fn(self._argument)
