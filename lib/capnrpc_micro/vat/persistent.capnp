# SPDX-License-Identifier: MIT
# What C++ and OCaml's capnp-rpc ask a capability for a reference that outlives the connection. The
# ids and types are theirs.
@0xb8630836983feed7;

interface Persistent @0xc8cb212fcd9f5691 {
  save @0 (sealFor :AnyPointer) -> (sturdyRef :AnyPointer);
  # A Text, the capnp:// URI of the capability. Nobody else can be prevented from using it, so
  # sealFor is ignored.
}
