@0xd1b6f0a5c7e34982;
# One of everything that the wire format has, to compare two implementations on random values.

enum Color {
  red @0;
  green @1;
  blue @2;
}

struct Node {
  value @0 :Int32 = -7;
  name @1 :Text;
  next @2 :Node;
  children @3 :List(Node);
}

struct Wire {
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
  text @13 :Text;
  data @14 :Data;
  node @15 :Node;

  flagD @16 :Bool = true;
  int8D @17 :Int8 = -128;
  int16D @18 :Int16 = -12345;
  int32D @19 :Int32 = -2000000000;
  int64D @20 :Int64 = -9000000000000000000;
  uint8D @21 :UInt8 = 200;
  uint16D @22 :UInt16 = 54321;
  uint32D @23 :UInt32 = 4000000000;
  uint64D @24 :UInt64 = 18000000000000000000;
  float32D @25 :Float32 = -1.5;
  float64D @26 :Float64 = 1e100;
  colorD @27 :Color = blue;
  textD @28 :Text = "default";
  dataD @29 :Data = 0x"00ff10";
  nodeD @30 :Node = (value = 3, name = "three", next = (value = 4));
  smallD @31 :Int32 = 100;
  longD @32 :UInt64 = 100;

  place :group {
    x @33 :Int16;
    union {
      nowhere @34 :Void;
      y @35 :Float64 = 0.5;
      label @36 :Text = "here";
      deep :group {
        z @37 :UInt8;
        union {
          up @38 :Bool = true;
          down @39 :Node;
        }
      }
    }
  }

  union {
    none @40 :Void;
    count @41 :UInt64;
    title @42 :Text;
    tree @43 :Node;
    flags @44 :List(Bool);
  }

  kind :union {
    small @45 :Int8;
    large @46 :Int64 = -1;
  }

  voids @47 :List(Void);
  bools @48 :List(Bool);
  int8s @49 :List(Int8);
  int16s @50 :List(Int16);
  int32s @51 :List(Int32);
  int64s @52 :List(Int64);
  uint8s @53 :List(UInt8);
  uint16s @54 :List(UInt16);
  uint32s @55 :List(UInt32);
  uint64s @56 :List(UInt64);
  float32s @57 :List(Float32);
  float64s @58 :List(Float64);
  colors @59 :List(Color);
  texts @60 :List(Text);
  datas @61 :List(Data);
  nodes @62 :List(Node);
  grid @63 :List(List(Int16));
  cube @64 :List(List(List(Text)));
  forest @65 :List(List(Node));
  numbersD @66 :List(Int32) = [1, -2, 3];
  empties @67 :List(Empty);
}

struct Empty {}
