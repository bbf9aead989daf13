# SPDX-License-Identifier: MIT
"""The command line: restores a service, calls a method of it, prints the results."""

import argparse
import asyncio
import sys

import capnp

from capnrpc_micro.identity import capfile
from capnrpc_micro.identity.address import Address
from capnrpc_micro.identity.secret_key import SecretKey

from . import schemas
from .connecting import connect
from .errors import ConnectError, Expired, peers_text
from .values import parameters

_FAILED = 1  # the call ended with an error
_USAGE = 2
_INTERRUPTED = 130

_EPILOG = """
VALUE is a number, true or false, a text, JSON for a list or a struct; for Data a text, 0x and
hexadecimal digits, or @FILE.

A URI is a secret and other users of this machine can see command lines: better give the path of a
.cap file, or - and the URI on standard input.

exit status: 0 done, 1 the call failed, 2 wrong usage, 3 no connection (unreachable, lost, no
Cap'n Proto, too late), 4 no TLS, handshake refused or wrong key, 5 no such service, 130 interrupted
"""


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m capnp_connect",
        description="Calls a method of the service that a capnp:// URI stands for.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("uri", metavar="URI", help="capnp://..., a .cap file, or -")
    parser.add_argument("schema", metavar="SCHEMA", help="a .capnp file")
    parser.add_argument("interface", metavar="INTERFACE", help="as in Thermometer.Listener")
    parser.add_argument("method", metavar="METHOD")
    parser.add_argument("arguments", metavar="NAME=VALUE", nargs="*")
    parser.add_argument("-I", dest="imports", metavar="FOLDER", action="append", default=[])
    parser.add_argument(
        "--key", metavar="FILE", help="a key to show to the vat (default: a new one)"
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=float,
        default=30,
        help="for connecting, and again for the call (default: 30; 0: no limit)",
    )
    return parser


class _Wrong(Exception):
    """What was asked for cannot be meant."""


def _address(text):
    try:
        if text == "-":
            return Address.parse(sys.stdin.readline().strip())
        if "://" in text:
            return Address.parse(text)
        return capfile.load(text)
    except (OSError, ValueError) as error:
        raise _Wrong(str(error))


def _call(options):
    """(the Address, the interface, the key, the parameters) that are meant. Raises _Wrong."""
    address = _address(options.uri)
    try:
        interface = schemas.interface(options.schema, options.interface, options.imports)
    except ValueError as error:
        raise _Wrong(str(error))
    methods = interface.schema.methods_inherited
    if options.method not in methods:
        raise _Wrong(
            "%s has no method %s, only: %s"
            % (options.interface, options.method, ", ".join(sorted(methods)))
        )
    try:
        key = SecretKey.load(options.key) if options.key else None
        return address, interface, key, parameters(methods[options.method], options.arguments)
    except (OSError, ValueError) as error:
        raise _Wrong(str(error))


async def _run(address, interface, key, method, values, timeout):
    async with connect(address, interface, key=key, timeout=timeout) as cap:
        try:
            call = cap._send(method, **values)
        except (capnp.KjException, TypeError, ValueError, OverflowError) as error:
            said = peers_text(error) if isinstance(error, capnp.KjException) else error
            raise _Wrong("the arguments do not fit: %s" % said)
        try:
            return str(await asyncio.wait_for(_answer(call), timeout))
        except asyncio.TimeoutError:
            raise Expired("no answer within %g seconds while waiting for the call" % timeout)


async def _answer(call):
    return await call


def main(arguments=None):
    """Returns the exit status."""
    options = _parser().parse_args(arguments)
    service = b""
    try:
        address, interface, key, values = _call(options)
        service = address.service
        run = _run(address, interface, key, options.method, values, options.timeout or None)
        print(asyncio.run(capnp.run(run)))
        return 0
    except _Wrong as error:
        return _end(_USAGE, error)
    except ConnectError as error:
        return _end(error.status, error)
    except capnp.KjException as error:
        text = "%s (%s)" % (peers_text(error, service), error.type.lower())
        return _end(_FAILED, "the call failed: " + text)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _end(status, text):
    print("capnp_connect: %s" % text, file=sys.stderr)
    return status
