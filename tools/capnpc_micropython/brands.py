# SPDX-License-Identifier: MIT
"""Types with their type parameters replaced, so that each brand of a generic is a type of its own.

A board pays nothing for this: `Box(Text)` becomes tables like those of any struct.
"""

import dataclasses

# How much deeper than it was written a type may grow while its own fields are worked out. Only a
# generic that contains itself with ever larger arguments gets there.
_MOST_GROWTH = 2


@dataclasses.dataclass(frozen=True)
class Type:
    """A type without type parameters.

    kind      as schema.capnp's Type calls it
    id        of the enum's, struct's or interface's declaration; 0 in AnyStruct and Capability
    brand     what the parameters stand for: pairs of a scope's id and its types, outer scopes
              first. Scopes that bind nothing are left out.
    element   of a list; None in AnyList
    """

    kind: str
    id: int = 0
    brand: tuple = ()
    element: "Type | None" = None

    def depth(self):
        """Return how deep arguments and elements are nested."""
        arguments = [argument for _, types in self.brand for argument in types]
        if self.element:
            arguments.append(self.element)
        return 1 + max(map(Type.depth, arguments)) if arguments else 0


ANY_POINTER = Type("anyPointer")
_UNCONSTRAINED = {
    "anyKind": ANY_POINTER,
    "struct": Type("struct"),
    "list": Type("list"),
    "capability": Type("interface"),
}


class Scope:
    """Where types are used: what type parameters stand for there.

    `limits`, shared by all scopes of a module, has for each branded type how deep those may be
    that its own fields lead to.
    """

    def __init__(self, nodes, limits, bindings=(), limit=None):
        self._nodes = nodes
        self._limits = limits
        self._bindings = dict(bindings)
        self._limit = limit

    def of(self, type_):
        """Return the scope inside a branded type."""
        return Scope(self._nodes, self._limits, type_.brand, self._limits.get(type_))

    def inside(self, brand):
        """Return the scope inside a struct that is used here with a Brand."""
        return Scope(self._nodes, self._limits, self._bound(brand), self._limit)

    def type(self, reader):
        """Return the Type that schema.capnp's Type means here."""
        type_ = self._resolve(reader)
        innermost = type_
        while innermost.kind == "list" and innermost.element:
            innermost = innermost.element
        return self._fit(type_) if innermost.brand else type_

    def declared(self, kind, id_, brand):
        """Return the Type of a declaration that is used here with a Brand."""
        return self._fit(self._branded(kind, id_, self._bound(brand)))

    def _fit(self, type_):
        """Return the type, without its brand if that has grown too deep. Note its limit."""
        if type_.kind == "list":
            return Type("list", element=self._fit(type_.element))
        if not type_.brand:
            return type_
        depth = type_.depth()
        limit = depth + _MOST_GROWTH if self._limit is None else self._limit
        if depth > limit:
            return Type(type_.kind, type_.id)
        self._limits.setdefault(type_, limit)
        return type_

    def _resolve(self, reader):
        kind = reader.which()
        if kind == "list":
            return Type("list", element=self._resolve(reader.list.elementType))
        if kind in ("struct", "interface"):
            declared = getattr(reader, kind)
            return self._branded(kind, declared.typeId, self._bound(declared.brand))
        if kind == "enum":
            return Type("enum", reader.enum.typeId)
        if kind == "anyPointer":
            pointer = reader.anyPointer
            if pointer.which() == "unconstrained":
                return _UNCONSTRAINED[pointer.unconstrained.which()]
            if pointer.which() == "parameter":
                return self._parameter(pointer.parameter)
            return ANY_POINTER  # a method's own parameter
        return Type(kind)

    def _parameter(self, parameter):
        types = self._bindings.get(parameter.scopeId, ())
        index = parameter.parameterIndex
        return types[index] if index < len(types) else ANY_POINTER

    def _bound(self, brand):
        """Return what a Brand that is used here binds: types by scope id."""
        bound = {}
        for scope in brand.scopes:
            if scope.which() == "bind":
                bound[scope.scopeId] = tuple(
                    self._resolve(binding.type) if binding.which() == "type" else ANY_POINTER
                    for binding in scope.bind
                )
            elif scope.scopeId in self._bindings:
                bound[scope.scopeId] = self._bindings[scope.scopeId]
        return bound

    def _branded(self, kind, id_, bound):
        brand = []
        for scope in self._nodes.scopes(id_):
            types = bound.get(scope, ())
            if any(type_ != ANY_POINTER for type_ in types) and self._nodes.depends(id_, scope):
                brand.append((scope, types))
        return Type(kind, id_, tuple(brand))
