@0xa7d6e1c25f08b943;
# Every construct of the schema language, to compare two implementations on it. Structs are small,
# and each is a root of its own, so that damage to a message meets much of what is in it.

enum Color {
  red @0;
  green @1;
  blue @2;
}

enum MoreColor {
  # A newer version of Color.
  red @0;
  green @1;
  blue @2;
  cyan @3;
  pink @4;
}

struct Empty {}

struct Numbers {
  nothing @0 :Void;
  flag @1 :Bool;
  int8 @2 :Int8;
  int16 @3 :Int16;
  int32 @4 :Int32;
  int64 @5 :Int64;
  uint8 @6 :UInt8;
  uint16 @7 :UInt16;
  uint32 @8 :UInt32;
  uint64 @9 :UInt64;
  float32 @10 :Float32;
  float64 @11 :Float64;
  color @12 :Color;
  # Packed into the holes, and beyond a byte.
  bit1 @13 :Bool;
  bit2 @14 :Bool;
  bit3 @15 :Bool;
  bit4 @16 :Bool;
  bit5 @17 :Bool;
  bit6 @18 :Bool;
  bit7 @19 :Bool;
  bit8 @20 :Bool;
  bit9 @21 :Bool;
  last @22 :UInt8;
}

struct Defaults {
  flag @0 :Bool = true;
  int8 @1 :Int8 = -128;
  int16 @2 :Int16 = -32768;
  int32 @3 :Int32 = -2147483648;
  int64 @4 :Int64 = -9223372036854775808;
  uint8 @5 :UInt8 = 255;
  uint16 @6 :UInt16 = 65535;
  uint32 @7 :UInt32 = 4294967295;
  uint64 @8 :UInt64 = 18446744073709551615;
  float32 @9 :Float32 = -0.0;
  float64 @10 :Float64 = -inf;
  color @11 :Color = blue;
  top8 @12 :Int8 = 127;
  top16 @13 :Int16 = 32767;
  top32 @14 :Int32 = 2147483647;
  top64 @15 :Int64 = 9223372036854775807;
  small32 @16 :Int32 = 100;
  small64 @17 :UInt64 = 100;
  edge32 @18 :UInt32 = 1073741824;
  nan32 @19 :Float32 = nan;
  nan64 @20 :Float64 = nan;
  inf32 @21 :Float32 = inf;
  zero64 @22 :Float64 = -0.0;
  tiny64 @23 :Float64 = 5e-324;
  huge64 @24 :Float64 = 1.7976931348623157e308;
  half32 @25 :Float32 = -1.5;
  bit @26 :Bool = true;
  off @27 :Bool = false;
  wideColor @28 :MoreColor = pink;

  text @29 :Text = "default \"text\"";
  emptyText @30 :Text = "";
  data @31 :Data = 0x"00ff10";
  node @32 :Node = (value = 3, name = "three", next = (value = 4));
  emptyNode @33 :Node = ();
  bits @34 :List(Bool) = [true, false, true];
  bytes @35 :List(UInt8) = [1, 2, 255];
  ints @36 :List(Int32) = [1, -2, 2147483647];
  longs @37 :List(Int64) = [-9223372036854775808];
  floats @38 :List(Float32) = [0.5, inf, -0.0];
  colors @39 :List(Color) = [blue, green];
  texts @40 :List(Text) = ["a", "", "c"];
  datas @41 :List(Data) = [0x"00", ""];
  nodes @42 :List(Node) = [(value = 1), (name = "b", next = ())];
  grid @43 :List(List(Int8)) = [[1, -1], [], [127]];
  voids @44 :List(Void) = [void, void];
  empties @45 :List(Empty) = [(), ()];
}

struct Node {
  # Recursive in every way.
  value @0 :Int32 = -7;
  name @1 :Text;
  next @2 :Node;
  children @3 :List(Node);
}

struct Plain {
  # Data alone.
  x @0 :Int16;
  y @1 :UInt64;
}

struct Links {
  # Pointers alone.
  text @0 :Text;
  data @1 :Data;
}

struct Pointers {
  text @0 :Text;
  data @1 :Data;
  empty @2 :Empty;
  plain @3 :Plain;
  links @4 :Links;
  node @5 :Node;
  numbers @6 :Numbers;
  self @7 :Pointers;
}

struct Unions {
  before @0 :UInt16;
  union {
    none @1 :Void;
    bit @2 :Bool = true;
    count @3 :UInt64;
    ratio @4 :Float32 = 0.5;
    title @5 :Text = "untitled";
    blob @6 :Data;
    color @7 :Color = green;
    tree @8 :Node;
    flags @9 :List(Bool);
    pair :group {
      left @10 :Int16;
      right @11 :Text;
    }
    inner :union {
      small @12 :Int8;
      large @13 :Int64 = -1;
      deep :group {
        z @14 :UInt8;
        union {
          up @15 :Bool = true;
          down @16 :Node;
        }
      }
    }
  }
  place :group {
    x @17 :Int16 = 12;
    union {
      nowhere @18 :Void;
      y @19 :Float64 = 0.5;
      label @20 :Text = "here";
    }
  }
  kind :union {
    small @21 :Int8;
    large @22 :Int64 = -1;
  }
  after @23 :UInt16;
}

struct Choice {
  # Its tag comes first, and is wider than the data of a list of bytes.
  union {
    none @0 :Void;
    number @1 :Int8;
    text @2 :Text;
    bit @3 :Bool = true;
  }
}

struct Lists {
  voids @0 :List(Void);
  bools @1 :List(Bool);
  int8s @2 :List(Int8);
  int16s @3 :List(Int16);
  int32s @4 :List(Int32);
  int64s @5 :List(Int64);
  uint8s @6 :List(UInt8);
  uint16s @7 :List(UInt16);
  uint32s @8 :List(UInt32);
  uint64s @9 :List(UInt64);
  float32s @10 :List(Float32);
  float64s @11 :List(Float64);
  colors @12 :List(Color);
  texts @13 :List(Text);
  datas @14 :List(Data);
}

struct Compounds {
  empties @0 :List(Empty);
  plains @1 :List(Plain);
  links @2 :List(Links);
  nodes @3 :List(Node);
  numbers @4 :List(Numbers);
  unions @5 :List(Unions);
  bits @6 :List(List(Bool));
  grid @7 :List(List(Int16));
  cube @8 :List(List(List(Text)));
  forest @9 :List(List(Node));
  palettes @10 :List(List(Color));
  voids @11 :List(List(Void));
  choices @12 :List(Choice);
}

struct Box(T) {
  value @0 :T;
  count @1 :Int32;
}

struct Pair(A, B) {
  first @0 :A;
  second @1 :B;
  swapped @2 :Pair(B, A);
  boxes @3 :List(Box(A));
  either :union {
    a @4 :A;
    b @5 :B;
    neither @6 :Void;
  }

  struct Inner(C) {
    # Bound by its own parameter and by those of its scope.
    a @0 :A;
    c @1 :C;
    map @2 :List(Pair(A, C));
  }
}

struct Generics {
  text @0 :Box(Text);
  data @1 :Box(Data);
  node @2 :Box(Node);
  ints @3 :Box(List(Int16));
  nested @4 :Box(Box(Text));
  texts @5 :List(Box(Text));
  boxes @6 :Box(List(Box(Node)));
  pair @7 :Pair(Text, Node);
  lists @8 :Pair(List(Text), List(List(Bool)));
  inner @9 :Pair(Text, Data).Inner(Node);
  unbound @10 :Box;
  pairOfAny @11 :Pair;
}

struct Any {
  any @0 :AnyPointer;
  struct @1 :AnyStruct;
  list @2 :AnyList;
  box @3 :Box(AnyPointer);
  group :group {
    any @4 :AnyPointer;
  }
  union {
    none @5 :Void;
    value @6 :AnyPointer;
  }
}

struct AnyLists {
  lists @0 :List(AnyList);
}

struct TypedLists {
  # AnyLists for pycapnp, which does not know lists of AnyList.
  lists @0 :List(List(Int16));
}

struct Names {
  # Names that mean something to Python, or that functions have parameters by.
  self @0 :Int8;
  type @1 :Text;
  name @2 :Text;
  values @3 :List(Int8);
  value @4 :Names;
  data @5 :Data;
  limits @6 :Bool;
  from @7 :UInt8;
  class @8 :UInt16;
  none @9 :Void;
  cls @10 :Int32;
  args @11 :Int8;
  schema @12 :Int8;
  union {
    import @13 :Void;
    lambda @14 :Text;
  }
}

# Two versions of one thing.

struct ElementV1 {
  x @0 :Int16;
  name @1 :Text;
}

struct ElementV2 {
  x @0 :Int16;
  name @1 :Text;
  more @2 :UInt64 = 7;
  next @3 :ElementV2;
  flag @4 :Bool = true;
}

struct Version1 {
  id @0 :UInt32;
  name @1 :Text = "anonymous";
  color @2 :Color;
  element @3 :ElementV1;
  elements @4 :List(ElementV1);
  flat @5 :Int8;
  lone @6 :Text;
  union {
    nothing @7 :Void;
    number @8 :Int32;
  }
}

struct Version2 {
  id @0 :UInt32;
  name @1 :Text = "anonymous";
  color @2 :MoreColor;
  element @3 :ElementV2;
  elements @4 :List(ElementV2);
  wrapped :group {
    # A field may become the first of a group,
    flat @5 :Int8;
    added @9 :Int64 = -3;
  }
  choice :union {
    # or the first of a union.
    lone @6 :Text;
    other @10 :Data;
  }
  union {
    nothing @7 :Void;
    number @8 :Int32;
    text @11 :Text;
    both :group {
      a @12 :UInt8;
      b @13 :ElementV2;
    }
  }
  extra @14 :List(Node);
  last @15 :Float64 = nan;
}

# Lists of numbers and of pointers, and the lists of structs that they may become.

struct Flat {
  voids @0 :List(Void);
  bytes @1 :List(UInt8);
  ints16 @2 :List(Int16);
  ints32 @3 :List(UInt32);
  floats @4 :List(Float64);
  colors @5 :List(Color);
  texts @6 :List(Text);
  datas @7 :List(Data);
  lists @8 :List(List(Int16));
  nodes @9 :List(Node);
}

struct Upgraded {
  struct OfVoid { value @0 :Void; more @1 :UInt16 = 3; }
  struct OfByte { value @0 :UInt8; more @1 :UInt8 = 3; }
  struct OfInt16 { value @0 :Int16; text @1 :Text = "none"; }
  struct OfInt32 { value @0 :UInt32; more @1 :Bool = true; }
  struct OfFloat { value @0 :Float64; more @1 :Float64 = 0.5; }
  struct OfColor { value @0 :MoreColor; }
  struct OfText { value @0 :Text; more @1 :Int64 = -1; next @2 :Text; }
  struct OfData { value @0 :Data; }
  struct OfList { value @0 :List(OfInt16); }
  struct OfNode { value @0 :Int32 = -7; name @1 :Text; next @2 :OfNode; children @3 :List(OfNode); more @4 :Bool; }

  voids @0 :List(OfVoid);
  bytes @1 :List(OfByte);
  ints16 @2 :List(OfInt16);
  ints32 @3 :List(OfInt32);
  floats @4 :List(OfFloat);
  colors @5 :List(OfColor);
  texts @6 :List(OfText);
  datas @7 :List(OfData);
  lists @8 :List(OfList);
  nodes @9 :List(OfNode);
}

struct All {
  numbers @0 :Numbers;
  defaults @1 :Defaults;
  pointers @2 :Pointers;
  unions @3 :Unions;
  lists @4 :Lists;
  compounds @5 :Compounds;
  generics @6 :Generics;
  any @7 :Any;
  all @8 :List(All);
}

const nothing :Void = void;
const yes :Bool = true;
const lowest8 :Int8 = -128;
const lowest16 :Int16 = -32768;
const lowest32 :Int32 = -2147483648;
const lowest64 :Int64 = -9223372036854775808;
const highest8 :UInt8 = 255;
const highest16 :UInt16 = 65535;
const highest32 :UInt32 = 4294967295;
const highest64 :UInt64 = 18446744073709551615;
const minusZero :Float32 = -0.0;
const infinite :Float64 = inf;
const notANumber :Float64 = nan;
const color :Color = blue;
const text :Text = "naïve \"quotes\"";
const data :Data = 0x"de ad be ef 00";
const node :Node = (value = 3, name = "three", next = (value = 4), children = [(), (value = 5)]);
const emptyNode :Node = ();
const bits :List(Bool) = [true, false, true];
const ints :List(Int32) = [1, -2, 2147483647];
const texts :List(Text) = ["a", "", "c"];
const grid :List(List(Int16)) = [[1, -1], [], [127]];
const nodes :List(Node) = [(value = 1), (name = "b", next = .node)];
const boxed :Box(Text) = (value = "in a box", count = 3);
const sum :UInt32 = .highest32;
