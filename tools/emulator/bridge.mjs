// SPDX-License-Identifier: MIT
// A serial port of the board as a TCP port on loopback, for one client at a time.

import net from 'node:net';

/**
 * Serves a serial port; `send(bytes)` takes what the client writes. Returns a promise of
 * { port, write }, where `write(bytes)` sends to the client, and drops if there is none.
 */
export function serveSerial(port, send) {
  let client = null;
  const server = net.createServer((socket) => {
    if (client) client.destroy(); // the newest client wins, as when a cable is plugged in
    client = socket;
    socket.setNoDelay(true);
    socket.on('data', send);
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => {
      if (client === socket) client = null;
    });
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, '127.0.0.1', () => {
      resolve({
        port: server.address().port,
        write: (bytes) => client?.write(Buffer.from(bytes)),
      });
    });
  });
}
