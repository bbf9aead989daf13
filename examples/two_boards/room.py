# SPDX-License-Identifier: MIT
"""The board in the room: it has a thermometer, and displays what the heater does.

    room.py HOST:PORT

It keeps room.pem, writes room.cap and reads heater.cap. The file `celsius` stands for a sensor.
"""

import asyncio
import sys

from house_capnp import Heater, Thermometer
from neighbour import introduce, introduced

import capnrpc_micro as capnp

SECONDS = 0.5  # between two looks at the heater


class Sensor(Thermometer.Server):
    celsius = 20

    def read(self):
        try:
            with open("celsius") as file:  # on a board: ask the sensor
                self.celsius = float(file.read())
        except (OSError, ValueError):
            pass  # not there, or being written: it is as warm as before
        return self.celsius


async def display(heater):
    shown = None
    while True:
        try:
            state = "on" if (await capnp.wait_for(heater.isOn(), 2)).on else "off"
        except (capnp.Error, asyncio.TimeoutError):
            state = "away"
        if state != shown:
            shown = state
            print("the heater is", state)
        await asyncio.sleep(SECONDS)


async def main(listen):
    vat = capnp.Vat(listen, key="room.pem")
    uri = vat.offer(Sensor(), "thermometer")
    await vat.start()
    introduce("room.cap", uri)
    heater = await introduced("heater.cap")
    await display(vat.live(heater, Heater, wait=False, most_ms=2000))


asyncio.run(main(sys.argv[1]))
