# SPDX-License-Identifier: MIT
"""The board at the heater: it heats while the room is cold, and never when it does not know.

    heater.py HOST:PORT

It keeps heater.pem, writes heater.cap and reads room.cap.
"""

import asyncio
import sys

from house_capnp import Heater, Thermometer
from neighbour import introduce, introduced

import capnrpc_micro as capnp

COLD, WARM = 19, 21
SECONDS = 0.5  # between two looks at the thermometer
MISSES = 4  # in a row, until the temperature counts as unknown


class Switch(Heater.Server):
    on = False

    def isOn(self):
        return self.on

    def turn(self, on, why):
        if on is not self.on:
            self.on = on  # on a board: the pin of a relay
            print("on:" if on else "off:", why)


async def heat(switch, thermometer):
    missed = 0
    while True:
        try:
            celsius = (await capnp.wait_for(thermometer.read(), 2)).celsius
        except (capnp.Error, asyncio.TimeoutError):
            missed += 1
            if missed == MISSES:
                switch.turn(False, "nobody knows how warm it is")
        else:
            missed = 0
            if celsius < COLD or celsius > WARM:
                switch.turn(celsius < COLD, "it is %.1f degrees" % celsius)
        await asyncio.sleep(SECONDS)


def changed(there, error):
    print("the room is there" if there else "the room is away: " + error.reason)


async def main(listen):
    switch = Switch()
    vat = capnp.Vat(listen, key="heater.pem")
    uri = vat.offer(switch, "heater")
    await vat.start()
    introduce("heater.cap", uri)
    room = await introduced("room.cap")
    # It connects when the other board is there, and again whenever that was away: it tries every
    # two seconds at least. Calls that are made meanwhile fail at once.
    thermometer = vat.live(room, Thermometer, wait=False, changed=changed, most_ms=2000)
    await heat(switch, thermometer)


asyncio.run(main(sys.argv[1]))
