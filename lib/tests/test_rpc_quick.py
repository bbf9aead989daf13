# SPDX-License-Identifier: MIT
"""The tests of calls once more without the short way for frequent ones: it must change nothing."""

import sys

from capnrpc_micro.rpc import connection


def _never(conn, m):
    return False


def _without(name):
    short = connection.answer_quickly
    connection.answer_quickly = _never
    module = __import__(name)
    try:
        for test in dir(module):
            if test.startswith("test_"):
                getattr(module, test)()
    finally:
        connection.answer_quickly = short
        sys.modules.pop(name)  # one test file at a time fits a small heap


def test_calls_without():
    _without("test_rpc_calls")


def test_limits_without():
    _without("test_rpc_limits")


def test_messages_without():
    _without("test_rpc_messages")
