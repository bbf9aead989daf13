# SPDX-License-Identifier: MIT
"""The board-like interpreters that `make interpreters` builds."""

PLAIN = ("emu32", "emu32none")
# With the library frozen in. Objects of a 64-bit interpreter are twice as large as a board's: there
# the library's own code would take what a board has left for data.
FROZEN = ("emu64frozen", "emu64nonefrozen", "emu32frozen", "emu32nonefrozen")
