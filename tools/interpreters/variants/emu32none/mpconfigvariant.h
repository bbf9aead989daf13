// SPDX-License-Identifier: MIT
// 32-bit without big integers: what exceeds 31 bits raises OverflowError.

#define MICROPY_LONGINT_IMPL (MICROPY_LONGINT_IMPL_NONE)
#define MICROPY_FLOAT_IMPL (MICROPY_FLOAT_IMPL_FLOAT)
#include "../board_like.h"
