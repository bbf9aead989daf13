# SPDX-License-Identifier: MIT
# 32-bit as a board is: 31-bit small integers, big integers, single floats.

include $(VARIANT_DIR)/../board_like.mk

MICROPY_FORCE_32BIT = 1

# id() of an object is its address, and asyncio keeps streams in a dict by id(). A board's RAM is
# below 2**30, where an address is a small int; a position-independent program's memory is at
# 0x56000000 and up, where it is not (a big int each time, or without those an OverflowError in
# asyncio). So the program is linked at its classic low address; low_heap.c does the rest.
CFLAGS_EXTRA += -fno-pie
LDFLAGS_EXTRA += -no-pie
