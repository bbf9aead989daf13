// SPDX-License-Identifier: MIT
// The variant needs the low heap of emu32 more than emu32 does: it has no integer for another.

#include "../emu32/low_heap.c"
