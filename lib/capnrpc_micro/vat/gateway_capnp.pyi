# Generated from gateway.capnp by capnpc_micropython; change the schema and generate it again.
# fmt: off

from capnrpc_micro import schema as _s

class Gateway(_s.Client):
    class restore_results_(_s.StructReader):
        @property
        def cap(self) -> _s.Client: ...
        class Pipeline_(_s.Pipeline):
            @property
            def cap(self) -> _s.Client: ...
        class Promise_(
            Gateway.restore_results_.Pipeline_,
            _s.CallPromise[Gateway.restore_results_],
        ): ...
    class Server(_s.Server):
        def restore(
            self,
            id: bytes,
            /,
        ) -> _s.Returned[_s.Client | _s.Server | Gateway.restore_results_ | None]: ...
    def restore(self, id: _s.Bytes | None = ...) -> Gateway.restore_results_.Promise_: ...
