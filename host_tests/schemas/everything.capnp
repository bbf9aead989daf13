# Every construct of the schema language that the compiler supports.
@0xc6f8a1b96a3b0c57;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("everything");

annotation unit(field) :Text;

enum Color {
  red @0;
  green @1;
  blue @2;
}

enum Lonely {
  alone @0;
}

struct Plain {
  # Declared in another order than numbered, with holes that small fields fill.
  u16 @5 :UInt16;
  bit @0 :Bool;
  i8 @1 :Int8 $unit("degrees");
  u8 @2 :UInt8;
  i64 @7 :Int64;
  i16 @3 :Int16;
  i32 @4 :Int32;
  u32 @6 :UInt32;
  otherBit @9 :Bool;
  u64 @8 :UInt64;
  f32 @10 :Float32;
  f64 @11 :Float64;
  nothing @12 :Void;
  text @13 :Text;
  data @14 :Data;
  color @15 :Color;
}

struct Defaults {
  bit @0 :Bool = true;
  i8 @1 :Int8 = -128;
  u8 @2 :UInt8 = 255;
  i16 @3 :Int16 = -2;
  u16 @4 :UInt16 = 65535;
  lowest @5 :Int32 = -0x40000000;
  tooLow @6 :Int32 = -0x40000001;
  highest @7 :UInt32 = 0x3fffffff;
  tooHigh @8 :UInt32 = 0x40000000;
  i64 @9 :Int64 = -0x8000000000000000;
  smallI64 @10 :Int64 = -3;
  u64 @11 :UInt64 = 0xfedcba9876543210;
  f32 @12 :Float32 = 1.5;
  minusZero @13 :Float32 = -0.0;
  f64 @14 :Float64 = -inf;
  text @15 :Text = "says \"hi\" and 'ho' \\ ";
  data @16 :Data = 0x"00 27 22 ff";
  color @17 :Color = blue;
  point @18 :Point = (x = -7, label = "the point with a label that is long enough for many lines");
  numbers @19 :List(Int32) = [1, -2, 3];
  bits @20 :List(Bool) = [true, false, true];
  texts @21 :List(Text) = ["a", "", "c"];
  points @22 :List(Point) = [(x = 1), (y = 2, label = "b")];
  colors @23 :List(Color) = [green, red];
  nested @24 :List(List(UInt8)) = [[1], [], [2, 3]];
  zeroPoint @25 :Point = ();
  emptyText @26 :Text = "";
  grouped :group {
    inside @27 :Int16 = 1234;
  }
}

struct Point {
  x @0 :Int32;
  y @1 :Int32;
  label @2 :Text;
}

struct Lists {
  voids @0 :List(Void);
  bits @1 :List(Bool);
  bytes @2 :List(UInt8);
  floats @3 :List(Float64);
  texts @4 :List(Text);
  datas @5 :List(Data);
  colors @6 :List(Color);
  points @7 :List(Point);
  deep @8 :List(List(List(Point)));
  trees @9 :List(Tree);
  callbacks @10 :List(Node.Watcher);
}

struct Tree {
  value @0 :Int32;
  left @1 :Tree;
  right @2 :Tree;
}

struct Unions {
  before @0 :UInt8;
  union {
    # Discriminants follow the numbers, not the order of the text.
    third @4 :Text;
    first @1 :Void;
    second @2 :UInt32;
    both :group {
      one @3 :Int64;
      two @5 :Text;
    }
  }
  after @6 :Text;
  shape :union {
    circle @7 :Float64;
    square :group {
      side @8 :Float32;
      corner :union {
        sharp @9 :Void;
        round @10 :UInt8;
      }
    }
  }
}

struct Outer {
  struct Middle {
    enum Level { low @0; high @1; }
    struct Inner {
      level @0 :Level = high;
      outer @1 :Outer;
    }
    inner @0 :Inner;
    const answer :Int32 = 42;
  }
  middle @0 :Middle;
}

struct Nothing {}

interface Node {
  # Mutually recursive with Watcher and Leaf, both declared later.
  watch @0 (watcher :Watcher, every :UInt32 = 1000) -> (leaf :Leaf);
  find @1 Point -> Tree;
  notify @2 (none :Void);
  swap @3 (color :Color = green, others :List(Point) = [(x = 3)]) -> Nothing;

  interface Watcher {
    changed @0 (node :Node, tree :Tree) -> ();
  }
}

interface Named {
  name @0 () -> (name :Text);
}

interface Leaf extends(Node, Named) {
  root @0 () -> (root :Node);
}

interface Marker {}

# Names that mean something to Python or to the generated module.

enum Enum {
  none @0;
  pass @1;
}

struct None {
  class @0 :Int32;
  struct True {}
  is @1 :True;
  kind @2 :Enum;
}

interface Service {
  struct Server {
    from @0 :Text;
  }
  import @0 (server :Server) -> Server;
}

const nothing :Void = void;
const yes :Bool = true;
const tiny :Int8 = -5;
const huge :UInt64 = 0xffffffffffffffff;
const half :Float32 = 0.5;
const never :Float64 = inf;
const motto :Text = "naïve \"quotes\" and 'more' of a text that has to be broken, since it is too long for one line";
const magic :Data = 0x"de ad be ef";
const lambda :Int16 = 3;
const const :UInt8 = 9;

struct Holders {
  # A list for each default list above, alone in a struct.
  struct Numbers { list @0 :List(Int32); }
  struct Bits { list @0 :List(Bool); }
  struct Texts { list @0 :List(Text); }
  struct Points { list @0 :List(Point); }
  struct Colors { list @0 :List(Color); }
  struct Nested { list @0 :List(List(UInt8)); }
}
