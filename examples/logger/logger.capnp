# SPDX-License-Identifier: MIT
# Loggers that last: who has the URI of one can use it after the board was off, too.
@0xa3d1f4c27b9e5086;

interface LoggerFactory {
  create @0 (label :Text) -> (logger :Logger);
  # A new logger. It also answers `save` of the interface Persistent, with its URI.
}

interface Logger {
  log @0 (message :Text) -> ();
  read @1 () -> (messages :List(Text));
  # The last messages, the oldest one first.
}

struct Log {
  # What the board keeps of a logger in a file.
  label @0 :Text;
  messages @1 :List(Text);
}
