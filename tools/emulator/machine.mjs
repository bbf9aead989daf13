// SPDX-License-Identifier: MIT
// A Raspberry Pi Pico: the RP2040 of rp2040js with what it lacks, running in emulated time.

import fs from 'node:fs';

import { FLASH_SIZE, loadContent, loadUf2, makeWritable, saveContent } from './flash.mjs';
import { PL011 } from './pl011.mjs';
import { Simulator, bootromFile } from './rp2040js.mjs';
import { UsbSerial } from './usb_serial.mjs';

const START = 0x10000000; // flash: the second-stage boot loader
const UART_SLOTS = [0x40034, 0x40038]; // their places among the peripherals
const WATCHDOG_SLOT = 0x40058;
const ROSC_SLOT = 0x40060; // the ring oscillator
const ROSC_RANDOM_BIT = 0x1c;
const CYCLE_NANOS = 8; // 125 MHz

const SLICE_MS = 2; // how long the emulator runs before it looks at its sockets
const STEPS = 20000; // how many instructions before it looks at the wall clock
const MAX_SLEEP_MS = 50;
const MAX_LAG_NANOS = 20e6; // a host that is too slow is not caught up with beyond this
const MAX_LEAD_NANOS = 5e6;

// The FIFO between the cores, in the SIO block.
const FIFO_STATUS = 0x50;
const FIFO_WRITE = 0x54;
const FIFO_READ = 0x58;
const FIFO_VALID = 1 << 0; // there is something to read
const FIFO_READY = 1 << 1; // there is space to write

// Only core 0 is emulated, and rp2040js complains whenever firmware uses the FIFO to core 1.
// MicroPython does so at a soft reset, where it resets core 1 and waits for the 0 that core 1's
// boot ROM then sends; so a 0 is always there.
function answerForCore1(sio) {
  const { readUint32, writeUint32 } = sio;
  sio.readUint32 = (offset) => {
    if (offset === FIFO_STATUS) return FIFO_VALID | FIFO_READY;
    return offset === FIFO_READ ? 0 : readUint32.call(sio, offset);
  };
  sio.writeUint32 = (offset, value) => {
    if (offset !== FIFO_STATUS && offset !== FIFO_WRITE) writeUint32.call(sio, offset, value);
  };
}

// rp2040js has no ring oscillator: its random bit, which os.urandom() and TLS are fed with, would
// always be 1. Xorshift, from the same start in runs that repeat exactly.
function giveRandomBits(rosc, seed) {
  const { readUint32 } = rosc;
  let state = seed;
  rosc.readUint32 = (offset) => {
    if (offset !== ROSC_RANDOM_BIT) return readUint32.call(rosc, offset);
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 1;
  };
}

const errorsOnly = {
  debug() {},
  info() {},
  warn() {},
  error(component, message) {
    console.error(`[${component}] ${message}`);
  },
};

export class Pico {
  /**
   * `realtime` holds emulated time back to wall time, which peers outside the emulation need;
   * without it idle time is skipped. `flashFile` keeps the flash chip's content.
   */
  constructor({ firmware, flashFile = null, realtime = false }) {
    this.firmware = firmware;
    this.flashFile = flashFile;
    this.realtime = realtime;
    this.onUsbData = () => {};
    this.onUsbConnected = () => {};
    this.onUartData = [() => {}, () => {}];
    this.instructions = 0;
    this.resets = 0;
    this.nanosBefore = 0; // emulated time before the last reset
    this.resetRequested = false;
    this.timer = null; // of the next slice
    this.sleeping = false;
    this.stopped = false;
    this.wallStart = performance.now();
    this.wallShift = 0; // how far wall time is set back because the emulation lags
    this.powerOn();
  }

  // ---- building the machine

  powerOn(previous = null) {
    const { rp2040: mcu, clock } = new Simulator();
    this.mcu = mcu;
    this.clock = clock;
    mcu.logger = errorsOnly;
    answerForCore1(mcu.sio);
    // The boot ROM is not part of rp2040js.
    const rom = fs.readFileSync(bootromFile);
    mcu.loadBootrom(new Uint32Array(rom.buffer.slice(rom.byteOffset, rom.byteOffset + rom.length)));
    makeWritable(mcu);
    if (previous) {
      mcu.flash.set(previous.flash.subarray(0, FLASH_SIZE));
    } else {
      mcu.flash.fill(0xff, 0, FLASH_SIZE);
      if (this.flashFile) loadContent(mcu.flash, this.flashFile);
      loadUf2(mcu.flash, this.firmware);
    }
    this.uarts = mcu.uart.map((stock) => new PL011(mcu, clock, stock));
    this.uarts.forEach((uart, n) => {
      mcu.uart[n] = uart;
      mcu.peripherals[UART_SLOTS[n]] = uart;
    });
    this.usb = new UsbSerial(mcu.usbCtrl, {
      onData: (bytes) => this.onUsbData(bytes),
      onConnected: () => this.onUsbConnected(),
    });
    giveRandomBits(mcu.peripherals[ROSC_SLOT], this.realtime ? Date.now() | 1 : 1);
    const watchdog = mcu.peripherals[WATCHDOG_SLOT];
    if (previous) {
      const old = previous.peripherals[WATCHDOG_SLOT];
      watchdog.reason = old.reason; // what machine.reset_cause() reads
      watchdog.scratchData.set(old.scratchData);
    }
    watchdog.onWatchdogTrigger = () => this.reset();
    // The ROM's way through USB boot mode and the flash's identification needs hardware that is
    // not emulated, so the firmware is entered where the ROM would.
    mcu.core.PC = START;
  }

  /** Resets the board before its next instruction. */
  reset() {
    this.resetRequested = true;
    this.mcu.core.waiting = false;
    this.wake();
  }

  performReset() {
    // rp2040js has no reset of its peripherals, so the board gets a new microcontroller that
    // keeps what a real one keeps: the flash, and what the watchdog knows.
    this.resetRequested = false;
    this.resets++;
    this.nanosBefore += this.clock.nanos;
    this.powerOn(this.mcu);
  }

  // ---- the board's ports

  usbSend(bytes) {
    if (this.realtime) this.idleUntilNow();
    this.usb.send(bytes);
    this.wake();
  }

  uartSend(n, bytes) {
    if (this.realtime) this.idleUntilNow();
    this.uarts[n].feed(bytes);
    this.wake();
  }

  // ---- time

  get nanos() {
    return this.nanosBefore + this.clock.nanos;
  }

  /** Wall time as the board should see it, in nanoseconds. */
  get wallNanos() {
    return (performance.now() - this.wallStart) * 1e6 - this.wallShift;
  }

  start() {
    this.timer = setImmediate(() => this.slice());
  }

  stop() {
    clearTimeout(this.timer);
    clearImmediate(this.timer);
    this.timer = null;
    this.stopped = true;
    if (this.flashFile) saveContent(this.mcu.flash, this.flashFile);
  }

  /** Ends a sleep: something arrived from outside. */
  wake() {
    if (!this.sleeping) return;
    this.sleeping = false;
    clearTimeout(this.timer);
    this.start();
  }

  slice() {
    const deadline = performance.now() + SLICE_MS;
    let sleepMs = 0;
    do {
      sleepMs = this.runSteps();
      if (this.resetRequested) this.performReset();
      if (this.realtime && !sleepMs) sleepMs = this.pace();
    } while (!sleepMs && performance.now() < deadline);
    this.uarts.forEach((uart, n) => {
      const bytes = uart.take();
      if (bytes.length) this.onUartData[n](bytes);
    });
    if (this.stopped) return;
    if (sleepMs >= 1) {
      this.sleeping = true;
      this.timer = setTimeout(() => {
        this.sleeping = false;
        this.slice();
      }, Math.min(sleepMs, MAX_SLEEP_MS));
    } else {
      this.start();
    }
  }

  /** Runs some instructions; returns for how many milliseconds there is nothing to do, or 0. */
  runSteps() {
    const { clock } = this;
    const { core } = this.mcu;
    for (let i = 0; i < STEPS; i++) {
      if (core.waiting) {
        if (this.realtime) {
          this.idleUntilNow();
          if (core.waiting) return this.untilNextAlarm();
        } else if (clock.nextAlarm) {
          clock.tick(clock.nanosToNextAlarm);
        } else {
          return MAX_SLEEP_MS; // only the outside can wake the board
        }
        continue;
      }
      // clock.tick() for each instruction would cost as much as the instruction.
      clock.nanosCounter += core.executeInstruction() * CYCLE_NANOS;
      this.instructions++;
      if (clock.nextAlarm && clock.nextAlarm.nanos <= clock.nanosCounter) clock.tick(0);
      if (this.resetRequested) return 0;
    }
    return 0;
  }

  /** Lets the time that a waiting board has slept pass for the board too. */
  idleUntilNow() {
    const { clock } = this;
    const now = this.wallNanos - this.nanosBefore;
    while (this.mcu.core.waiting && clock.nanos < now) {
      const next = Math.min(now, clock.nextAlarm?.nanos ?? now);
      clock.tick(Math.max(next - clock.nanos, 0));
    }
  }

  untilNextAlarm() {
    const { nextAlarm } = this.clock;
    if (!nextAlarm) return MAX_SLEEP_MS;
    return Math.max((nextAlarm.nanos - this.wallNanos + this.nanosBefore) / 1e6, 0.01);
  }

  /** Compares emulated with wall time; returns for how many milliseconds to hold back, or 0. */
  pace() {
    const lag = this.wallNanos - this.nanos;
    if (lag > MAX_LAG_NANOS) this.wallShift += lag - MAX_LAG_NANOS;
    return lag < -MAX_LEAD_NANOS ? -lag / 1e6 : 0;
  }

  /** What has happened so far. */
  stats() {
    return {
      wall_s: (performance.now() - this.wallStart) / 1000,
      emulated_s: this.nanos / 1e9,
      instructions: this.instructions,
      resets: this.resets,
    };
  }
}
