// The UDP line dies in the middle of a session, and the session goes on over another one by itself: nothing is lost, nothing
// comes twice.
//
//     npm start                                         an echo with a login on port 8080
//     node examples/lost-line.mjs [login URL]
//
// The UDP line leads through a relay of its own here, which from some time on passes nothing any more, as a firewall might.
import { Buffer } from 'node:buffer';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from 'kcpgate/client';

const MESSAGES = 300;

const [loginUrl = 'http://127.0.0.1:8080/api/login'] = process.argv.slice(2);
const relays = [];
const client = createClient({ loginUrl, fetch: fetchThroughRelays });
const session = await client.connect();
console.log(`open on line ${session.line.id}`);

let diedAt;
session.on('suspect', ({ line, reason }) => console.log(`line ${line} is suspect: ${reason}`));
session.on('moved', ({ to }) => {
  if (diedAt === undefined) return;
  console.log(`moved to line ${to}, ${Math.round(performance.now() - diedAt)} ms after the UDP line died`);
});

let next = 0;
const receiving = (async () => {
  for await (const message of session) {
    const number = Number(Buffer.from(message).toString());
    if (number !== next) throw new Error(`message ${number} came, ${next} is missing`);
    if (++next === MESSAGES) return;
  }
})();

for (let number = 0; number < MESSAGES; number++) {
  session.send(Buffer.from(String(number)));
  if (number === MESSAGES / 3) {
    // Where all lines are as fast as here, it may have begun on another one.
    if (session.line.transport !== 'udp') await session.moveTo('udp');
    for (const relay of relays) relay.stop();
    diedAt = performance.now();
    console.log(`the UDP line is dead: ${next} of ${MESSAGES} messages have come back`);
  }
  await delay(10);
}
await receiving;
console.log(`${next} of ${MESSAGES} messages have come back, each once and in order`);
console.log(session.explain().text);
await client.close();
for (const relay of relays) relay.close();

/** What the login says, with a relay in front of each UDP line. */
async function fetchThroughRelays(url, options) {
  const response = await fetch(url, options);
  const answer = await response.json();
  for (const line of answer.lines ?? []) {
    if (line.transport !== 'udp') continue;
    const relay = await startRelay(line.host, line.port);
    relays.push(relay);
    Object.assign(line, relay.address);
  }
  return Response.json(answer, { status: response.status });
}

/** Passes datagrams to a port and answers back, until it is stopped. */
async function startRelay(host, port) {
  const near = createSocket('udp4');
  const clients = new Map();
  let isDead = false;
  near.on('message', (datagram, client) => {
    let far = clients.get(client.port);
    if (far === undefined) {
      far = createSocket('udp4');
      far.on('message', (answer) => isDead || near.send(answer, client.port, client.address));
      clients.set(client.port, far);
    }
    if (!isDead) far.send(datagram, port, host);
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
      for (const far of clients.values()) far.close();
    },
  };
}
