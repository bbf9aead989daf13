# Generic types in every place where they may stand, and the pointers without a type.
@0xb4c6d2e19f70a385;

using Boxes = import "parts/boxes.capnp";
using Texts = Map(Text, Text);

struct Point {
  x @0 :Int32;
  y @1 :Int32;
}

enum Color {
  red @0;
  green @1;
}

struct Map(Key, Value) {
  entries @0 :List(Entry);

  struct Entry {
    key @0 :Key;
    value @1 :Value;
    size @2 :Size;
    kind @3 :Kind;
  }
  struct Size {
    # Does not depend on Key and Value: there is one of it.
    bytes @0 :UInt32;
  }
  enum Kind {
    set @0;
    removed @1;
  }
}

struct Chain(T) {
  item @0 :T;
  next @1 :Chain(T);
  union {
    none @2 :Void;
    other @3 :T;
    inside :group {
      deep @4 :T;
      deeper :union {
        deepest @5 :List(Chain(T));
        number @6 :Int16;
      }
    }
  }
}

struct Outer(T) {
  struct Inner(U) {
    t @0 :T;
    u @1 :U;
    same @2 :Inner(U);
    turned @3 :Outer(U).Inner(T);
  }
  inner @0 :Inner(Text);
}

struct Growing(T) {
  # Leads to ever larger types.
  item @0 :T;
  more @1 :Growing(Chain(T));
}

struct Uses {
  texts @0 :Texts;
  points @1 :Map(Text, Point);
  entry @2 :Map(Text, Point).Entry;
  unbound @3 :Map;
  partly @4 :Map(Text, AnyPointer);
  bytes @5 :Chain(List(UInt8));
  chains @6 :List(Chain(Data));
  boxed @7 :Boxes.Box(Boxes.Box(Point));
  theirs @8 :Boxes.Box(Boxes.Point);
  phantom @9 :Boxes.Phantom(Boxes.Label);
  outer @10 :Outer(Data);
  inner @11 :Outer(Data).Inner(Point);
  innerOnly @12 :Outer.Inner(Point);
  growing @13 :Growing(Text);
  store @14 :Boxes.Store(Text, Point);
  colors @15 :Boxes.Box(List(Color));
  withDefault @16 :Boxes.Box(Text) = (value = "preset");
}

struct Untyped {
  anything @0 :AnyPointer;
  anyStruct @1 :AnyStruct;
  anyList @2 :AnyList;
  capability @3 :Capability;
  lists @4 :List(AnyList);
  capabilities @5 :List(Capability);
  union {
    inUnion @6 :AnyPointer;
    nothing @7 :Void;
  }
  inGroup :group {
    grouped @8 :AnyPointer;
  }
}

interface Caller(T) {
  call @0 (argument :T, any :AnyPointer) -> (result :T, capability :Capability);
  generic @1 [U] (one :U, many :List(Boxes.Box(U))) -> (box :Boxes.Box(U), mine :Chain(T));
  explicit @2 [U] Boxes.Box(U) -> Boxes.Box(T);
  send @3 (data :Data) -> stream;
}

interface TextCaller extends(Caller(Text), Boxes.Store(Text, Data)) {}

interface PointStore(T) extends(Boxes.Store(T, Point)) {
  itself @0 () -> (store :PointStore(T));
}

struct Stores {
  points @0 :PointStore(Text);
}

const preset :Boxes.Box(List(Text)) = (value = ["a", "b"]);
