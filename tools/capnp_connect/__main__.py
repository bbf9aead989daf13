# SPDX-License-Identifier: MIT
"""python -m capnp_connect: calls a method of a service from the command line."""

import sys

from .command import main

sys.exit(main())
