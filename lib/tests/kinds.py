# SPDX-License-Identifier: MIT
"""The kinds of fields by name, as `capnrpc_micro.layout` numbers them."""

VOID = 0
BOOL = 1
INT8 = 2
UINT8 = 3
INT16 = 4
UINT16 = 5
INT32 = 6
UINT32 = 7
INT64 = 8
UINT64 = 9
FLOAT32 = 10
FLOAT64 = 11
TEXT = 12
DATA = 13
LIST = 14
STRUCT = 15
INTERFACE = 16
ANYPOINTER = 17
GROUP = 18
ENUM = 19
