# SPDX-License-Identifier: MIT
"""A user of the board's loggers, with pycapnp.

    user.py new FACTORY.cap LOGGER.cap LABEL   has a logger made, and keeps its URI in a file
    user.py log LOGGER.cap MESSAGE             logs something
    user.py read LOGGER.cap                    prints what was logged

Files of the name .cap hold a URI: who can read them can use what it stands for.
"""

import asyncio
import pathlib
import sys

import capnp
import capnp_connect

import capnrpc_micro

library = pathlib.Path(capnrpc_micro.__file__).parent
Persistent = capnp.load(str(library / "vat" / "persistent.capnp")).Persistent
logger_capnp = capnp.load(str(pathlib.Path(__file__).parent / "logger.capnp"))


async def new(factory_file, logger_file, label):
    uri = capnp_connect.load(factory_file)
    async with capnp_connect.connect(uri, logger_capnp.LoggerFactory) as factory:
        logger = factory.create(label).logger
        saved = await logger.cast_as(Persistent).save()
        address = capnp_connect.Address.parse(saved.sturdyRef.as_text())
        capnp_connect.save(logger_file, address)


async def log(logger_file, message):
    uri = capnp_connect.load(logger_file)
    async with capnp_connect.connect(uri, logger_capnp.Logger) as logger:
        await logger.log(message)


async def read(logger_file):
    uri = capnp_connect.load(logger_file)
    async with capnp_connect.connect(uri, logger_capnp.Logger) as logger:
        for message in (await logger.read()).messages:
            print(message)


command, *arguments = sys.argv[1:]
asyncio.run(capnp.run({"new": new, "log": log, "read": read}[command](*arguments)))
