// SPDX-License-Identifier: MIT
// The flash chip: UF2 images, a file that keeps it, and writing to it.
//
// rp2040js emulates flash that can only be read. Firmware writes it by functions of the boot ROM,
// so the ROM's copies of those are replaced by breakpoints, and the work is done here.

import fs from 'node:fs';

export const FLASH_SIZE = 2 << 20; // what a Pico has
const FLASH_START = 0x10000000;

const UF2_BLOCK = 512;
const UF2_MAGIC = 0x0a324655;

const BREAKPOINT = 0xbe00; // BKPT #n
const RETURN = 0x4770; // BX LR
const ERASE = 0xe0;
const PROGRAM = 0xe1;
const NOTHING = 0xe2;
const HOOKS = {
  RE: ERASE, // flash_range_erase(offset, count, block_size, command)
  RP: PROGRAM, // flash_range_program(offset, data, count)
  IF: NOTHING, // connect_internal_flash()
  EX: NOTHING, // flash_exit_xip()
  FC: NOTHING, // flash_flush_cache()
  CX: NOTHING, // flash_enter_cmd_xip()
};
const FUNCTION_TABLE = 0x14; // where the ROM keeps the table's 16-bit address

/** Copies a UF2 image into flash. */
export function loadUf2(flash, file) {
  const image = fs.readFileSync(file);
  let blocks = 0;
  for (let at = 0; at + UF2_BLOCK <= image.length; at += UF2_BLOCK) {
    if (image.readUInt32LE(at) !== UF2_MAGIC) continue;
    const address = image.readUInt32LE(at + 12);
    const length = image.readUInt32LE(at + 16);
    flash.set(image.subarray(at + 32, at + 32 + length), address - FLASH_START);
    blocks++;
  }
  if (!blocks) throw new Error(`${file}: expected a UF2 image, met no UF2 block in it`);
}

/** Copies the kept content of the flash chip, if there is one, into flash. */
export function loadContent(flash, file) {
  if (fs.existsSync(file)) flash.set(fs.readFileSync(file).subarray(0, FLASH_SIZE));
}

/** Keeps the content of the flash chip in a file. */
export function saveContent(flash, file) {
  fs.writeFileSync(`${file}.new`, flash.subarray(0, FLASH_SIZE));
  fs.renameSync(`${file}.new`, file);
}

/** Makes the flash of this microcontroller writable. */
export function makeWritable(mcu) {
  const rom = new DataView(mcu.bootrom.buffer);
  for (let entry = rom.getUint16(FUNCTION_TABLE, true); rom.getUint16(entry, true); entry += 4) {
    const code = String.fromCharCode(rom.getUint8(entry), rom.getUint8(entry + 1));
    if (!(code in HOOKS)) continue;
    const start = rom.getUint16(entry + 2, true) & ~1; // bit 0 only says that it is Thumb code
    rom.setUint16(start, BREAKPOINT | HOOKS[code], true);
    rom.setUint16(start + 2, RETURN, true);
  }
  mcu.onBreak = (code) => {
    const [first, second, third] = mcu.core.registers;
    if (code === ERASE) {
      mcu.flash.fill(0xff, first, first + second);
    } else if (code === PROGRAM) {
      // Programming can only clear bits.
      for (let i = 0; i < third; i++) mcu.flash[first + i] &= mcu.readUint8(second + i);
    } else if (code !== NOTHING) {
      const address = mcu.core.PC.toString(16);
      throw new Error(`the firmware stopped at breakpoint ${code} near address 0x${address}`);
    }
  };
}
