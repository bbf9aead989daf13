# Annotations only: no module comes from this file.
@0xaf2b6d90c8e1f357;

using Runtime = import "/capnrpc_micro/runtime.capnp";

annotation unit(*) :Text $Runtime.runtime;
annotation hidden(*) :Text;
