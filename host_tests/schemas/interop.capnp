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

  pump @15 (thing :Thing, first :Int32, count :Int32, window :Int32) -> (wrong :Int32);
  # Calls thing.echo(x) for `count` numbers x from `first`, with up to `window` calls under way, and
  # tells how many of them returned something else.

  hold @16 (thing :Thing) -> ();
  # Like wait(), and has a capability meanwhile.

  defer @17 () -> (thing :Thing);
  # Returns when settle() is called: what that is given.

  promise @18 (thing :Thing) -> (thing :Thing);
  # Returns at once the promise of what thing.defer() will return.

  settle @19 (thing :Thing) -> (waiting :Bool);
  # Lets the oldest call of defer() return; with null it fails. Tells whether there was one.

  sink @20 (kind :Int32) -> (sink :Sink);
  # A new one: 0 takes what is written at once, 1 after some turns of the event loop, 2 like 1, but
  # fails at what has no bytes. 3, which only pycapnp has, takes nothing before settle() is called.

  memory @21 () -> (used :Int32, descriptors :Int32);
  # Memory in use after a collection of garbage, in bytes or blocks, and how many files are open.

  released @22 () -> (count :Int32);
  # How many objects of the vat nobody refers to any more.

  drip @23 (thing :Thing, count :Int32) -> (wrong :Int32);
  # As pump(), from 0, but makes one call in each turn of the event loop.
}

interface Sink {
  write @0 (data :Data) -> stream;

  done @1 () -> (bytes :Int32, sum :Int32, together :Int32);
  # How many bytes were written, a sum that depends on their order, and how many calls of write() were
  # under way at the same time.
}

interface Other {
  nothing @0 () -> ();
  # Implemented by nobody.
}
