# SPDX-License-Identifier: MIT
# 64-bit: 63-bit small integers, big integers, double floats.

include $(VARIANT_DIR)/../board_like.mk
