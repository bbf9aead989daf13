# Generic types that generics.capnp uses.
@0xd0a1c7f35be29846;

struct Box(T) {
  value @0 :T;
}

struct Phantom(T) {
  nothing @0 :Void;
}

struct Label {
  text @0 :Text;
}

struct Point {
  # generics.capnp has one, too.
  x @0 :Int16;
}

interface Store(Key, Value) {
  put @0 (key :Key, value :Value);
  get @1 (key :Key) -> (value :Value);
  watch @2 (watcher :Watcher) -> stream;

  interface Watcher {
    changed @0 Change -> ();
  }
  struct Change {
    key @0 :Key;
    old @1 :Box(Value);
  }
  struct Statistics {
    count @0 :UInt32;
  }
  statistics @3 () -> Statistics;
}
