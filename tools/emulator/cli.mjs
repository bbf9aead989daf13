// SPDX-License-Identifier: MIT
// The emulator's command line. Events are JSON, one a line, on standard output.
//
//   node cli.mjs --firmware FILE.uf2 [--flash FILE] [--usb PORT] [--uart0 PORT] [--uart1 PORT]
//                [--realtime] [--stats] [--control]
//
// PORT 0 takes a free port; the first event tells which. With --control the lines "stats",
// "reset" and "quit" on standard input are obeyed, and the end of standard input means "quit".

import readline from 'node:readline';
import { parseArgs } from 'node:util';

import { serveSerial } from './bridge.mjs';
import { Pico } from './machine.mjs';

const { values: options } = parseArgs({
  options: {
    firmware: { type: 'string' },
    flash: { type: 'string' },
    usb: { type: 'string' },
    uart0: { type: 'string' },
    uart1: { type: 'string' },
    realtime: { type: 'boolean', default: false },
    stats: { type: 'boolean', default: false },
    control: { type: 'boolean', default: false },
  },
});
if (!options.firmware) {
  console.error('expected --firmware FILE.uf2, met none; build one with tools/interpreters/build.py');
  process.exit(2);
}

function tell(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

function quit() {
  pico.stop();
  if (options.stats) tell('stats', pico.stats());
  process.exit(0);
}

let pico;
try {
  pico = new Pico({
    firmware: options.firmware,
    flashFile: options.flash,
    realtime: options.realtime,
  });
} catch (error) {
  console.error(`the board cannot start: ${error.message}`);
  process.exit(2);
}
pico.onUsbConnected = () => tell('usb', pico.stats());

const ports = {};
if (options.usb !== undefined) {
  const usb = await serveSerial(Number(options.usb), (bytes) => pico.usbSend(bytes));
  pico.onUsbData = usb.write;
  ports.usb = usb.port;
}
for (const n of [0, 1]) {
  const wanted = options[`uart${n}`];
  if (wanted === undefined) continue;
  const uart = await serveSerial(Number(wanted), (bytes) => pico.uartSend(n, bytes));
  pico.onUartData[n] = uart.write;
  ports[`uart${n}`] = uart.port;
}
tell('listening', ports);

process.on('SIGINT', quit);
process.on('SIGTERM', quit);
if (options.control) {
  const commands = { stats: () => tell('stats', pico.stats()), reset: () => pico.reset(), quit };
  const input = readline.createInterface({ input: process.stdin });
  input.on('line', (line) => {
    if (line in commands) commands[line]();
    else console.error(`expected stats, reset or quit, met ${JSON.stringify(line)}`);
  });
  input.on('close', quit);
}
pico.start();
