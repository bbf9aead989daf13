@0xeb3d4bbd6fd2d6a2;
# What the benchmarks call.

interface Echo {
  echo @0 (x :Int32) -> (y :Int32);
}
