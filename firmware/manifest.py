# SPDX-License-Identifier: MIT

"""Freezes capnrpc_micro, and asyncio under it, into the firmware of any port.

Use it as FROZEN_MANIFEST, or from a board's own manifest: include("PATH/firmware/manifest.py").
Including asyncio a second time is harmless.
"""

include("$(MPY_DIR)/extmod/asyncio")

# opt=3 leaves out line numbers and asserts, as upstream does for asyncio: they cost flash, and
# no check that matters is an assert.
package("capnrpc_micro", base_path="../lib", opt=3)
