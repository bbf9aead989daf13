# SPDX-License-Identifier: MIT
"""Builds a value step by step, by every way that builder objects offer, chosen at random.

What was set before and is set again, initialised anew or cleared must leave nothing behind.
"""

from kinds import BOOL, DATA, GROUP, INT8, LIST, STRUCT, TEXT, UINT64

from .values import Loan, struct_of


class Steps:
    """Fills builders of our library with a value, as the generator `rng` decides."""

    def __init__(self, ours, rng):
        self.ours = ours
        self.rng = rng

    def message(self, name, value):
        """A builder with the value of a struct by its name."""
        type = getattr(self.ours.module, name)
        builder = type.new_message()
        self.fill(builder, type, value)
        return builder

    def fill(self, builder, type, value):
        """Sets the fields of a builder from a dict."""
        names = list(value)
        self.rng.shuffle(names)
        for name in names:
            at = type.find_(name)
            kind, extra = type.table_[at + 1] & 31, type.table_[at + 2]
            if at >= type.union_at_:
                self.set_another(builder, type)
            for _ in range(self.rng.choice((0, 0, 0, 1))):
                self.set(builder, name, kind, extra, value[name])
                if at < type.union_at_ and kind != GROUP:
                    builder.clear_(name)
            self.set(builder, name, kind, extra, value[name])
        self.clear_others(builder, type, value)

    def clear_others(self, builder, type, value):
        """Clears what the value does not have."""
        for at in range(0, type.union_at_, 3):
            name = type.table_[at]
            if name not in value and self.rng.random() < 0.2:
                builder.clear_(name)

    def set_another(self, builder, type):
        """Sets another field of the union, in whose place the right one comes then."""
        at = self.rng.randrange(type.union_at_, len(type.table_), 3)
        kind = type.table_[at + 1] & 31
        junk = {TEXT: "another", DATA: b"another", BOOL: True}
        if kind in junk or INT8 <= kind <= UINT64:
            setattr(builder, type.table_[at], junk.get(kind, 99))

    def set(self, builder, name, kind, extra, value):
        """Sets one field."""
        if isinstance(value, Loan):
            self.anything(builder, name, value)
        elif kind == GROUP:
            group = builder.init_(name)
            self.fill(group, extra, value)
        elif kind == STRUCT:
            self.struct(builder, name, struct_of(extra), value)
        elif kind == LIST:
            self.list(builder, name, extra, value)
        else:
            setattr(builder, name, value)

    def struct(self, builder, name, type, value):
        how = self.rng.randrange(4)
        if how == 0:  # in place
            self.fill(builder.init_(name), type, value)
        elif how == 1:  # a copy of a builder, or of a reader
            other = type.new_message()
            self.fill(other, type, value)
            if self.rng.random() < 0.5:
                other = type.from_bytes(other.to_bytes())
            setattr(builder, name, other)
        elif how == 2:  # through what the field gives back
            builder.init_(name)
            self.fill(getattr(builder, name), type, value)
        else:
            setattr(builder, name, self.ours.lent(value))

    def list(self, builder, name, extra, value):
        if self.rng.random() < 0.3:
            setattr(builder, name, self.ours.lent(value))
            return
        self.elements(builder.init_(name, len(value)), extra, value)

    def elements(self, builder, extra, value):
        """Sets the elements of a list's builder."""
        kind, extra = extra[:2]
        order = list(range(len(value)))
        self.rng.shuffle(order)
        for k in order:
            if kind == STRUCT and self.rng.random() < 0.7:
                self.fill(builder[k], extra, value[k])
            elif kind == LIST and self.rng.random() < 0.7:
                self.elements(builder.init_(k, len(value[k])), extra, value[k])
            elif self.rng.random() < 0.2:
                builder[k - len(value)] = self.ours.lent(value[k])
            else:
                builder[k] = self.ours.lent(value[k])

    def anything(self, builder, name, loan):
        """Sets a pointer to anything: from a copy, or in place by type."""
        type = getattr(self.ours.module, loan.type)
        if loan.field or self.rng.random() < 0.5:
            setattr(builder, name, self.ours.lent(loan))
        else:
            self.fill(builder.init_(name, type), type, loan.value)
