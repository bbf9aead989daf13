// SPDX-License-Identifier: MIT
// Where the emulator core comes from: the folder that setup.py filled, named by EMULATOR_FOLDER.

import { pathToFileURL } from 'node:url';

const folder = process.env.EMULATOR_FOLDER;
if (!folder) {
  console.error(
    'EMULATOR_FOLDER is not set: expected the folder that "python3 tools/emulator/setup.py" prints'
  );
  process.exit(2);
}

const core = await import(pathToFileURL(`${folder}/node_modules/rp2040js/dist/esm/index.js`));

export const { BasePeripheral, Simulator, USBCDC } = core;
export const bootromFile = `${folder}/bootrom_b1.bin`;
