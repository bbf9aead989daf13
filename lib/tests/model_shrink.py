# SPDX-License-Identifier: MIT
# ruff: noqa: B020
"""Makes a failing list of operations small, and prints it as a test. Loaded only when one has failed."""

import sys

from model_ops import replay
from shrinking import fewer


def kind_of(error):
    """What kind of failure it is: its class and text without what differs from run to run."""
    text = "".join(["#" if c in "0123456789" else c for c in str(error)])
    return "%s: %s" % (error.__class__.__name__, text.split("(")[0][:50])


def fails(operations):
    """The kind of failure with which these operations end, or None."""
    try:
        replay(operations)
    except Exception as error:
        return kind_of(error)
    return None


def shrink(operations, kind, fails=fails):
    """The operations without all that can be left out while they still fail in this way."""
    # The world, the first, stays.
    operations = fewer(operations, lambda rest: fails(rest) == kind, 1)
    return _simplify(operations, kind, fails)


def _simplify(operations, kind, fails):
    """Puts simpler values into the operations that are left."""
    for at in range(len(operations) - 1, 0, -1):
        for simpler in _simpler(operations[at]):
            other = operations[:at] + [simpler] + operations[at + 1 :]
            if fails(other) == kind:
                operations = other
    again = [k for k in range(1, len(operations)) if fails(_without(operations, k)) == kind]
    return shrink(_without(operations, again[0]), kind, fails) if again else operations


def _without(operations, k):
    return operations[:k] + operations[k + 1 :]


def _simpler(operation):
    """Simpler operations of the same sort, more and more."""
    if operation[0] == "call":
        _, s, ref, method, how, a, b, plan = operation
        for plan in ((0, None, None), (1, None, None), (1, plan[1], None), plan):
            for a, b in ((None, None), (a, None), (None, b), (-1, b), (a, b)):
                for how in (0, how & 2, how):
                    for method in (0, 2, method) if operation[3] else (0, 2):
                        yield ("call", s, ref, method, how, a, b, plan)
                        if (
                            plan == operation[7]
                            and (a, b) == operation[5:7]
                            and how == operation[4]
                        ):
                            return
    elif operation[0] == "answer":
        _, call, kind, x, y = operation
        for other in ((1, None, None), (1, x, None), (1, None, y), (1, -1, y)):
            yield ("answer", call) + other
    elif operation[0] in ("boot", "resolve"):
        yield operation[:-1] + (-1,)


def report(operations, error, seed):
    """Prints a test that fails as these operations do, as small as can be."""
    kind = kind_of(error)
    print("seed %d, %d operations: %s" % (seed, len(operations), error))
    if fails(operations) != kind:
        print("it does not fail again in the same way")
    else:
        operations = shrink(operations, kind)
    print("def test_found_%d():" % seed)
    print('    """%s"""' % kind)
    print("    replay(\n        [")
    for operation in operations:
        print("            %r," % (operation,))
    print("        ]\n    )")
    sys.stdout.flush() if hasattr(sys.stdout, "flush") else None
