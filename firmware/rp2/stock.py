# SPDX-License-Identifier: MIT

"""What the rp2 port always freezes: its own modules and asyncio.

Upstream's boards/manifest.py has four small drivers more (onewire, ds18x20, dht, neopixel) from
micropython-lib, which Debian's source package leaves out.
"""

freeze("$(PORT_DIR)/modules")
include("$(MPY_DIR)/extmod/asyncio")
