# What a program that is checked against the stubs uses; names hide others wherever they can.
@0xf29b7c40d1e86a35;

using Generics = import "generics.capnp";

enum Color {
  red @0;
  green @1;
  pass @2;
}

struct Address {
  street @0 :Text;
  zip @1 :UInt32;
}

struct Person {
  name @0 :Text;
  age @1 :UInt8;
  height @2 :Float32;
  picture @3 :Data;
  favourite @4 :Color;
  address @5 :Address;
  phones @6 :List(Phone);
  scores @7 :List(Int16);
  anything @8 :AnyPointer;
  untyped @9 :AnyList;
  employment :union {
    unemployed @10 :Void;
    employer @11 :Text;
    self :group {
      business @12 :Text;
      from @13 :UInt16;
    }
  }
  pin @14 :Pin;

  struct Phone {
    number @0 :Text;
    kind @1 :Kind;
    enum Kind { mobile @0; home @1; }
  }
  const oldest :UInt8 = 120;
}

interface Pin {
  set @0 (on :Bool) -> ();
  get @1 () -> (on :Bool);
}

interface Hub {
  find @0 (name :Text) -> (pin :Pin);
  person @1 (id :UInt32) -> Person;
  stats @2 () -> (count :UInt32, mean :Float64);
  store @3 Person -> ();
  upload @4 (chunk :Data) -> stream;
  give @5 (capability :Capability, pointer :AnyPointer) -> (thing :AnyPointer);
  map @6 () -> (map :Generics.Map(Text, Generics.Point));
}

interface Loud extends(Hub, Pin) {
  shout @0 (color :Color) -> (echo :Color);
}

struct Hiding {
  # Members with the names of Python's types.
  int @0 :Int32;
  str @1 :Text;
  bool @2 :Bool;
  bytes @3 :Data;
  float @4 :Float64;
  dict @5 :Address;
  tuple @6 :List(Text);
  property @7 :Int8;
  classmethod @8 :Hiding;
  cls @9 :Text;
  self @10 :Text;
  address @11 :Address;
  color @12 :Color;
  struct Hiding {
    enum Color { violet @0; }
    color @2 :Color;
    address @0 :Address;
    struct Address {
      there @0 :Bool;
      outer @1 :Hiding;
    }
    inner @1 :Hiding.Address;
  }
}

struct Server {
  interface Serves { serve @0 (server :Server, self :Text) -> (server :Server, other :Server); }
}

interface Again extends(Pin) {
  get @0 (self :Int32) -> (value :Text);
}
interface Both extends(Pin, Again) {}

const limit :UInt32 = 7;
const friends :List(Address) = [(street = "a"), (street = "b")];
