# Generated from persistent.capnp by capnpc_micropython; change the schema and generate it again.
# fmt: off

from capnrpc_micro import schema as _s

class Persistent(_s.Client):
    class save_results_(_s.StructReader):
        @property
        def sturdyRef(self) -> _s.AnyReader: ...
    class Server(_s.Server):
        def save(
            self,
            sealFor: _s.AnyReader,
            /,
        ) -> _s.Returned[_s.Anything | Persistent.save_results_ | None]: ...
    def save(self, sealFor: _s.Anything = ...) -> _s.CallPromise[Persistent.save_results_]: ...
