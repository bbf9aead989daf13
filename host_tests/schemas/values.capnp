# Constants of every type, naïve ones (→ «twö»), too.
@0xe7f3b5a2c1908d46;

enum Color {
  red @0;
  green @1;
}

struct Point {
  x @0 :Int32;
  label @1 :Text;
}

struct Holder {
  any @0 :AnyPointer;
  const inner :Point = (x = 5);
}

const none :Void = void;
const yes :Bool = true;
const small :Int64 = -7;
const large :UInt64 = 0xfedcba9876543210;
const lowest :Int64 = -0x8000000000000000;
const middle :Int32 = 0x40000000;
const half :Float32 = 0.5;
const tenth :Float64 = 0.1;
const endless :Float32 = -inf;
const undefined :Float64 = nan;
const text :Text = "twö";
const data :Data = 0x"00 ff";
const color :Color = green;
const point :Point = (x = -3, label = "p");
const emptyPoint :Point = ();
const numbers :List(Int32) = [1, -2, 3];
const bits :List(Bool) = [true, false, true];
const texts :List(Text) = ["a", "", "c"];
const colors :List(Color) = [green, red];
const points :List(Point) = [.point, (label = "q")];
const nested :List(List(UInt8)) = [[1], [], [2, 3]];
const empty :List(Point) = [];
const again :Point = .point;
const anyStruct :AnyStruct = .point;
const anyList :AnyList = .numbers;
const holder :Holder = (any = .point);
const import :Int8 = 1;
const constant :Text = "a name of the library's";
