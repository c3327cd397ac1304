// A session that logs in, goes from line to line while it talks, and says what happens to it.
//
//     npm start                                         an echo with a login on port 8080
//     node examples/session.mjs [login URL [token]]
//
// After a round over all lines it stays and takes what you type: a line to go there, anything else to send it. Ctrl-D ends.
// In a project of yours the package has its name: import { connect } from 'kcpgate/client'.
import { Buffer } from 'node:buffer';
import { createInterface } from 'node:readline';
import { connect } from 'kcpgate/client';

const [loginUrl = 'http://127.0.0.1:8080/api/login', token] = process.argv.slice(2);
const connection = await connect({ loginUrl, ...(token === undefined ? {} : { token }) });

connection.on('moved', ({ from, to }) => console.log(`moved: ${from} -> ${to}`));
connection.on('pathlost', ({ line }) => console.log(`line ${line} broke, it is made again`));
connection.on('draining', ({ deadlineMs }) => console.log(`the gateway goes in ${deadlineMs} ms`));
let input;
connection.on('close', ({ code, reason, mayReconnect }) => {
  console.log(`closed: ${code}, ${reason}${mayReconnect ? '; connect again' : ''}`);
  input?.close();
});
process.once('SIGINT', () => void connection.close());

const answers = connection[Symbol.asyncIterator]();
/** Sends a message and waits for what the echo makes of it. */
async function say(text, meanwhile = undefined) {
  connection.send(Buffer.from(text));
  await meanwhile?.();
  const { value, done } = await answers.next();
  if (!done) console.log(`answer: ${Buffer.from(value).toString()}`);
}

console.log(`open on line ${connection.line.id}, of ${connection.lines.length}`);
for (const line of connection.lines) {
  // The other direction goes on meanwhile: nothing is lost, and nothing comes twice.
  await say(`hello over ${line.id}`, () => connection.moveTo(line));
}

const lines = new Set(connection.lines.flatMap(({ id, transport }) => [id, transport]));
if (process.stdin.isTTY) console.log(`type ${[...lines].join(', ')} to go there, or a message`);
input = createInterface({ input: process.stdin });
try {
  for await (const typed of input) {
    if (lines.has(typed)) await connection.moveTo(typed);
    else if (typed !== '') await say(typed);
  }
} catch (error) {
  // A line that does not answer, for one: the session stays where it is.
  console.log(error.message);
}
await connection.close();
