# SPDX-License-Identifier: MIT
# What the interoperability tests call, in both directions.
@0xe2d0a5cbf0a6b1d3;

interface Thing {
  echo @0 (x :Int32) -> (y :Int32);
  # Remembers x, answers at once.

  later @1 (x :Int32) -> (y :Int32);
  # The same, after a turn of the event loop.

  getSelf @2 () -> (thing :Thing);

  same @3 (thing :Thing) -> (thing :Thing);

  sameLater @4 (thing :Thing) -> (thing :Thing);
  # After a pause.

  callMe @5 (thing :Thing, times :Int32) -> (sum :Int32);
  # Calls thing.echo(k) for k below `times`, adds up what it returns.

  fail @6 (kind :Int32, reason :Text) -> ();
  # Fails with an exception of a kind: 0 failed, 1 overloaded, 2 disconnected, 3 unimplemented.

  wait @7 () -> ();
  # Returns when it is cancelled only.

  cancelled @8 () -> (count :Int32);
  # How many calls of wait() have been cancelled.

  blob @9 (data :Data) -> (data :Data);

  keep @10 (thing :Thing) -> ();
  # Keeps it, and lets go of the one that was kept before. Null keeps none.

  callKept @11 (x :Int32) -> (y :Int32);
  # Calls the kept one's echo(x).

  many @12 (count :Int32) -> (things :List(Thing));

  seen @13 () -> (xs :List(Int32));
  # What echo() and later() were called with since the last call of seen(), in order.

  bare @14 () -> ();
  # Not implemented.
}

interface Other {
  nothing @0 () -> ();
  # Implemented by nobody.
}
