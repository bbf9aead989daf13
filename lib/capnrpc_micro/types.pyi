# SPDX-License-Identifier: MIT
"""Types without a declaration, for `as_`."""

from typing import Generic, TypeVar, overload

from .schema import AnyReader, Client, ListReader, StructReader

_T = TypeVar("_T")
_Value = TypeVar("_Value", bound=StructReader | Client)

class Type(Generic[_T]): ...

AnyPointer: Type[AnyReader]
Text: Type[str]
Data: Type[bytes]
Void: Type[None]
Bool: Type[bool]
Int8: Type[int]
Int16: Type[int]
Int32: Type[int]
Int64: Type[int]
UInt8: Type[int]
UInt16: Type[int]
UInt32: Type[int]
UInt64: Type[int]
Float32: Type[float]
Float64: Type[float]

@overload
def List(of: type[_Value]) -> Type[ListReader[_Value]]: ...
@overload
def List(of: Type[_T]) -> Type[ListReader[_T]]: ...
