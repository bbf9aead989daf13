# SPDX-License-Identifier: MIT

"""The rp2 port's frozen modules with capnrpc_micro."""

include("stock.py")
include("../manifest.py")
