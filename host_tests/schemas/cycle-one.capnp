# Imports cycle-two.capnp, which imports this file.
@0xd1b0c5a8f2e94d13;

using Two = import "parts/cycle-two.capnp";

struct Shared {
  number @0 :Int32;
}

interface Ping extends(Two.Base) {
  ping @0 (pong :Two.Pong, shared :Two.Shared = (text = "x")) -> Two.Shared.Inner;
}
