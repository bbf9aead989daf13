# Imports cycle-one.capnp, which imports this file; each has a struct with the same name.
@0xe59a1f0c7b3d8642;

using One = import "../cycle-one.capnp";

struct Shared {
  text @0 :Text;
  other @1 :One.Shared;
  struct Inner {
    others @0 :List(One.Shared);
  }
}

interface Base {
  base @0 ();
}

interface Pong {
  pong @0 (ping :One.Ping);
}
