// SPDX-License-Identifier: MIT
// What every variant shares: the unix port with the features of a board (rp2 and esp32 firmware
// are built at EXTRA_FEATURES) and without those that only the unix port switches on.

#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

// For TLS on the MicroPython heap: see mbedtls_board_like.h.
#define MICROPY_TRACKED_ALLOC (1)

#include "variants/mpconfigvariant_common.h"

// Boards have neither of these, so code that uses them must fail here as well.
#undef MICROPY_PY_SYS_EXC_INFO
#define MICROPY_PY_SYS_EXC_INFO (0)
#undef MICROPY_PY_SYS_ATEXIT
#define MICROPY_PY_SYS_ATEXIT (0)

// gc.collect() returns None on boards.
#undef MICROPY_PY_GC_COLLECT_RETVAL
#define MICROPY_PY_GC_COLLECT_RETVAL (0)

// Error messages have the length that they have on boards.
#undef MICROPY_ERROR_REPORTING
#define MICROPY_ERROR_REPORTING (MICROPY_ERROR_REPORTING_NORMAL)
