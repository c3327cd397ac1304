// A session as a Duplex of Node: 8 MiB go to the echo and come back through `pipeline`, with back-pressure all the way.
//
//     npm start                                         an echo with a login on port 8080
//     node examples/stream.mjs [login URL]
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createClient, toDuplex } from 'kcpgate/client';

const CHUNKS = 128;

const [loginUrl = 'http://127.0.0.1:8080/api/login'] = process.argv.slice(2);
// Bytes are one stream, without borders: as with a TCP server behind the gateway.
const client = createClient({ loginUrl, mode: 'stream' });
const session = await client.connect();

const sent = createHash('sha256');
const received = createHash('sha256');
let bytes = 0;

function* source() {
  for (let number = 0; number < CHUNKS; number++) {
    const chunk = Buffer.alloc(65_536, String(number));
    sent.update(chunk);
    yield chunk;
  }
}

await pipeline(Readable.from(source(), { objectMode: false }), toDuplex(session), async (chunks) => {
  for await (const chunk of chunks) {
    received.update(chunk);
    bytes += chunk.length;
  }
});
const same = sent.digest('hex') === received.digest('hex');
console.log(`${bytes} bytes came back, ${same ? 'every one as it was sent' : 'not all as they were sent'}`);

// Both ends have said that they are done: the session is over, and nothing has to be closed.
const { code, reason } = await session.closed;
console.log(`closed: ${code}, ${reason}`);
