# SPDX-License-Identifier: MIT
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from .schema import CallPromise, Server, StructReader
from .schema import Client as Client

_T = TypeVar("_T")
_Client = TypeVar("_Client", bound=Client)

__version__: str
DISCONNECTED: int
FAILED: int
OVERLOADED: int
UNIMPLEMENTED: int

class Error(Exception):
    reason: str
    type: int
    def __init__(self, reason: object, type: int = ...) -> None: ...

class Limits:
    message_words: int
    segments: int
    nesting: int
    traversal_words: int
    receive_bytes: int
    send_bytes: int
    output_mark: int
    output_bytes: int
    window_bytes: int
    questions: int
    answers: int
    running: int
    exports: int
    imports: int
    embargoes: int
    call_bytes: int
    stall_ms: int
    first_ms: int
    ping_ms: int
    dead_ms: int
    unused_ms: int
    idle_ms: int
    connections: int
    handshakes: int
    def __init__(self, **changed: int) -> None: ...
    @staticmethod
    def host(**changed: int) -> Limits: ...

class _Peer:
    @property
    def error(self) -> Error | None: ...
    def bootstrap(self, interface: type[_Client]) -> _Client: ...
    def stats(self) -> dict[str, int]: ...
    async def close(self) -> None: ...
    async def wait_closed(self) -> None: ...

class _Resolver:
    def resolve(self, capability: Server | Client) -> None: ...
    def reject(self, error: Error | str) -> None: ...

class _Serving:
    refused: int
    async def close(self) -> None: ...
    async def wait_closed(self) -> None: ...

async def connect(
    host: str,
    port: int = 7000,
    main: Server | Client | None = None,
    limits: Limits | None = None,
    tails: bool = False,
    dump: Callable[[str], Callable[[int, memoryview], None]] | None = None,
) -> _Peer: ...
async def serve(
    main: Server | Client,
    host: str = "0.0.0.0",
    port: int = 7000,
    limits: Limits | None = None,
    tails: bool = False,
    dump: Callable[[str], Callable[[int, memoryview], None]] | None = None,
) -> _Serving: ...
async def wait_for(call: Awaitable[_T], seconds: float) -> _T: ...
def release(thing: Client | StructReader | CallPromise[Any]) -> None: ...
def retain(thing: _Client) -> _Client: ...
def client(server: Server) -> Any: ...
def broken(error: Error | str, interface: type[_Client] = ...) -> _Client: ...
def promise(interface: type[_Client] = ..., host: object = None) -> tuple[_Client, _Resolver]: ...
def problem(client: Client) -> Error | None: ...
def when_broken(client: Client, fn: Callable[[Error], object]) -> None: ...
async def settled(client: Client) -> None: ...
def equal(a: Client, b: Client) -> bool | None: ...
def revocable(
    capability: Server | Client, interface: type[Client] | None = None
) -> tuple[Any, Callable[..., None]]: ...
def subset(capability: Server | Client, interface: type[_Client], *names: str) -> _Client: ...
async def drained(client: Client) -> None: ...
def log_to(fn: Callable[[int, str], object] | None, least: int = 30) -> None: ...
