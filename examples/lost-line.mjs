// The UDP line dies in the middle of a session, and the session goes on over TCP: nothing is lost, nothing comes twice.
//
//     npm start                                         an echo with a login on port 8080
//     node examples/lost-line.mjs [login URL]
//
// The UDP line leads through a relay of its own here, which from some time on passes nothing any more, as a firewall might.
// A line that is silent is for the application to leave; a broken TCP or WebSocket connection is made again by itself.
import { Buffer } from 'node:buffer';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, login } from 'kcpgate/client';

const MESSAGES = 300;
/** Without an answer for so long the line is left. */
const PATIENCE_MS = 400;

const [loginUrl = 'http://127.0.0.1:8080/api/login'] = process.argv.slice(2);
const answer = await login({ loginUrl });
const udp = answer.lines.find(({ transport }) => transport === 'udp');
const relay = await startRelay(udp.host, udp.port);
const lines = answer.lines.map((line) => (line === udp ? { ...line, ...relay.address } : line));

const connection = await connect({ credentials: { ...answer, lines }, line: 'udp' });
console.log(`open on line ${connection.line.id}`);

let heardAt = Date.now();
let next = 0;
const receiving = (async () => {
  for await (const message of connection) {
    const number = Number(Buffer.from(message).toString());
    if (number !== next) throw new Error(`message ${number} came, ${next} is missing`);
    heardAt = Date.now();
    if (++next === MESSAGES) return;
  }
})();

for (let number = 0; number < MESSAGES; number++) {
  connection.send(Buffer.from(String(number)));
  if (number === MESSAGES / 3) {
    relay.stop();
    console.log(`the UDP line is dead: ${next} of ${MESSAGES} messages have come back`);
  }
  const silentMs = Date.now() - heardAt;
  if (silentMs > PATIENCE_MS && connection.line.transport === 'udp') {
    await connection.moveTo('tcp');
    console.log(`moved to line ${connection.line.id}, after ${silentMs} ms without an answer`);
  }
  await delay(10);
}
await receiving;
console.log(`${next} of ${MESSAGES} messages have come back, each once and in order`);
await connection.close();
relay.close();

/** Passes datagrams of one client to a port, and answers back, until it is stopped. */
async function startRelay(host, port) {
  const [near, far] = [createSocket('udp4'), createSocket('udp4')];
  let client;
  let isDead = false;
  near.on('message', (datagram, from) => {
    client = from;
    if (!isDead) far.send(datagram, port, host);
  });
  far.on('message', (datagram) => {
    if (!isDead) near.send(datagram, client.port, client.address);
  });
  near.bind(0, '127.0.0.1');
  await once(near, 'listening');
  return {
    address: { host: '127.0.0.1', port: near.address().port },
    stop() {
      isDead = true;
    },
    close() {
      near.close();
      far.close();
    },
  };
}
