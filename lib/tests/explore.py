# SPDX-License-Identifier: MIT
"""Runs a scenario in every order in which its steps and its messages can happen.

World     a scenario: vats with what they do, joined by links
explore   runs it in all orders that differ

At each moment a vat can take its next step, or the first message on one of its links can arrive. What
happens in two vats does not depend on which is first, so of all orders that differ in nothing else one is
run (the sleep sets of model checkers).
"""

from bed import Bed


class World:
    """A scenario. A class of it builds the bed and calls vat() for each vat; check() says what holds in
    the end, whatever the order was."""

    def __init__(self):
        self.bed = Bed()
        self._steps = []  # of each vat, those to come
        self._ends = []
        self._owners = []  # the vat of each step of the list above, then of each end

    def vat(self, ends, *steps):
        """A vat with its ends of links, and functions to be called one after another."""
        self._steps.append(list(steps))
        for end in ends:
            self._ends.append((end, len(self._steps) - 1))

    def check(self):
        """Checks what holds in the end."""

    # For explore(). A move is the number of a vat, or the number of vats plus that of an end.

    def moves(self):
        """The moves that are possible now."""
        vats = len(self._steps)
        found = [k for k in range(vats) if self._steps[k]]
        return found + [vats + k for k, (end, _) in enumerate(self._ends) if end.inbox]

    def owner(self, move):
        """The vat in which a move happens."""
        vats = len(self._steps)
        return move if move < vats else self._ends[move - vats][1]

    def take(self, move):
        """Makes a move, and what it causes in its vat."""
        vats = len(self._steps)
        if move < vats:
            self._steps[move].pop(0)()
        else:
            self._ends[move - vats][0].deliver()
        self.bed.tasks()


class _Choice:
    """A moment in the order that is being run: the moves possible, the one made, and those that need not
    be tried."""

    def __init__(self, moves, move, asleep):
        self.moves = moves
        self.move = move
        self.asleep = asleep


def explore(make, *arguments):
    """Runs the World that make(*arguments) builds in all orders that differ. Returns how many.

    When one fails its moves are printed.
    """
    runs = 0
    path = []
    while True:
        world = make(*arguments)
        asleep = []
        try:
            for choice in path:
                world.take(choice.move)
            if path:
                asleep = _still_asleep(world, path[-1])
            moves = world.moves()
            while moves:
                awake = [move for move in moves if move not in asleep]
                if not awake:
                    break
                path.append(_Choice(moves, awake[0], asleep))
                world.take(awake[0])
                asleep = _still_asleep(world, path[-1])
                moves = world.moves()
            if not moves:
                world.check()
                runs += 1
        except Exception:
            print("in the order", [choice.move for choice in path])
            raise
        while path:
            choice = path[-1]
            choice.asleep.append(choice.move)
            rest = [move for move in choice.moves if move not in choice.asleep]
            if rest:
                choice.move = rest[0]
                break
            path.pop()
        if not path:
            return runs


def _still_asleep(world, choice):
    owner = world.owner(choice.move)
    return [move for move in choice.asleep if world.owner(move) != owner]
