# Annotations that a program sees, and others.
@0xd6c8e1f04a7b2395;

using Runtime = import "/capnrpc_micro/runtime.capnp";
using Parts = import "parts/boxes.capnp";
using Units = import "parts/units.capnp";
$note("of the file");
$Units.hidden("no");

annotation note(*) :Text $Runtime.runtime;
annotation range(field, param) :Range $Runtime.runtime;
annotation level(*) :Level $Runtime.runtime;
annotation flag(*) :Void $Runtime.runtime;
annotation big(*) :UInt64 $Runtime.runtime;
annotation many(*) :List(Text) $Runtime.runtime;
annotation boxed(*) :Parts.Box(Text) $Runtime.runtime;

enum Level {
  low @0 $flag;
  high @1 $note("loud");
}

struct Range {
  least @0 :Int16;
  most @1 :Int16;
}

struct Reading $level(high) $Units.hidden("no") {
  value @0 :Float32 $Units.unit("V") $range(most = 5) $Units.hidden("no");
  plain @1 :Text;
  place :group $note("a group") {
    x @2 :Int32 $many(["a", "b"]);
    deep :union $flag {
      one @3 :Void $big(0xffffffffffffffff);
      two @4 :Void;
    }
  }
  const factor :Int32 = 3 $note("a constant");
  struct Inner $boxed(value = "in a box") {}
}

struct Silent $Units.hidden("no") {
  a @0 :Int32 $Units.hidden("no");
}

interface Sensor $note("sensor") {
  read @0 (pin :UInt8 $note("which")) -> (pin :UInt8 $note("the same")) $level(low);
  quiet @1 Reading -> Reading;
}

struct Generic(T) $note("generic") {
  it @0 :T $flag;
}
struct User {
  it @0 :Generic(Text);
}

const top :Int32 = 1 $flag;
