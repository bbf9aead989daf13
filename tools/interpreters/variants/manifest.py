# SPDX-License-Identifier: MIT

"""What a variant without our library has frozen in: asyncio, as every board's firmware has."""

include("$(MPY_DIR)/extmod/asyncio")
