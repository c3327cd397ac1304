// A client: it logs in, opens a session on whichever line answers first, talks, and says what happens to it.
//
//     npm start                                         an echo with a login on port 8080
//     node examples/client.mjs [login URL [token]]
//
// In a project of yours the package has its name: import { createClient } from 'kcpgate/client'.
import { Buffer } from 'node:buffer';
import { createClient } from 'kcpgate/client';

const [loginUrl = 'http://127.0.0.1:8080/api/login', token] = process.argv.slice(2);
const client = createClient({ loginUrl, ...(token === undefined ? {} : { token }) });

// From the first attempt to the last word: types, and what each has, are in docs/client.md.
const onStatus = ({ type, ...fields }) => {
  if (type === 'decision' || type === 'surveyed') return;
  console.log(`${type}: ${JSON.stringify(fields)}`);
};
const session = await client.connect({ onStatus });

/** Waits while the queue is full, or while there is no connection. */
async function send(text) {
  const bytes = Buffer.from(text);
  while (session.send(bytes) < bytes.length) await session.writable();
}

for (const text of ['one', 'two', 'three']) await send(text);
let answers = 0;
for await (const message of session) {
  console.log(`answer: ${Buffer.from(message).toString()}`);
  if (++answers === 3) break;
}

const { gatewayId, connection } = session.stats();
console.log(`on line ${session.line.id} of gateway ${gatewayId}, round trip ${connection.kcp.srttMs} ms`);
await client.close();
