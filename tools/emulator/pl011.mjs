// SPDX-License-Identifier: MIT
// A PL011 UART with its FIFOs, interrupt levels, receive timeout and baud rate.
//
// It replaces the model of rp2040js, whose transmit interrupt is pending all the time: the first
// machine.UART() would never leave the interrupt handler.

import { BasePeripheral } from './rp2040js.mjs';

// Register offsets.
const DR = 0x00;
const RSR = 0x04;
const FR = 0x18;
const IBRD = 0x24;
const FBRD = 0x28;
const LCR_H = 0x2c;
const CR = 0x30;
const IFLS = 0x34;
const IMSC = 0x38;
const RIS = 0x3c;
const MIS = 0x40;
const ICR = 0x44;
const DMACR = 0x48;
const PERIPHERAL_ID = new Map([
  [0xfe0, 0x11], [0xfe4, 0x10], [0xfe8, 0x34], [0xfec, 0x00],
  [0xff0, 0x0d], [0xff4, 0xf0], [0xff8, 0x05], [0xffc, 0xb1],
]);

// Bits of FR, LCR_H, CR and of the interrupt registers.
const FR_CTS = 1 << 0;
const FR_BUSY = 1 << 3;
const FR_RX_EMPTY = 1 << 4;
const FR_TX_FULL = 1 << 5;
const FR_RX_FULL = 1 << 6;
const FR_TX_EMPTY = 1 << 7;
const LCR_FIFO_ENABLE = 1 << 4;
const CR_ENABLE = 1 << 0;
const CR_TX_ENABLE = 1 << 8;
const CR_RX_ENABLE = 1 << 9;
const INT_RX = 1 << 4;
const INT_TX = 1 << 5;
const INT_RX_TIMEOUT = 1 << 6;
const INT_OVERRUN = 1 << 10;

const FIFO_DEPTH = 32;
const FIFO_LEVELS = [4, 8, 16, 24, 28]; // 1/8, 1/4, 1/2, 3/4, 7/8 of it
const BITS_PER_CHARACTER = 10; // 8N1
const RX_TIMEOUT_BITS = 32;

export class PL011 extends BasePeripheral {
  constructor(mcu, clock, stock) {
    super(mcu, stock.name);
    this.irq = stock.irq;
    this.dreq = stock.dreq;
    this.control = CR_TX_ENABLE | CR_RX_ENABLE;
    this.lineControl = 0;
    this.levels = 0x12;
    this.integerDivisor = 0;
    this.fractionalDivisor = 0;
    this.dmaControl = 0;
    this.interrupts = 0;
    this.mask = 0;
    this.rx = [];
    this.tx = [];
    this.incoming = []; // what the line will bring, one array a delivery
    this.position = 0; // in incoming[0]
    this.outgoing = []; // what has left on the line since the last take()
    this.txAlarm = clock.createAlarm(() => this.characterSent());
    this.rxAlarm = clock.createAlarm(() => this.characterArrived());
    this.timeoutAlarm = clock.createAlarm(() => this.raise(INT_RX_TIMEOUT));
  }

  // ---- the line, seen from outside

  /** Puts bytes on the line to the board; they arrive at the baud rate. */
  feed(bytes) {
    if (bytes.length) this.incoming.push(bytes);
    if (!this.rxAlarm.scheduled) this.rxAlarm.schedule(this.characterNanos);
  }

  /** Returns the bytes that the board has sent since the last call. */
  take() {
    const bytes = Uint8Array.from(this.outgoing);
    this.outgoing.length = 0;
    return bytes;
  }

  // ---- timing

  get bitNanos() {
    const divisor = this.integerDivisor + this.fractionalDivisor / 64;
    return divisor ? (1e9 * 16 * divisor) / this.rp2040.clkPeri : 1e9 / 115200;
  }

  get characterNanos() {
    return BITS_PER_CHARACTER * this.bitNanos;
  }

  /** rp2040js tells its peripherals of a new clock; the rate is read when it is needed. */
  clkPeriChanged() {}

  // ---- FIFOs and interrupts

  get depth() {
    return this.lineControl & LCR_FIFO_ENABLE ? FIFO_DEPTH : 1;
  }

  get txLevel() {
    return this.depth === 1 ? 0 : FIFO_LEVELS[this.levels & 7];
  }

  get rxLevel() {
    return this.depth === 1 ? 1 : FIFO_LEVELS[(this.levels >> 3) & 7];
  }

  raise(bits) {
    this.interrupts |= bits;
    this.updateInterrupt();
  }

  updateInterrupt() {
    this.rp2040.setInterrupt(this.irq, !!(this.interrupts & this.mask));
  }

  characterSent() {
    this.txAlarm.scheduled = false;
    const before = this.tx.length;
    this.outgoing.push(this.tx.shift());
    // The interrupt comes when the FIFO drains past its level, not while it is below.
    if (before > this.txLevel && this.tx.length <= this.txLevel) this.raise(INT_TX);
    if (this.tx.length) this.txAlarm.schedule(this.characterNanos);
  }

  characterArrived() {
    this.rxAlarm.scheduled = false;
    const byte = this.incoming[0][this.position++];
    if (this.position === this.incoming[0].length) {
      this.incoming.shift();
      this.position = 0;
    }
    const listening = CR_ENABLE | CR_RX_ENABLE;
    if ((this.control & listening) === listening) this.receive(byte);
    if (this.incoming.length) this.rxAlarm.schedule(this.characterNanos);
  }

  receive(byte) {
    if (this.rx.length < this.depth) {
      this.rx.push(byte);
      if (this.rx.length >= this.rxLevel) this.interrupts |= INT_RX;
    } else {
      this.interrupts |= INT_OVERRUN;
    }
    this.timeoutAlarm.schedule(RX_TIMEOUT_BITS * this.bitNanos);
    this.updateInterrupt();
  }

  // ---- registers

  readData() {
    const byte = this.rx.length ? this.rx.shift() : 0;
    if (this.rx.length < this.rxLevel) this.interrupts &= ~INT_RX;
    if (this.rx.length) {
      this.timeoutAlarm.schedule(RX_TIMEOUT_BITS * this.bitNanos);
    } else {
      this.interrupts &= ~INT_RX_TIMEOUT;
      this.timeoutAlarm.cancel();
    }
    this.updateInterrupt();
    return byte;
  }

  writeData(value) {
    if (this.tx.length >= this.depth) return;
    this.tx.push(value & 0xff);
    if (this.tx.length > this.txLevel) this.interrupts &= ~INT_TX;
    if (!this.txAlarm.scheduled) this.txAlarm.schedule(this.characterNanos);
    this.updateInterrupt();
  }

  setLineControl(value) {
    if ((value ^ this.lineControl) & LCR_FIFO_ENABLE) {
      // Switching the FIFOs on or off empties them.
      this.rx.length = 0;
      this.tx.length = 0;
      this.txAlarm.cancel();
      this.timeoutAlarm.cancel();
    }
    this.lineControl = value;
  }

  get flags() {
    return (
      FR_CTS |
      (this.tx.length ? FR_BUSY : FR_TX_EMPTY) |
      (this.tx.length >= this.depth ? FR_TX_FULL : 0) |
      (this.rx.length ? 0 : FR_RX_EMPTY) |
      (this.rx.length >= this.depth ? FR_RX_FULL : 0)
    );
  }

  readUint32(offset) {
    switch (offset) {
      case DR: return this.readData();
      case RSR: return 0;
      case FR: return this.flags;
      case IBRD: return this.integerDivisor;
      case FBRD: return this.fractionalDivisor;
      case LCR_H: return this.lineControl;
      case CR: return this.control;
      case IFLS: return this.levels;
      case IMSC: return this.mask;
      case RIS: return this.interrupts;
      case MIS: return this.interrupts & this.mask;
      case DMACR: return this.dmaControl;
    }
    return PERIPHERAL_ID.get(offset) ?? super.readUint32(offset);
  }

  writeUint32(offset, value) {
    switch (offset) {
      case DR: this.writeData(value); break;
      case RSR: break;
      case IBRD: this.integerDivisor = value & 0xffff; break;
      case FBRD: this.fractionalDivisor = value & 0x3f; break;
      case LCR_H: this.setLineControl(value); break;
      case CR:
        this.control = value;
        if (value & CR_ENABLE) this.rp2040.dma.setDREQ(this.dreq.tx);
        else this.rp2040.dma.clearDREQ(this.dreq.tx);
        break;
      case IFLS: this.levels = value; break;
      case IMSC: this.mask = value & 0x7ff; this.updateInterrupt(); break;
      case ICR: this.interrupts &= ~this.rawWriteValue; this.updateInterrupt(); break;
      case DMACR: this.dmaControl = value; break;
      default: super.writeUint32(offset, value);
    }
  }
}
