# SPDX-License-Identifier: MIT
# 32-bit without big integers: what exceeds 31 bits raises OverflowError.

include $(VARIANT_DIR)/../board_like.mk

# The frozen constants have to be written for this kind of integer too, else the C compiler stops
# with "incompatible MICROPY_LONGINT_IMPL".
MPY_TOOL_FLAGS = -mlongint-impl none

MICROPY_FORCE_32BIT = 1

# id() of an object is its address, and asyncio keeps streams in a dict by id(). A board's RAM is
# below 2**30, where an address is a small int; a position-independent program's memory is at
# 0x56000000 and up, where it is not (a big int each time, or without those an OverflowError in
# asyncio). So the program is linked at its classic low address; low_heap.c does the rest.
CFLAGS_EXTRA += -fno-pie
LDFLAGS_EXTRA += -no-pie
