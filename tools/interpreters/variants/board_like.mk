# SPDX-License-Identifier: MIT
# What every variant shares: no module that boards do not have and that needs more of the host.

# The btree module needs Berkeley DB, whose source Debian's package leaves out.
MICROPY_PY_BTREE = 0

# ffi, besides being no board's feature, does not build without big integers.
MICROPY_PY_FFI = 0

# TLS takes its memory from the MicroPython heap, as on rp2, so that -X heapsize= bounds it too.
MBEDTLS_CONFIG_FILE = \"$(VARIANT_DIR)/../mbedtls_board_like.h\"

# The module `emu`, through which allocations on the MicroPython heap go.
SRC_C += $(abspath $(VARIANT_DIR)/../emu.c)
LDFLAGS_EXTRA += -Wl,--wrap=gc_alloc,--wrap=gc_realloc,--wrap=mp_obj_exception_add_traceback
