# SPDX-License-Identifier: MIT
# A network interface as a capability: Ethernet frames in and out.
#
# Net is the interface of MirageOS's NETWORK signature as its SDK published it, with the same ids;
# a client that was written for it works unchanged. Network is the same object with what the
# signature has beside it. The declarations follow from the file's id and their names: do not
# change either.
@0x9e83562906de8259;

interface Net {
  disconnect @0 () -> ();
  # Ends the interface for everybody: all calls of listen return ok, later writes give disconnected.

  write @1 (buffer :Data) -> Result;
  # Sends one frame, with its Ethernet header and without checksum.

  writev @2 (buffers :List(Data)) -> Result;
  # Sends one frame that is given in pieces.

  listen @3 (callback :Callback) -> Result;
  # Gives each frame that arrives to the callback. Returns when the interface is disconnected;
  # cancel the call to stop earlier. A few calls of the callback are under way at a time; while
  # that many are not answered, frames that arrive are dropped for this callback, and counted. So
  # are those that a callback refuses as overloaded; any other error from it ends the call.

  mac @4 () -> (mac :Text);
  # The interface's address, as in "02:00:5e:10:00:01".

  interface Callback {
    f @0 (buffer :Data) -> ();
  }

  struct Result {
    union {
      ok @0 :Void;
      disconnected @1 :Void;
      unimplemented @2 :Void;
      error @3 :Text;
    }
  }
}

interface Network extends(Net) {
  stats @0 () -> Stats;
  resetStats @1 () -> ();

  mtu @2 () -> (mtu :UInt16);
  # The longest payload of a frame in bytes, without the Ethernet header.

  struct Stats {
    # What has crossed the interface since the start or the last reset, whoever listened.
    # Numbers of packets begin again at 0 after 2^29 - 1; so do those of bytes, but only on a board
    # without big integers.

    rxBytes @0 :Int64;
    rxPkts @1 :Int32;
    txBytes @2 :Int64;
    txPkts @3 :Int32;

    dropped @4 :Int32;
    # Frames that a callback did not get because it was slow, summed over all callbacks.

    invalid @5 :Int32;
    # Frames that arrived too short for an Ethernet header or longer than the mtu allows. They
    # are not among those received.
  }
}
