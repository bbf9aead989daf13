// SPDX-License-Identifier: MIT
// 64-bit without big integers: what exceeds 63 bits raises OverflowError.

#define MICROPY_LONGINT_IMPL (MICROPY_LONGINT_IMPL_NONE)
#include "../board_like.h"
