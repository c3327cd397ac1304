// Messages that must be fast: everything goes out on two lines, and the first copy that arrives counts.
//
//     npm start                                         an echo with a login on port 8080
//     node examples/redundant.mjs [login URL]
//
// A copy that is lost on one line costs no time then; without it, a lost message takes another round trip. It works in both
// directions, and costs the bytes again, up to a bound: `redundant: { maxExtraBytesPerSecond }`.
import { Buffer } from 'node:buffer';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from 'kcpgate/client';

const MESSAGES = 100;

const [loginUrl = 'http://127.0.0.1:8080/api/login'] = process.argv.slice(2);
const client = createClient({ loginUrl, redundant: true });
const session = await client.connect();
// The second line takes a moment to be ready; until then messages go out on one.
while ((session.stats().connection?.copies.line ?? null) === null) await delay(10);
console.log(`on ${session.line.id}, and on ${session.stats().connection.copies.line} as well`);

const receiving = (async () => {
  const roundTripsMs = [];
  for await (const message of session) {
    roundTripsMs.push(performance.now() - Number(Buffer.from(message).toString()));
    if (roundTripsMs.length === MESSAGES) break;
  }
  return roundTripsMs.sort((a, b) => a - b);
})();
for (let number = 0; number < MESSAGES; number++) {
  session.send(Buffer.from(String(performance.now())));
  await delay(10);
}
const roundTripsMs = await receiving;
const { copies } = session.stats().connection;
console.log(`${roundTripsMs.length} of ${MESSAGES} messages have come back, each once`);
console.log(`slowest ${roundTripsMs.at(-1).toFixed(1)} ms; ${copies.sent} datagrams were sent twice`);
await client.close();
