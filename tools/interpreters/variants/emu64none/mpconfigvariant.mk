# SPDX-License-Identifier: MIT
# 64-bit without big integers: what exceeds 63 bits raises OverflowError.

include $(VARIANT_DIR)/../board_like.mk

# The frozen constants have to be written for this kind of integer too, else the C compiler stops
# with "incompatible MICROPY_LONGINT_IMPL".
MPY_TOOL_FLAGS = -mlongint-impl none
