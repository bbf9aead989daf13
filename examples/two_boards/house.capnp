# SPDX-License-Identifier: MIT
# What two boards in a house know of each other.
@0x9c1e0b74d25fa83d;

interface Thermometer {
  read @0 () -> (celsius :Float32);
}

interface Heater {
  isOn @0 () -> (on :Bool);
}
