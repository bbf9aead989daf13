// SPDX-License-Identifier: MIT
// The host's end of the board's USB serial port.
//
// USBCDC of rp2040js answers a board that waits for input with an empty packet every 10 us: an
// interrupt storm that makes the board three times slower in its own clock. A real host sends
// nothing (NAK) until it has data; so does this one.

import { USBCDC } from './rp2040js.mjs';

const PACKET_SIZE = 64;

export class UsbSerial {
  /** `onData(bytes)` gets what the board writes, `onConnected()` tells that it is configured. */
  constructor(usb, { onData, onConnected }) {
    this.usb = usb;
    this.cdc = new USBCDC(usb);
    this.queue = [];
    this.space = 0; // how much the board has asked for; 0 when it has not
    this.cdc.onSerialData = onData;
    this.cdc.onDeviceConnected = onConnected;
    usb.onEndpointRead = (endpoint, size) => {
      if (endpoint !== this.cdc.outEndpoint) return;
      this.space = size;
      this.deliver();
    };
  }

  /** Sends bytes to the board, as soon as it asks for them. */
  send(bytes) {
    for (let at = 0; at < bytes.length; at += PACKET_SIZE) {
      this.queue.push(bytes.subarray(at, at + PACKET_SIZE));
    }
    this.deliver();
  }

  deliver() {
    if (!this.space || !this.queue.length) return;
    const packet = this.queue[0].subarray(0, this.space);
    if (packet.length === this.queue[0].length) this.queue.shift();
    else this.queue[0] = this.queue[0].subarray(packet.length);
    this.space = 0;
    this.usb.endpointReadDone(this.cdc.outEndpoint, packet);
  }
}
